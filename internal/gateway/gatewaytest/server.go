package gatewaytest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The bounds of a connection.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Server serves a handler on a port of its own.
type Server struct {
	closing  func()
	server   *http.Server
	listener net.Listener
	scheme   string
	served   chan error
	stop     sync.Once
	stopErr  error
}

// Listen starts to serve the handler on an address such as "127.0.0.1:0".
// closing, if any, is called first at Stop, to release what hangs.
func Listen(ctx context.Context, address string, handler http.Handler, closing func()) (*Server, error) {
	return ListenTLS(ctx, address, handler, TLSOptions{Closing: closing})
}

// TLSOptions says how ListenTLS serves.
type TLSOptions struct {
	// Closing is as in Listen.
	Closing func()
	// Certificate makes it https, nil is plain HTTP.
	Certificate *Certificate
	// HTTP1Only leaves HTTP/2 out.
	HTTP1Only bool
}

// ListenTLS is Listen over TLS.
func ListenTLS(ctx context.Context, address string, handler http.Handler, options TLSOptions) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	s := &Server{
		closing:  options.Closing,
		scheme:   "http",
		listener: listener,
		served:   make(chan error, 1),
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
			Protocols:         new(http.Protocols),
		},
	}
	s.server.Protocols.SetHTTP1(true)
	s.server.Protocols.SetHTTP2(!options.HTTP1Only)
	if options.Certificate == nil {
		go func() { s.served <- s.server.Serve(listener) }()
		return s, nil
	}
	s.scheme = "https"
	s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{options.Certificate.TLS}, MinVersion: tls.VersionTLS12}
	go func() { s.served <- s.server.ServeTLS(listener, "", "") }()
	return s, nil
}

// Addr returns the address that is listened on, with the port that was given for port 0.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL returns the address as http://host:port or https://host:port.
func (s *Server) URL() string { return s.scheme + "://" + s.Addr() }

// Stop closes the listener, waits for the requests under way until the context
// ends, and then cuts them off. It is idempotent.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() { s.stopErr = s.shutdown(ctx) })
	return s.stopErr
}

func (s *Server) shutdown(ctx context.Context) error {
	if s.closing != nil {
		s.closing()
	}
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop server on %s: %w", s.Addr(), err), s.server.Close())
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve on %s: %w", s.Addr(), served))
	}
	return err
}
