// Package postgres is the message store on PostgreSQL 14 and later (jackc/pgx),
// which any number of couriers share. All that it has is in a schema of its own,
// courier, and no statement depends on the state of a connection, so a pooler may
// stand between. Each change is one statement where it can be: it is its own
// transaction, and one round trip. Concurrent calls of Enqueue share statements
// and commits (group commit). A change whose answer is lost with its connection
// is looked for before it is made again.
package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/store"
)

// Options configure a store.
type Options struct {
	// DSN names the database, see ParseDSN. Mandatory.
	DSN string
	// Logger takes what an operator should know; nil discards it.
	Logger *slog.Logger
	// Registerer takes the metrics courier_store_…; nil leaves them out.
	Registerer prometheus.Registerer
	// NowFunc is the clock; nil is that of the database.
	NowFunc func() time.Time
	// RetryFor is how long an operation is tried again while the database cannot
	// be reached, 0 for 20 seconds.
	RetryFor time.Duration
}

// Store is a message store. It implements store.Store.
type Store struct {
	target   target
	pool     *pgxpool.Pool
	texts    map[string]string
	mode     atomic.Int32
	id       pgtype.UUID
	outages  outages
	queue    *queue
	lost     *lostLeases
	clock    *clock
	notifier *notifier
	wakes    chan store.Wake
	// beaten asks for the maintenance after a beat: true where the node does the housekeeping.
	beaten chan bool
	// shared has room for the tries of all but the node itself, so that one connection
	// is left to say that it is alive.
	shared   chan struct{}
	metrics  *store.Metrics
	logger   *slog.Logger
	nowFunc  func() time.Time
	retryFor time.Duration
	outgoing
	background
}

// outgoing is what this process keeps for messages that are sent: the segments of their
// keys, and the tallies that are not written yet.
type outgoing struct {
	segments store.Segments
	tallies  store.Tallies
	// tallying is held while tallies are written, so that whoever reads them waits.
	tallying sync.Mutex
	// thinner says when to thin out what is written; of tallying.
	thinner store.Thinner
}

// background is what runs next to the calls of a store, until Close.
type background struct {
	// stop ends it; running waits for it, writing for the goroutines that serve the queue.
	stop             context.CancelFunc
	running, writing sync.WaitGroup
	// closing is closed when Close begins, which ends the repeats, and closed at its end.
	closing, closed chan struct{}
}

var _ store.Store = (*Store)(nil)

// schema holds all that the courier has in the database.
const schema = "courier"

// openFor bounds how long Open tries to connect to the server.
const openFor = 15 * time.Second

// Open connects to the database, making or migrating the schema when it has to.
// The context is for opening only; its values go on into what the store writes.
// Errors are ErrInvalidDSN, or wrap store.ErrUnavailable, store.ErrReadOnly or
// store.ErrFull and name the server and the next step. None shows the password.
func Open(ctx context.Context, options Options) (*Store, error) {
	s, err := newStore(context.WithoutCancel(ctx), options)
	if err != nil {
		return nil, err
	}
	if s.metrics, err = store.NewMetrics(options.Registerer); err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeoutCause(ctx, openFor, errNoAnswer)
	defer cancel()
	if err := s.connect(bounded); err != nil {
		if s.pool != nil {
			s.pool.Close()
		}
		if bounded.Err() != nil && ctx.Err() == nil {
			err = noAnswer(err)
		}
		return nil, s.fault("open database", err)
	}
	s.start(context.WithoutCancel(ctx))
	return s, nil
}

func newStore(ctx context.Context, options Options) (*Store, error) {
	at, err := parse(options.DSN)
	if err != nil {
		return nil, err
	}
	known := outages{away: newOutage(ctx), readOnly: newOutage(ctx)}
	s := &Store{
		target: at, texts: statementTexts(), outages: known, queue: newQueue(at.config.MaxConns, known),
		clock: newClock(), notifier: &notifier{wakes: map[store.Wake]struct{}{}, ready: make(chan struct{}, 1)},
		wakes: make(chan store.Wake, wakeLength), beaten: make(chan bool, 1),
		shared: make(chan struct{}, max(at.config.MaxConns-nodeConns, 1)), logger: cmp.Or(options.Logger, slog.New(slog.DiscardHandler)),
		nowFunc: options.NowFunc, retryFor: cmp.Or(options.RetryFor, retryFor),
		background: background{closing: make(chan struct{}), closed: make(chan struct{})},
	}
	_, _ = rand.Read(s.id.Bytes[:])
	s.id.Valid = true
	s.lost = &lostLeases{leases: map[courier.Lease]search{}, now: s.clock.steady}
	s.mode.Store(int32(at.config.ConnConfig.DefaultQueryExecMode))
	at.config.BeforeConnect = func(_ context.Context, config *pgx.ConnConfig) error {
		config.DefaultQueryExecMode = pgx.QueryExecMode(s.mode.Load())
		return nil
	}
	return s, nil
}

