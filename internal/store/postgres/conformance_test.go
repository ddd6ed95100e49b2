package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
	"courier/internal/store/storetest"
)

// placed is a store that puts messages into statuses which only receipts lead
// to. Its database serves another test when it is closed.
type placed struct {
	*postgres.Store
	dsn     string
	free    func()
	metrics prometheus.Gatherer
}

// Beat implements store.Store. It returns after the maintenance that follows a beat, which
// holds messages for a moment: a sweep leaves such out, where that in memory finds them.
func (p placed) Beat(ctx context.Context, beat store.Beat) (store.Standing, error) {
	before := p.maintained()
	standing, err := p.Store.Beat(ctx, beat)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for err == nil && ctx.Err() == nil && p.maintained() == before {
		<-tick.C
	}
	return standing, err
}

// maintained returns how often the database was maintained.
func (p placed) maintained() (count float64) {
	families, _ := p.metrics.Gather()
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetValue() == "maintain" {
					count += m.GetCounter().GetValue()
				}
			}
		}
	}
	return count
}

// Close implements store.Store.
func (p placed) Close() error {
	defer p.free()
	return p.Store.Close()
}

// Place implements storetest.Placer on a connection of its own.
func (p placed) Place(ctx context.Context, id courier.ID, status courier.Status) error {
	conn, err := connect(ctx, p.dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	tag, err := conn.Exec(ctx, "UPDATE courier.message SET status = $1 WHERE id = $2 AND status = 'sent'", string(status), id.String())
	if err != nil {
		return err
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("%d messages were placed", tag.RowsAffected())
	}
	return nil
}

func TestStore_Conforms(t *testing.T) {
	t.Parallel()
	used := &shelf{databases: pgtest.Shared(t), group: t}
	storetest.RunShared(t, func(t *testing.T) store.Store {
		t.Helper()
		dsn := used.take(t)
		return place(t, dsn, sync.OnceFunc(func() { used.put(dsn) }))
	}, func(t *testing.T) (one, other store.Store) {
		t.Helper()
		dsn := used.take(t)
		var closed atomic.Int32
		free := func() {
			if closed.Add(1) == 2 {
				used.put(dsn)
			}
		}
		return place(t, dsn, sync.OnceFunc(free)), place(t, dsn, sync.OnceFunc(free))
	})
}

// place opens a store on a database that is given back when it is closed.
func place(t *testing.T, dsn string, free func()) placed {
	t.Helper()
	registry := prometheus.NewRegistry()
	s, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn, Registerer: registry})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	p := placed{Store: s, dsn: dsn, free: free, metrics: registry}
	t.Cleanup(func() { closeStore(t, p) })
	return p
}

// shelf keeps databases that tests are done with, as emptying one is quicker
// than making one.
type shelf struct {
	databases *pgtest.Databases
	// group is the test at whose end they are dropped.
	group *testing.T
	mutex sync.Mutex
	free  []string
}

// take returns the address of a database without messages.
func (s *shelf) take(t *testing.T) string {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.free) == 0 {
		// Few connections each, as many databases are in use at once.
		return s.databases.NewDatabase(s.group) + "&pool_max_conns=4"
	}
	dsn := s.free[0]
	s.free = s.free[1:]
	empty(t, dsn)
	return dsn
}

func (s *shelf) put(dsn string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.free = append(s.free, dsn)
}

// empty removes all rows but those that say which migrations ran.
func empty(t *testing.T, dsn string) {
	t.Helper()
	execute(t, dsn, "DELETE FROM courier.message; DELETE FROM courier.tally; DELETE FROM courier.node; "+
		"DELETE FROM courier.duty; DELETE FROM courier.probe; "+
		"DELETE FROM courier.usage; DELETE FROM courier.event; DELETE FROM courier.listener; "+
		"DELETE FROM courier.parked; DELETE FROM courier.gateway_minute; DELETE FROM courier.route_weight; "+
		"DELETE FROM courier.series; DELETE FROM courier.fault; DELETE FROM courier.audit; DELETE FROM courier.gateway_pause; DELETE FROM courier.action")
}

// execute runs statements on a connection of their own.
func execute(tb testing.TB, dsn, statements string) {
	tb.Helper()
	conn, err := connect(tb.Context(), dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(tb.Context()) }()
	if _, err := conn.Exec(tb.Context(), statements, pgx.QueryExecModeSimpleProtocol); err != nil {
		tb.Fatal(err)
	}
}

// connect opens a connection of its own to the database of a store.
func connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	dsn, _, _ = strings.Cut(dsn, "&pool_max_conns")
	return pgx.Connect(ctx, dsn)
}
