// Package sqlite is the message store on a file of SQLite (modernc.org/sqlite,
// no cgo) that one process holds at a time. One connection writes: the
// operations that wait while a transaction is committed share the next one
// (group commit), and each is answered when its transaction has reached the
// disk. Any number of readers see the last commit meanwhile.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	driver "modernc.org/sqlite"

	"courier/internal/store"
)

const (
	driverName  = "sqlite"
	readerCount = 4
)

// Options configure a store.
type Options struct {
	// DSN names the file, see ParseDSN. Mandatory.
	DSN string
	// Logger takes what an operator should know; nil discards it.
	Logger *slog.Logger
	// Registerer takes the metrics courier_store_…; nil leaves them out.
	Registerer prometheus.Registerer
	// NowFunc is the clock; nil is time.Now.
	NowFunc func() time.Time
}

// Store is a message store. It implements store.Store.
type Store struct {
	path    string
	locks   *locks
	place   *place
	writeDB *sql.DB
	readDB  *sql.DB
	readers statements
	writer  *writer
	counts  *counts
	// segments are those of the keys of messages, the last of which is lastSegment.
	segments    store.Segments
	lastSegment int64
	// tallies are those that are not written yet.
	tallies store.Tallies
	logger  *slog.Logger
	nowFunc func() time.Time
	// registry has this process as its one node, and the sessions of visitors.
	registry
	// lastToken is the highest token of a lease that is known of.
	lastToken atomic.Int64
	background
	// rescueFunc saves what would be lost with the process, finishFunc writes what is
	// in memory only.
	rescueFunc, finishFunc func() error
}

var _ store.Store = (*Store)(nil)

// background is what runs besides calls: watching ends when stopWatching is called.
type background struct {
	watching     sync.WaitGroup
	stopWatching context.CancelFunc
}

// Open opens the database, making or migrating it when it has to, and holds it
// until Close. The context is for opening only; its values go on into what the
// store writes. Errors are ErrInvalidDSN, store.ErrLocked with the name of the
// process that holds the file, store.ErrReadOnly, store.ErrFull, or others that
// name the file and the next step.
func Open(ctx context.Context, options Options) (*Store, error) {
	path, err := resolve(options.DSN)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, counts: &counts{}, logger: cmp.Or(options.Logger, slog.New(slog.DiscardHandler)), nowFunc: options.NowFunc}
	if s.nowFunc == nil {
		s.nowFunc = time.Now
	}
	counters, err := store.NewMetrics(options.Registerer)
	if err != nil {
		return nil, err
	}
	if s.locks, err = takeLocks(ctx, path, s.nowFunc); err != nil {
		return nil, err
	}
	if err := s.open(ctx, counters); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// resolve returns the absolute path of the file without symbolic links, so that
// two names of one file have one lock.
func resolve(dsn string) (string, error) {
	path, err := ParseDSN(dsn)
	if err != nil {
		return "", err
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", fileFault("find database", path, err)
	}
	if whole, err := filepath.EvalSymlinks(path); err == nil {
		return whole, nil
	}
	directory, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", fileFault("find directory of database", path, err)
	}
	return filepath.Join(directory, filepath.Base(path)), nil
}

// open does what follows the lock.
func (s *Store) open(ctx context.Context, counters *store.Metrics) error {
	file, err := s.locks.database.Stat()
	if err != nil {
		return fileFault("open database", s.path, err)
	}
	s.place = &place{path: s.path, file: file}
	if err := inspect(ctx, s.path); err != nil {
		return err
	}
	first, err := s.openWriter(ctx)
	if err != nil {
		return inspectFault(s.path, err)
	}
	if err := s.openReaders(ctx); err != nil {
		first.discard()
		return inspectFault(s.path, err)
	}
	pauses, err := s.readers.pauses(ctx)
	if err != nil {
		first.discard()
		return err
	}
	s.setPaused(pauses)
	limit := &walLimit{path: s.path + logSuffix, limit: walMaxBytes, every: walCheckEvery, logger: s.logger}
	disk := &syncer{
		place: s.place, metrics: counters, syncFunc: syncFile, committed: make(chan commit), finished: make(chan struct{}),
	}
	s.writer = &writer{
		db: s.writeDB, session: first, counts: s.counts, metrics: counters, wal: limit, syncer: disk,
		queue: make(chan *operation, queueLength), finished: make(chan struct{}),
	}
	ctx = context.WithoutCancel(ctx)
	go s.writer.loop(ctx)
	s.rescueFunc = func() error { return s.rescue(ctx) }
	s.finishFunc = func() error { return s.writeTallies(ctx) }
	watchCtx, stop := context.WithCancel(ctx)
	s.stopWatching = stop
	s.watching.Go(func() { s.place.watch(watchCtx, s.logger) })
	s.watching.Go(func() { s.keepTallies(watchCtx) })
	s.place.tellOfSaved(ctx, s.logger)
	return nil
}