// connect makes the pool and finds out whether the database serves.
func (s *Store) connect(ctx context.Context) error {
	var err error
	if s.pool, err = pgxpool.NewWithConfig(ctx, s.target.config); err != nil {
		return err
	}
	if err := s.inspect(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, s.pool, s.logger); err != nil {
		return err
	}
	if err := s.detectPooler(ctx); err != nil {
		return err
	}
	conn, err := acquire(ctx, s.pool)
	if err != nil {
		return err
	}
	defer conn.Release()
	on := &session{on: conn, texts: s.texts, store: s.id}
	for range clockSamples / 2 {
		if err := s.clock.measure(ctx, on); err != nil {
			return err
		}
	}
	return s.prepare(ctx, conn.Conn())
}

// prepare lets the server read each statement, so that a broken one fails the
// start and not the first message.
func (s *Store) prepare(ctx context.Context, conn *pgx.Conn) error {
	for name, text := range s.texts {
		if _, err := conn.PgConn().Prepare(ctx, "", text, nil); err != nil {
			return fmt.Errorf("prepare statement %s: %w", name, err)
		}
	}
	return nil
}

// start begins what runs until Close.
func (s *Store) start(ctx context.Context) {
	for writer := range int32(enqueueWriters) {
		s.writing.Go(func() { s.storeGroups(ctx, writer) })
	}
	for writer := range int32(operationWriters) {
		s.writing.Go(func() { s.operate(ctx, firstOperationRow+writer, s.queue.others) })
	}
	s.writing.Go(func() { s.operate(ctx, decisionRow, s.queue.decisions) })
	untilClose, stop := context.WithCancel(ctx)
	s.stop = stop
	s.running.Go(func() { s.tellOthers(untilClose) })
	s.running.Go(func() { s.listen(untilClose) })
	s.running.Go(func() { s.maintainAfterBeats(untilClose) })
	s.running.Go(func() { s.probe(untilClose) })
}

// Check implements store.Store: it writes one row and reads the state of the queue.
func (s *Store) Check(ctx context.Context) error {
	err := s.queue.submit(ctx, &job{name: "check", run: func(ctx context.Context, on *session, _ bool) error {
		return on.exec(ctx, "WriteProbe", store.Floor(s.Now()))
	}})
	if err == nil {
		_, err = s.waiting(ctx)
	}
	return s.fault("check database", err)
}

// Close implements store.Store: what was asked for before is done first, as long
// as the server does it at once.
func (s *Store) Close() error {
	if !s.queue.close() {
		<-s.closed
		return nil
	}
	close(s.closing)
	s.writing.Wait()
	s.stop()
	s.running.Wait()
	s.pool.Close()
	close(s.wakes)
	close(s.closed)
	return nil
}

// errUnsafe reports a server that acknowledges what it may lose.
var errUnsafe = errors.New("synchronous_commit is off, so the server may lose what it acknowledged: " +
	"set it on for the user of store.dsn (ALTER ROLE … SET synchronous_commit = on)")

// inspect refuses a database that forgets commits, and warns of one that may.
func (s *Store) inspect(ctx context.Context) error {
	var commit, sync string
	err := s.pool.QueryRow(ctx, "SELECT coalesce(current_setting('synchronous_commit', true), ''), coalesce(current_setting('fsync', true), '')").
		Scan(&commit, &sync)
	if err != nil {
		return err
	}
	if commit == "off" {
		return errUnsafe
	}
	if sync == "off" {
		s.logger.WarnContext(ctx, "fsync is off: the server loses messages when its machine fails; set fsync = on",
			slog.String("database", s.target.name))
	}
	return nil
}
