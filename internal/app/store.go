package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier/internal/store"
	"courier/internal/store/postgres"
	"courier/internal/store/sqlite"
)

// storeOptions are what every engine takes.
type storeOptions struct {
	dsn        string
	logger     *slog.Logger
	registerer prometheus.Registerer
}

// openFunc opens the message store of one engine.
type openFunc func(ctx context.Context, options storeOptions) (store.Store, error)

// engines are the message stores by the scheme of their DSN.
func engines() map[string]openFunc {
	return map[string]openFunc{
		"sqlite":     openSQLite,
		"postgres":   openPostgres,
		"postgresql": openPostgres,
	}
}

// openStore opens the store that a DSN names. Errors name the scheme alone, as
// the rest may hold a password.
func openStore(ctx context.Context, options storeOptions) (store.Store, error) {
	scheme, _, found := strings.Cut(options.dsn, "://")
	open, known := engines()[scheme]
	if !found || !known {
		return nil, errors.New("open store: store.dsn has a scheme that is not known; give sqlite:// or postgres://")
	}
	return open(ctx, options)
}

func openSQLite(ctx context.Context, options storeOptions) (store.Store, error) {
	opened, err := sqlite.Open(ctx, sqlite.Options{DSN: options.dsn, Logger: options.logger, Registerer: options.registerer})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func openPostgres(ctx context.Context, options storeOptions) (store.Store, error) {
	opened, err := postgres.Open(ctx, postgres.Options{DSN: options.dsn, Logger: options.logger, Registerer: options.registerer})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// checkMaxAge is for how long the answer to a probe holds. A check of the store
// writes, and anybody who reaches the public listener can ask for one.
const checkMaxAge = time.Second

// checkTimeout bounds a check that several probes share, so that they hear of a
// store that does not answer before they give up themselves.
const checkTimeout = 2 * time.Second

// sharedCheck makes one check for all probes that come within checkMaxAge.
type sharedCheck struct {
	checkFunc func(context.Context) error
	nowFunc   func() time.Time

	mu sync.Mutex
	// running is closed at the end of the check under way, nil without one.
	running chan struct{}
	doneAt  time.Time
	err     error
}

// check returns what the check came to, within the time of the caller.
func (c *sharedCheck) check(ctx context.Context) error {
	c.mu.Lock()
	if since := c.nowFunc().Sub(c.doneAt); c.running == nil && since >= 0 && since < checkMaxAge {
		defer c.mu.Unlock()
		return c.err
	}
	if c.running == nil {
		c.running = make(chan struct{})
		go c.run(context.WithoutCancel(ctx), c.running)
	}
	running := c.running
	c.mu.Unlock()
	select {
	case <-running:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run makes the check. It is nobody's own, so no caller cuts it short.
func (c *sharedCheck) run(ctx context.Context, done chan<- struct{}) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := c.checkFunc(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.doneAt, c.running = err, c.nowFunc(), nil
	close(done)
}
