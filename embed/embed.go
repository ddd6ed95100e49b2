// Package embed runs the courier inside another Go program: the same queue, gateways,
// retries, receipts and HTTP interface as the command courier, without a process of its
// own. It starts no other process and changes nothing of the program: no default logger,
// no signal, no variable of the environment.
//
// [New] reads the configuration, [Courier.Start] opens the store and begins to send, and
// [Courier.Stop] lets attempts in flight finish. For tests there is the package
// couriertest. docs/embed.md says more.
package embed

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"courier"
	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/gateway"
)

// Courier is a courier inside this program. It is safe for concurrent use.
type Courier struct {
	app   *app.App
	state atomic.Int32
	// turn is held by a start, and by a stop, which ends the start by endStart.
	turn     sync.Mutex
	endStart atomic.Pointer[context.CancelFunc]
}

// The states of a Courier.
const (
	stateNew int32 = iota
	stateStarting
	stateRunning
	stateStopped
)

// New reads the configuration and returns a courier that is not started. Nothing is
// opened yet. The error names everything that is wrong with the configuration.
func New(options Options) (*Courier, error) {
	snippets, err := options.snippets()
	if err != nil {
		return nil, err
	}
	source := config.Options{Files: options.Files, Snippets: snippets, Environ: os.Environ(), ReferencesOnly: true}
	cfg, err := config.Load(source)
	if err != nil {
		return nil, err
	}
	if options.Store == "" && cfg.Position("store.dsn") == "" {
		return nil, errors.New("embed options: Store is missing; give sqlite:///var/lib/app/courier.db, " +
			"postgres://user:password@host/database, or embed.Memory for messages that may be lost")
	}
	host := &app.Host{
		Memory: options.Store == Memory, Listen: options.Listen, Requests: options.requests(),
		Logger: options.Logger, TracerProvider: options.TracerProvider,
	}
	if host.Logger == nil {
		host.Logger = slog.Default()
	}
	made, err := app.New(app.Options{Config: cfg, Watch: source, Version: "embedded", Host: host})
	if err != nil {
		return nil, err
	}
	return &Courier{app: made}, nil
}

// Start opens the store and begins to take and send messages. ctx bounds the start alone.
// When it returns an error, everything is stopped again. A courier starts once, and a Stop
// meanwhile ends the start.
func (c *Courier) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.turn.Lock()
	defer c.turn.Unlock()
	c.endStart.Store(&cancel)
	if !c.state.CompareAndSwap(stateNew, stateStarting) {
		return errors.New("start courier: it was started or stopped before; make another with embed.New")
	}
	if err := c.app.Start(ctx); err != nil {
		c.state.Store(stateStopped)
		return err
	}
	if !c.state.CompareAndSwap(stateStarting, stateRunning) {
		return errors.New("start courier: it was stopped meanwhile")
	}
	return nil
}

// Stop takes no more messages, lets attempts in flight finish within the grace period
// (dispatch.grace_period) and gives back what others may send. It is idempotent.
func (c *Courier) Stop(ctx context.Context) error {
	c.state.Store(stateStopped)
	if end := c.endStart.Load(); end != nil {
		(*end)()
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	return c.app.Stop(ctx)
}

// Failed reports a listener that ended by itself. Stop is still to be called.
func (c *Courier) Failed() <-chan error { return c.app.Failed() }

// Send takes a message: when it returns without an error, the message is stored, and in a
// database survives a crash. It is sent soon after. A repeat with the same idempotency key
// returns the first message. Errors are [*courier.Error].
func (c *Courier) Send(ctx context.Context, draft courier.Draft) (*courier.Message, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return c.app.Send(ctx, draft)
}

// Message returns a message with its attempts. Errors are [*courier.Error].
func (c *Courier) Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	return c.app.Message(ctx, id)
}

func (c *Courier) check() error {
	if c.state.Load() == stateRunning {
		return nil
	}
	return &courier.Error{Code: courier.CodeShuttingDown, Message: "the courier is not running; call Start, and send before Stop"}
}

// AdminHandler serves the API, the health and the metrics, to mount at the root of a
// listener or below a prefix with http.StripPrefix. Without api.keys it answers to
// localhost and IP addresses alone, unless Options.TrustCallers is set. Before Start and
// after Stop it answers 503.
func (c *Courier) AdminHandler() http.Handler { return c.whileRunning((*app.App).Admin) }

// PublicHandler serves what gateways and identity systems call: receipts and hooks. It is
// mounted as AdminHandler is; public.url is its address as they know it.
func (c *Courier) PublicHandler() http.Handler { return c.whileRunning((*app.App).Public) }

func (c *Courier) whileRunning(handler func(*app.App) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.check(); err != nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		handler(c.app).ServeHTTP(w, r)
	})
}

// AdminAddr returns the address of the admin listener, host:port, after Start with
// Options.Listen.
func (c *Courier) AdminAddr() string { return c.app.AdminAddr() }

// PublicAddr returns the address of the public listener, as AdminAddr does.
func (c *Courier) PublicAddr() string { return c.app.PublicAddr() }

// requests are the request functions of the gateways that have one.
func (o *Options) requests() map[string]gateway.RequestFunc {
	functions := map[string]gateway.RequestFunc{}
	for _, g := range o.Gateways {
		if g.RequestFunc != nil {
			functions[g.ID] = func(ctx context.Context, m *courier.Message) (gateway.Made, error) {
				made, err := g.RequestFunc(ctx, m)
				return gateway.Made(made), err
			}
		}
	}
	return functions
}
