package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"courier/internal/store"
)

// syncer makes what was committed durable: it forces the write-ahead log to the
// disk and then answers the operations. SQLite does the same inside COMMIT with
// synchronous=FULL (https://www.sqlite.org/pragma.html#pragma_synchronous), but
// there the writer stands still meanwhile. Here it makes the next transaction, and
// hands it over when the disk is free again.
type syncer struct {
	place   *place
	metrics *store.Metrics
	// syncFunc forces a file to the disk.
	syncFunc func(file *os.File) error

	// committed hands transactions over. It has no room, so that the operations
	// which come while the disk is busy share a transaction.
	committed chan commit
	finished  chan struct{}

	// failure is why the log could not be forced. What the system does with its
	// pages then is not known, so nothing is promised any more.
	failure atomic.Pointer[error]

	// mutex is held while the log is forced.
	mutex sync.Mutex
	// file is the write-ahead log, opened when it is first needed.
	file *os.File
}

// commit is a transaction that is not on the disk yet.
type commit struct {
	batch []*operation
	began time.Time
}

// loop serves until committed is closed.
func (s *syncer) loop() {
	defer close(s.finished)
	for c := range s.committed {
		err := s.sync()
		if err == nil {
			s.withdraw(c.batch)
		}
		s.metrics.Committed(time.Since(c.began), len(c.batch))
		answer(s.metrics, c.batch, err)
	}
	s.forget()
}

// sync forces the log to the disk.
func (s *syncer) sync() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.broken(); err != nil {
		return err
	}
	if s.file == nil {
		if err := s.open(); err != nil {
			return s.fail(err)
		}
	}
	if err := s.syncFunc(s.file); err != nil {
		return s.fail(err)
	}
	return nil
}

// open opens the log. The lock is held.
func (s *syncer) open() error {
	file, err := os.OpenFile(s.place.path+logSuffix, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	s.file = file
	s.place.log.Store(&info)
	return nil
}

// withdraw refuses those of a batch whose callers rely on it when the database is
// not in its place any more: the next process would not find them.
func (s *syncer) withdraw(batch []*operation) {
	if !slices.ContainsFunc(batch, func(op *operation) bool { return op.promises }) {
		return
	}
	err := s.place.look()
	for _, op := range batch {
		if err != nil && op.promises {
			op.refused = err
		}
	}
}

// errNotDurable reports that the log could not be forced to the disk.
var errNotDurable = errors.New("the write-ahead log did not reach the disk: check the disk and restart")

func (s *syncer) fail(err error) error {
	failure := fmt.Errorf("%w: %w", errNotDurable, err)
	s.failure.Store(&failure)
	return failure
}

// broken returns why nothing can be made durable any more, or nil.
func (s *syncer) broken() error {
	if failure := s.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// forget closes the log, as the next connection may begin another.
func (s *syncer) forget() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
		s.place.log.Store(nil)
	}
}

// How often the size of the write-ahead log is looked at, and the size from
// which it is emptied even if readers must be waited for. SQLite itself starts
// it anew every wal_autocheckpoint pages, unless somebody reads at each such moment.
const (
	// logSuffix is added to the path of the database to name its write-ahead log.
	logSuffix     = "-wal"
	walCheckEvery = 256
	walMaxBytes   = 64 << 20
)

// walLimit bounds the write-ahead log. Only the goroutine of the writer uses it.
type walLimit struct {
	path    string
	limit   int64
	every   int
	commits int
	logger  *slog.Logger
}

// check is called after each commit.
func (k *walLimit) check(ctx context.Context, s *session) {
	k.commits++
	if k.commits%k.every != 0 || s == nil {
		return
	}
	info, err := os.Stat(k.path)
	if err != nil || info.Size() <= k.limit {
		return
	}
	if _, err := s.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		k.logger.WarnContext(ctx, "write-ahead log could not be emptied: free space on its disk and end other readers",
			slog.String("path", k.path), slog.Int64("bytes", info.Size()), slog.Any("error", err))
	}
}