func (s *Store) openWriter(ctx context.Context) (*session, error) {
	// A commit is as durable with fdatasync, which leaves out the times of the
	// file; where the system has none the driver stays with fsync.
	if _, err := driver.Fdatasync(true); err != nil && !errors.Is(err, driver.ErrFdatasyncUnavailable) {
		return nil, err
	}
	var err error
	if s.writeDB, err = sql.Open(driverName, address(s.path, writerPragmas())); err != nil {
		return nil, err
	}
	s.writeDB.SetMaxOpenConns(1)
	if err := migrations().Run(ctx, s.writeDB, s.logger); err != nil {
		return nil, err
	}
	first, err := openSession(ctx, s.writeDB)
	if err != nil {
		return nil, err
	}
	if err := s.takeOver(ctx, first); err != nil {
		first.discard()
		return nil, err
	}
	return first, nil
}

// takeOver counts what the processes before this one left, by indexes alone, and
// disowns their leases.
func (s *Store) takeOver(ctx context.Context, first *session) error {
	var found store.Counts
	var highestToken int64
	for name, targets := range map[string][]any{
		"CountQueued": {&found.Queued}, "CountProcessing": {&found.Processing, &highestToken}, "CountUnknown": {&found.Unknown},
	} {
		if err := first.statements[name].QueryRowContext(ctx).Scan(targets...); err != nil {
			return fmt.Errorf("run %s: %w", name, err)
		}
	}
	s.counts.apply(found)
	var newest sql.NullInt64
	if err := first.statements["NewestKey"].QueryRowContext(ctx).Scan(&newest); err != nil {
		return fmt.Errorf("run NewestKey: %w", err)
	}
	s.lastSegment = newest.Int64 >> store.KeyBits
	s.lastToken.Store(max(highestToken, s.nowFunc().UnixMicro()))
	if found.Processing == 0 {
		return nil
	}
	_, err := first.exec(ctx, "OrphanLeases")
	return err
}

func (s *Store) openReaders(ctx context.Context) error {
	var err error
	if s.readDB, err = sql.Open(driverName, address(s.path, readerPragmas())); err != nil {
		return err
	}
	s.readDB.SetMaxOpenConns(readerCount)
	s.readDB.SetMaxIdleConns(readerCount)
	if err := connect(ctx, s.readDB, readerCount); err != nil {
		return err
	}
	s.readers, err = prepare(ctx, s.readDB, true)
	return err
}

// connect opens all connections of a pool: later the path may lead to another file.
func connect(ctx context.Context, db *sql.DB, count int) error {
	for range count {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
	}
	return nil
}

// token returns a token that no lease had before.
func (s *Store) token() int64 { return s.lastToken.Add(1) }

// passToken makes later tokens differ from one that a caller gave.
func (s *Store) passToken(given int64) {
	for last := s.lastToken.Load(); given > last; last = s.lastToken.Load() {
		if s.lastToken.CompareAndSwap(last, given) {
			return
		}
	}
}

// Check implements store.Store: it writes one row, reads the state of the queue
// and looks whether the file is still in its place.
func (s *Store) Check(ctx context.Context) error {
	now := s.nowFunc().UnixMicro()
	err := s.promise(ctx, &operation{name: "check", rows: 1, run: func(ctx context.Context, s *session) error {
		_, err := s.exec(ctx, "WriteProbe", now)
		return err
	}})
	if err == nil {
		_, err = s.waiting(ctx, 1)
	}
	return s.fault("check database", err)
}

// Close implements store.Store: what was asked for before is done first, then
// the write-ahead log is moved into the database and the lock given up.
func (s *Store) Close() error {
	_ = s.finishFunc() // statistics: no more is lost than in a crash
	if !s.writer.close() {
		return nil
	}
	s.stopWatching()
	s.watching.Wait()
	return errors.Join(s.rescueFunc(), s.release())
}

// release closes what is open, in the reverse order of opening. The last
// connection moves the write-ahead log into the database and removes it.
func (s *Store) release() error {
	var failures []error
	s.readers.close()
	if s.readDB != nil {
		failures = append(failures, s.readDB.Close())
	}
	if s.writer != nil && s.writer.session != nil {
		s.writer.session.discard()
	}
	if s.writeDB != nil {
		failures = append(failures, s.writeDB.Close())
	}
	failures = append(failures, s.locks.release())
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("close database %s: %w", s.path, err)
	}
	return nil
}
