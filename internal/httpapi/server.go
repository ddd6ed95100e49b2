package httpapi

import (
	"context"
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
	// Setting names the configuration of the address in errors, e.g. "api".
	Setting string
	Handler http.Handler
	Logger  *slog.Logger
	// OnFailureFunc is told when the listener ends without Stop; nil for nobody.
	OnFailureFunc func(error)
}

// Server is one listener. Start and Stop may each be called once more without harm.
type Server struct {
	options ServerOptions
	server  *http.Server

	mu       sync.Mutex
	listener net.Listener
	done     chan struct{}
}

// NewServer returns a server that is not started.
func NewServer(options ServerOptions) *Server {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{options: options, server: &http.Server{
		Handler:           options.Handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
	}}
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
	s.listener, s.done = listener, make(chan struct{})
	lasting := context.WithoutCancel(ctx)
	s.server.BaseContext = func(net.Listener) context.Context { return lasting }
	go s.serve(lasting, listener, s.done)
	s.options.Logger.InfoContext(ctx, "listening", slog.String("listener", s.options.Name),
		slog.String("address", listener.Addr().String()))
	return nil
}

func (s *Server) serve(ctx context.Context, listener net.Listener, done chan<- struct{}) {
	defer close(done)
	err := s.server.Serve(listener)
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
	done := s.done
	s.mu.Unlock()
	if done == nil {
		return nil
	}
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("stop %s listener: requests were cut off: %w", s.options.Name, errors.Join(err, s.server.Close()))
	}
	<-done
	return err
}
