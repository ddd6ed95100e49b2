package gateway

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// direct sends requests of one plain HTTP/1.1 gateway on connections of its own.
// The goroutine of an attempt writes the request and reads the answer itself,
// where http.Transport hands both to two more goroutines a connection, which
// costs as much as the exchange. Writing a request and reading an answer are
// those of net/http. TLS, proxies and what changes the protocol stay with
// http.Transport.
type direct struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	address string
	maxIdle int

	mu     sync.Mutex
	idle   []*directConn // the latest used last
	closed bool
	sweep  *time.Timer
}

// maxDirectBody is the largest body that a direct sends. A gateway may refuse a
// larger one, and stop to read, while it is on its way: http.Transport hears that,
// as it reads beside writing.
const maxDirectBody = 64 << 10

// takes reports whether a request is for a direct, which may be nil.
func (d *direct) takes(request *http.Request) bool {
	return d != nil && request.ContentLength <= maxDirectBody
}

// newDirect returns nil when the requests of a gateway are not for it.
func newDirect(options *Options, target *url.URL, header http.Header, guarded bool) *direct {
	if !canPeek || target.Scheme != "http" || options.Method == http.MethodConnect || !isASCII(target.Hostname()) {
		return nil
	}
	for _, name := range [...]string{"Connection", "Expect", "Te", "Trailer", "Upgrade", "Proxy-Connection"} {
		if len(header[name]) > 0 {
			return nil
		}
	}
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target}); proxy != nil || err != nil {
		return nil
	}
	port := target.Port()
	if port == "" {
		port = "80"
	}
	return &direct{
		dial: dialFunc(guarded), address: net.JoinHostPort(target.Hostname(), port), maxIdle: options.MaxInFlight,
	}
}

func isASCII(text string) bool {
	return !slices.ContainsFunc([]byte(text), func(char byte) bool { return char >= 0x80 })
}

// roundTrip sends one request. Without a response, written says whether the
// whole request may have reached the gateway. The connection serves the next
// request once the body was read to its end and closed.
func (d *direct) roundTrip(ctx context.Context, request *http.Request) (response *http.Response, written bool, err error) {
	c, err := d.connect(ctx)
	if err != nil {
		return nil, false, err
	}
	// The end of the context ends what is read or written at that time.
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	response, written, err = c.exchange(request)
	if err != nil {
		stop()
		_ = c.Close()
		if cause := ctx.Err(); cause != nil {
			err = fmt.Errorf("exchange: %w", cause)
		}
		return nil, written, err
	}
	response.Body = &directBody{body: response.Body, conn: c, pool: d, stop: stop, keep: !response.Close}
	return response, true, nil
}

// connect returns an idle connection that the gateway has not closed, or a new one.
func (d *direct) connect(ctx context.Context) (*directConn, error) {
	for c := d.pop(); c != nil; c = d.pop() {
		if time.Since(c.idleSince) < idleConnTimeout && c.isQuiet() {
			return c, nil
		}
		_ = c.Close()
	}
	conn, err := d.dial(ctx, "tcp", d.address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	c := &directConn{Conn: conn}
	c.reader = bufio.NewReader(&limitedReader{conn: c})
	return c, nil
}

func (d *direct) pop() *directConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := len(d.idle) - 1
	if last < 0 {
		return nil
	}
	c := d.idle[last]
	d.idle = d.idle[:last]
	return c
}

// push keeps a connection for the next request.
func (d *direct) push(c *directConn) {
	c.idleSince = time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.idle) >= d.maxIdle {
		_ = c.Close()
		return
	}
	d.idle = append(d.idle, c)
	if d.sweep == nil {
		d.sweep = time.AfterFunc(idleConnTimeout, d.expire)
	}
}

// expire closes the connections that were idle for too long.
func (d *direct) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := 0
	for old < len(d.idle) && time.Since(d.idle[old].idleSince) >= idleConnTimeout {
		_ = d.idle[old].Close()
		old++
	}
	d.idle = slices.Delete(d.idle, 0, old)
	d.sweep = nil
	if len(d.idle) > 0 {
		d.sweep = time.AfterFunc(idleConnTimeout-time.Since(d.idle[0].idleSince), d.expire)
	}
}

// close ends the idle connections, and those in use after their answer.
func (d *direct) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.sweep != nil {
		d.sweep.Stop()
	}
	for _, c := range d.idle {
		_ = c.Close()
	}
	d.idle = nil
}
