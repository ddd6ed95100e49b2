package httpapi

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

// The bounds of a connection. A request must arrive and be answered within
// them, so that slow callers cannot hold the listener.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 16 << 10
)

// ServerOptions are the settings of a Server.
type ServerOptions struct {
	// Name is the listener's, in logs and errors: "admin" or "public".
	Name string
	// Address is host and port; port 0 takes a free one.
	Address string
	// Setting names the configuration of the listener in errors, e.g. "api".
	Setting string
	Handler http.Handler
	// MaxConnections bounds the open connections; default 512. It is less where the
	// process may open few files: sending and the store need some too.
	MaxConnections int
	// Certificate has the listener speak TLS; nil for plain HTTP.
	Certificate *Certificate
	Logger      *slog.Logger
	// OnFailureFunc is called when the listener ends without Stop; nil for nobody.
	OnFailureFunc func(error)
}

// Server is one listener. Start and Stop may each be called once more without harm.
type Server struct {
	options ServerOptions
	server  *http.Server

	mu       sync.Mutex
	listener *limitedListener
	done     chan struct{}
}

// NewServer returns a server that is not started.
func NewServer(options ServerOptions) *Server {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{options: options, server: &http.Server{
		Handler:           options.Handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
		Protocols:         new(http.Protocols),
		ConnState:         noteState,
	}}
	s.server.Protocols.SetHTTP1(true)
	if options.Certificate == nil {
		// A proxy that knows that the courier speaks HTTP/2 may do so in the clear
		// (h2c with prior knowledge). Nothing is switched by an Upgrade header, so
		// no request gets past a proxy that way.
		s.server.Protocols.SetUnencryptedHTTP2(true)
		return s
	}
	s.server.Protocols.SetHTTP2(true)
	s.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: options.Certificate.get}
	return s
}

// Start listens and serves until Stop. The log then says at which address.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.options.Address)
	if err != nil {
		return fmt.Errorf("listen on %s for %s: %w; set another %s.host or %s.port",
			s.options.Address, s.options.Name, err, s.options.Setting, s.options.Setting)
	}
	lasting := context.WithoutCancel(ctx)
	limited := newLimitedListener(listener, connectionLimit(s.options.MaxConnections), func(limit int) {
		s.options.Logger.WarnContext(lasting, "a listener has as many connections as it may; idle ones are closed and others wait. "+
			"Find out who holds them open, or raise the limit and that of open files",
			slog.String("listener", s.options.Name), slog.Int("limit", limit), slog.String("key", s.options.Setting+".max_connections"))
	})
	s.listener, s.done = limited, make(chan struct{})
	s.server.BaseContext = func(net.Listener) context.Context { return lasting }
	go s.serve(lasting, limited, s.done)
	s.options.Logger.InfoContext(ctx, "listening", slog.String("listener", s.options.Name),
		slog.String("address", listener.Addr().String()), slog.Bool("tls", s.options.Certificate != nil),
		slog.Int("max_connections", limited.limit))
	return nil
}

func (s *Server) serve(ctx context.Context, listener net.Listener, done chan<- struct{}) {
	defer close(done)
	var err error
	if s.options.Certificate == nil {
		err = s.server.Serve(listener)
	} else {
		err = s.server.ServeTLS(listener, "", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return
	}
	s.options.Logger.ErrorContext(ctx, "listener failed", slog.String("listener", s.options.Name), slog.Any("error", err))
	if s.options.OnFailureFunc != nil {
		s.options.OnFailureFunc(fmt.Errorf("serve %s: %w", s.options.Name, err))
	}
}

// Addr returns the address listened on, nil before Start.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Stop takes no more requests, lets those under way finish until the context
// ends, and then cuts them off.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	listener, done := s.listener, s.done
	s.mu.Unlock()
	if done == nil {
		return nil
	}
	// The server itself waits five seconds for a connection on which no request came yet.
	listener.closeIdle()
	last := time.AfterFunc(minIdle+100*time.Millisecond, listener.closeIdle)
	defer last.Stop()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("stop %s listener: requests were cut off: %w", s.options.Name, errors.Join(err, s.server.Close()))
	}
	<-done
	return err
}
