package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"courier/internal/store"
)

// Bounds of what shares a commit, and of what waits for one.
const (
	maxBatchOperations = 64
	maxBatchRows       = 1000
	queueLength        = 256
)

// operation is one change that a caller asked for.
type operation struct {
	name string
	// rows is about how many rows it writes.
	rows int
	// run makes the change in the transaction of the session. It may be run again
	// when what shared its transaction failed.
	run func(ctx context.Context, s *session) error
	// committed, unless nil, is called by the writer once what run did is committed.
	committed func()
	// promises is true when its caller relies on it being found after a restart.
	promises bool
	// early is true when its caller can go on before it has reached the disk.
	early bool
	// awaited is true when it is worth nothing to a caller who left while the transaction
	// waited for a lock.
	awaited bool
	// refused is why the operation changed nothing though all went well.
	refused error
	// ended tells why nobody waits for the answer any more, nil while somebody does.
	ended func() error
	done  chan error
}

// refusal is an error of an operation that has not written anything: it does
// not disturb the others of its transaction.
type refusal struct{ error }

// Unwrap returns the cause.
func (r refusal) Unwrap() error { return r.error }

// writer runs operations one after the other, all that are waiting in one
// transaction, and answers them when it has reached the disk.
type writer struct {
	db      *sql.DB
	session *session
	counts  *counts
	metrics *store.Metrics
	wal     *walLimit
	syncer  *syncer
	// places is what it remembers of keys.
	places places

	queue    chan *operation
	finished chan struct{}
	mutex    sync.RWMutex
	closed   bool
}

// submit hands an operation over and waits until it is committed or has failed.
// When the context ends first its error is returned; the operation may still happen.
func (w *writer) submit(ctx context.Context, op *operation) error {
	op.done, op.ended = make(chan error, 1), ctx.Err
	if err := w.enter(ctx, op); err != nil {
		return err
	}
	select {
	case err := <-op.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// promise is submit for what a caller relies on. It fails when the database is not in
// its place, as the next process would not find what was written.
func (s *Store) promise(ctx context.Context, op *operation) error {
	if err := s.place.known(); err != nil {
		return err
	}
	op.promises = true
	return s.writer.submit(ctx, op)
}

// enter puts an operation in the queue. The lock keeps close from closing it meanwhile.
func (w *writer) enter(ctx context.Context, op *operation) error {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	if w.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.queue <- op:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) isClosed() bool {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.closed
}

// close refuses new operations and waits until those in the queue are done. It
// reports whether this call was the first.
func (w *writer) close() bool {
	w.mutex.Lock()
	first := !w.closed
	if first {
		w.closed = true
		close(w.queue)
	}
	w.mutex.Unlock()
	<-w.finished
	return first
}

// loop serves the queue until it is closed and empty.
func (w *writer) loop(ctx context.Context) {
	defer close(w.finished)
	go w.syncer.loop()
	defer func() {
		close(w.syncer.committed)
		<-w.syncer.finished
	}()
	for op := range w.queue {
		if batch := w.gather(op); len(batch) > 0 {
			w.commit(ctx, batch)
			w.wal.check(ctx, w.session)
		}
	}
}

// gather takes what else is waiting, up to the bounds, and drops what nobody waits for.
func (w *writer) gather(first *operation) []*operation {
	var batch []*operation
	rows := 0
	for op, ok := first, true; ok; {
		if err := op.ended(); err != nil {
			op.done <- err
		} else {
			batch = append(batch, op)
			rows += op.rows
		}
		if len(batch) >= maxBatchOperations || rows >= maxBatchRows {
			return batch
		}
		select {
		case op, ok = <-w.queue:
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction; the syncer answers it. When that fails,
// each operation gets a transaction of its own, so that it fails for its own
// fault only.
func (w *writer) commit(ctx context.Context, batch []*operation) {
	err := w.transact(ctx, batch)
	if err == nil {
		return
	}
	if len(batch) == 1 || waited(err) {
		answer(w.metrics, batch, err)
		return
	}
	for i := range batch {
		alone := batch[i : i+1]
		if err := w.transact(ctx, alone); err != nil {
			answer(w.metrics, alone, err)
		}
	}
}

// waited reports whether a failure took the whole busy time-out: each of a
// batch would wait as long again.
func waited(err error) bool {
	return primary(err) == sqlite3.SQLITE_BUSY || primary(err) == sqlite3.SQLITE_LOCKED
}

// answer tells the callers of operations what their transaction came to.
func answer(m *store.Metrics, batch []*operation, err error) {
	for _, op := range batch {
		answer := err
		if answer == nil {
			answer = op.refused
		}
		m.Count(op.name, err)
		op.done <- answer
	}
}

// transact runs operations in one transaction, all of them or none, and hands
// it to the syncer.
func (w *writer) transact(ctx context.Context, batch []*operation) error {
	began := time.Now()
	if err := w.syncer.broken(); err != nil {
		return err
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	change, err := w.runAll(ctx, batch)
	if err == nil {
		_, err = w.session.exec(ctx, "Commit")
	}
	if err != nil {
		// SQLite may have rolled back by itself, and then says that there is
		// nothing to roll back; begin notices when there still is.
		_, _ = w.session.exec(ctx, "Rollback")
		return err
	}
	w.counts.apply(change)
	var waiting []*operation
	for _, op := range batch {
		if op.committed != nil {
			op.committed()
		}
		if op.early {
			// What is committed after it reaches the disk after it.
			answer(w.metrics, []*operation{op}, nil)
		} else {
			waiting = append(waiting, op)
		}
	}
	if len(waiting) > 0 {
		w.syncer.committed <- commit{batch: waiting, began: began}
	}
	return nil
}

func (w *writer) runAll(ctx context.Context, batch []*operation) (store.Counts, error) {
	var total store.Counts
	for _, op := range batch {
		op.refused = nil
		if op.awaited {
			if op.refused = op.ended(); op.refused != nil {
				continue
			}
		}
		w.session.change = store.Counts{}
		err := op.run(ctx, w.session)
		switch refused := (refusal{}); {
		case errors.As(err, &refused):
			op.refused = refused.error
		case err != nil:
			return total, err
		default:
			total.Merge(w.session.change)
		}
	}
	return total, nil
}

// begin starts a transaction, on a new connection when the old one is stuck in
// a transaction that could not be rolled back.
func (w *writer) begin(ctx context.Context) error {
	if w.session != nil {
		_, err := w.session.exec(ctx, "Begin")
		if err == nil || primary(err) != sqlite3.SQLITE_ERROR {
			return err
		}
		w.session.discard()
		w.session = nil
	}
	if err := w.syncer.place.look(); err != nil {
		return err // the path leads to another file
	}
	fresh, err := openSession(ctx, w.db)
	if err != nil {
		return err
	}
	w.session = fresh
	w.syncer.forget()
	_, err = w.session.exec(ctx, "Begin")
	return err
}
