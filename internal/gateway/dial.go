package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/proxy"
)

// dialer makes the connections of a network: through the proxy if there is one, with
// TLS for https. It does so itself to see the answers within TLS, and to name
// the step that failed.
type dialer struct {
	tcp       net.Dialer
	tls       *tls.Config
	proxyFunc func(*url.URL) (*url.URL, error)
	// timeout bounds all steps. It is shorter than an attempt, so that the
	// attempt learns which one failed.
	timeout time.Duration
	// open counts the connections, drained gets a value when it falls to 0.
	open    atomic.Int64
	drained chan struct{}
}

// dialError is a connection that could not be made. Nothing was sent on it.
type dialError struct {
	// proxy is the proxy that is at fault, without user and password, empty for the gateway.
	proxy string
	// variable is the environment variable whose address cannot be used, if it is that.
	variable string
	// status is what the proxy answered to CONNECT, 0 for nothing.
	status int
	// address is what was dialed.
	address string
	// handshake is true when TLS failed.
	handshake bool
	err       error
}

// Error implements error.
func (e *dialError) Error() string { return "dial: " + e.err.Error() }

// Unwrap returns the cause.
func (e *dialError) Unwrap() error { return e.err }

// stageKey is the key of a *dialStage in the context of a dial.
type stageKey struct{}

// dialStage is what a dial is waiting for, as the error that it would end with. An
// attempt may end before its dial does, and tells it then.
type dialStage struct{ waiting atomic.Pointer[dialError] }

func noteStage(ctx context.Context, waiting dialError) {
	if stage, ok := ctx.Value(stageKey{}).(*dialStage); ok {
		stage.waiting.Store(&waiting)
	}
}

// explain returns the error of an attempt that ended without a connection.
func (s *dialStage) explain(err error) error {
	waiting := s.waiting.Load()
	if waiting == nil || !isTimeout(err) || isType[*dialError](err) {
		return err
	}
	failed := *waiting
	failed.err = err
	return &failed
}

// dialPlain is for http: the address is the gateway's or, through a proxy, the proxy's.
func (d *dialer) dialPlain(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, done := d.begin(ctx)
	defer done()
	conn, err := d.connect(ctx, address)
	if err != nil {
		return nil, err
	}
	return newAnswerConn(conn), nil
}

// dialTLS is for https. For HTTP/2 net/http asks for a *tls.Conn.
func (d *dialer) dialTLS(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, done := d.begin(ctx)
	defer done()
	proxyName, dial := "", d.tunnel
	if via, err := d.proxyFunc(&url.URL{Scheme: "http", Host: "example.com"}); err == nil && via != nil &&
		via.Scheme == "https" && addressOf(via) == address { // the proxy of an http url, spoken to by https
		proxyName, dial = originOf(via), d.connect
	}
	conn, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	secure, err := d.secure(ctx, conn, address, proxyName)
	if err != nil {
		return nil, err
	}
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		return secure, nil
	}
	return newAnswerConn(secure), nil
}

func (d *dialer) connect(ctx context.Context, address string) (net.Conn, error) {
	conn, err := d.tcp.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, &dialError{address: address, err: err}
	}
	d.open.Add(1)
	return &countedConn{Conn: conn, closedFunc: func() {
		if d.open.Add(-1) == 0 {
			select {
			case d.drained <- struct{}{}:
			default:
			}
		}
	}}, nil
}

// secure speaks TLS to the proxy of a name, and where that is empty to the gateway.
func (d *dialer) secure(ctx context.Context, conn net.Conn, address, proxyName string) (*tls.Conn, error) {
	noteStage(ctx, dialError{proxy: proxyName, handshake: true})
	config := d.tls.Clone()
	if proxyName != "" { // the certificate of the client is for the gateway
		config.NextProtos, config.Certificates, config.GetClientCertificate = nil, nil, nil
	}
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, &dialError{err: err}
		}
		config.ServerName = host
	}
	asked := false
	if len(config.Certificates) == 0 && config.GetClientCertificate == nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return &tls.Certificate{}, nil
		}
	}
	secure := tls.Client(conn, config)
	err := secure.HandshakeContext(ctx)
	if err == nil {
		countedConnOf(secure).isAsked = asked
		return secure, nil
	}
	_ = conn.Close()
	if asked && isAlert(handshakeFailure)(err) {
		err = errClientCertificate
	}
	return nil, &dialError{proxy: proxyName, handshake: true, err: err}
}

// proxyFor returns the proxy for a url, nil for none. Its error is a *dialError, and
// quotes nothing, as the address may hold a password.
func (d *dialer) proxyFor(target *url.URL) (*url.URL, error) {
	via, err := d.proxyFunc(target)
	if err == nil && (via == nil || slices.Contains([]string{"http", "https", "socks5", "socks5h"}, via.Scheme)) {
		return via, nil
	}
	return nil, &dialError{variable: strings.ToUpper(target.Scheme) + "_PROXY", err: errors.New("the address of the proxy cannot be used")}
}

// tunnel returns a connection to an address, directly or through the proxy for it.
func (d *dialer) tunnel(ctx context.Context, address string) (net.Conn, error) {
	via, err := d.proxyFor(&url.URL{Scheme: "https", Host: address})
	if err != nil {
		return nil, err
	}
	if via == nil {
		return d.connect(ctx, address)
	}
	noteStage(ctx, dialError{proxy: originOf(via)})
	conn, err := d.connectVia(ctx, via, address)
	if failed, ok := errors.AsType[*dialError](err); ok {
		failed.proxy = originOf(via)
	}
	return conn, err
}

func (d *dialer) connectVia(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	conn, err := d.connect(ctx, addressOf(via))
	if err != nil {
		return nil, err
	}
	switch via.Scheme {
	case "socks5", "socks5h":
		err = connectSOCKS(ctx, conn, via, address)
	case "https":
		if conn, err = d.secure(ctx, conn, addressOf(via), originOf(via)); err != nil {
			return nil, err
		}
		fallthrough
	default:
		err = connectHTTP(ctx, conn, via, address)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// connectHTTP asks a proxy for a tunnel (RFC 9110, 9.3.6).
func connectHTTP(ctx context.Context, conn net.Conn, via *url.URL, address string) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if via.User != nil {
		request.Header.Set("Proxy-Authorization", basicToken(via.User))
	}
	if err := request.Write(conn); err != nil {
		return &dialError{err: err}
	}
	// The gateway says nothing before it is spoken to, so no byte of it is in this buffer.
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, http.DefaultMaxHeaderBytes)), request)
	if err != nil {
		return &dialError{err: err}
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return &dialError{status: response.StatusCode, err: fmt.Errorf("CONNECT was answered with %d", response.StatusCode)}
	}
	return nil
}

func connectSOCKS(ctx context.Context, conn net.Conn, via *url.URL, address string) error {
	socks, err := proxy.FromURL(via, proxy.Direct)
	if err != nil {
		return &dialError{err: err}
	}
	over, ok := socks.(interface {
		DialWithConn(ctx context.Context, conn net.Conn, network, address string) (net.Addr, error)
	})
	if !ok {
		return &dialError{err: errors.ErrUnsupported}
	}
	if _, err = over.DialWithConn(ctx, conn, "tcp", address); err != nil {
		return &dialError{err: err}
	}
	return nil
}

// addressOf returns host:port, with the default port of the scheme.
func addressOf(target *url.URL) string {
	port := target.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[target.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(target.Hostname(), port)
}
