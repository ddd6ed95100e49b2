package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"courier/internal/config"
	"courier/internal/store"
	"courier/internal/store/memory"
	"courier/internal/store/postgres"
	"courier/internal/store/sqlite"
)

// errNoEngine reports a DSN of no engine. It does not quote it, as it may hold a password.
var errNoEngine = errors.New("expected sqlite://file.db or postgres://user:password@host:port/database; " +
	"messages are kept in no other kind of database")

// engineOf returns the kind of store that a DSN names, "" for none.
func engineOf(dsn string) string {
	switch {
	case strings.HasPrefix(dsn, "sqlite://"):
		return "sqlite"
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		return "postgres"
	}
	return ""
}

// checkStore lets the engine judge its address. Nothing is opened.
func checkStore(cfg *config.Config) (err error) {
	dsn := cfg.Store.DSN.Reveal()
	switch engineOf(dsn) {
	case "sqlite":
		_, err = sqlite.ParseDSN(dsn)
	case "postgres":
		err = postgres.ParseDSN(dsn)
	default:
		err = errNoEngine
	}
	if err != nil {
		return &config.InvalidError{Problems: []config.Problem{cfg.Problem("store.dsn", err.Error())}, Warnings: cfg.Warnings}
	}
	return nil
}

func (a *App) inMemory() bool { return a.options.Host != nil && a.options.Host.Memory }

// storeKind is the kind of store for people.
func (a *App) storeKind() string {
	if a.inMemory() {
		return "memory"
	}
	return engineOf(a.options.Config.Store.DSN.Reveal())
}

// ownStore opens the store of the courier.
func (a *App) ownStore(ctx context.Context) (store.Store, error) {
	if a.inMemory() {
		return memory.New(memory.Options{}), nil
	}
	if err := checkStore(a.options.Config); err != nil {
		return nil, err
	}
	return openStore(ctx, a.options.Config.Store.DSN.Reveal(), a.logger, a.registry)
}

// openStore opens the store that a DSN names.
func openStore(ctx context.Context, dsn string, logger *slog.Logger, registerer prometheus.Registerer) (store.Store, error) {
	switch engineOf(dsn) {
	case "sqlite":
		return opened(sqlite.Open(ctx, sqlite.Options{DSN: dsn, Logger: logger, Registerer: registerer}))
	case "postgres":
		return opened(postgres.Open(ctx, postgres.Options{DSN: dsn, Logger: logger, Registerer: registerer}))
	}
	return nil, fmt.Errorf("open store: %w", errNoEngine)
}

// opened keeps a store that is nil from becoming an interface that is not.
func opened[S store.Store](from S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return from, nil
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

	group singleflight.Group
	last  atomic.Pointer[checked]
}

// checked is what a check came to, and when.
type checked struct {
	at  time.Time
	err error
}

// check returns what the check came to, within the time of the caller. The check itself is
// nobody's own, so no caller cuts it short.
func (c *sharedCheck) check(ctx context.Context) error {
	if last := c.last.Load(); last != nil {
		if since := c.nowFunc().Sub(last.at); since >= 0 && since < checkMaxAge {
			return last.err
		}
	}
	result := c.group.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
		defer cancel()
		err := c.checkFunc(ctx)
		c.last.Store(&checked{c.nowFunc(), err})
		return nil, err
	})
	select {
	case done := <-result:
		return done.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}
