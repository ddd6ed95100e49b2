package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// The bounds of a connection. The idle time is short, because a request on a
// connection that the gateway is closing has an unknown outcome.
const (
	dialTimeout           = 30 * time.Second
	keepAlive             = 30 * time.Second
	tlsHandshakeTimeout   = 10 * time.Second
	idleConnTimeout       = 20 * time.Second
	expectContinueTimeout = time.Second
	pingAfter             = 10 * time.Second
	pingTimeout           = 5 * time.Second
	maxHeaderBytes        = 64 << 10
)

// newTransport builds the connections of one gateway. guarded refuses private addresses.
func newTransport(options *Options, guarded bool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialFunc(guarded),
		TLSClientConfig:        cloneTLS(options.TLSConfig),
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           options.MaxInFlight,
		MaxIdleConnsPerHost:    options.MaxInFlight,
		IdleConnTimeout:        idleConnTimeout,
		TLSHandshakeTimeout:    tlsHandshakeTimeout,
		ExpectContinueTimeout:  expectContinueTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
}

func cloneTLS(config *tls.Config) *tls.Config {
	if config == nil {
		return nil
	}
	return config.Clone()
}

func dialFunc(guarded bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	if guarded {
		dialer.Control = newAddressGuard().control
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn}, nil
	}
}

// countedConn counts the bytes that may have reached the other side. net/http
// says that a request was written when it is in its buffer; only the count
// tells whether any of it left.
type countedConn struct {
	net.Conn
	sent atomic.Int64
}

// Write implements net.Conn. Bytes count before they are written, so that a
// reader of the count never misses any.
func (c *countedConn) Write(data []byte) (int, error) {
	c.sent.Add(int64(len(data)))
	n, err := c.Conn.Write(data)
	c.sent.Add(int64(n - len(data)))
	return n, err
}

// countedConnOf finds the counting connection under TLS, nil when there is none.
func countedConnOf(conn net.Conn) *countedConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	counted, _ := conn.(*countedConn)
	return counted
}
