package postgres

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"courier"
	"courier/internal/store"
)

// Bounds of what waits to be written, and of what shares a statement.
const (
	queueLength       = 256
	maxGroupCalls     = 256
	maxGroupMessages  = 1000
	enqueueWriters    = 2
	operationWriters  = 3
	firstOperationRow = enqueueWriters // the number in the table tally of the first of operationWriters
	decisionRow       = firstOperationRow + operationWriters
	// The connections that those who write use at most, and those of a node's own.
	writerConns, nodeConns = decisionRow + 1, 1
)

// job is one change that a caller asked for. Insert is set for one that stores
// messages, run for any other.
type job struct {
	name   string
	insert *enqueueing
	run    try
	// decides is true for one that waits for a message which somebody else holds.
	// It holds up others of its kind and not the queue.
	decides bool
	// abandon is called when nobody waits for an answer that came, or the answer is
	// that the operation may have been done.
	abandon func()
	// ended tells why nobody waits for the answer any more, nil while somebody does.
	ended func() error
	done  chan error
	// refused is true when its caller was answered that the database does not serve.
	refused atomic.Bool
}

// queue hands jobs to the goroutines that write, and bounds those that read.
type queue struct {
	inserts, others, decisions chan *job
	// reads has room for the calls that read at a time: they leave a connection to
	// the beats of the node, however many they are.
	reads chan struct{}
	// outages are during which no job is waited for.
	outages outages

	mutex  sync.RWMutex
	closed bool
}

// newQueue returns a queue for a number of connections.
func newQueue(connections int32, known outages) *queue {
	return &queue{
		outages: known,
		reads:   make(chan struct{}, max(connections-writerConns-nodeConns, 1)),
		inserts: make(chan *job, queueLength), others: make(chan *job, queueLength), decisions: make(chan *job, queueLength),
	}
}

// submit hands a job over and waits until it is done. When the context ends
// first its error is returned; the job may still happen.
func (q *queue) submit(ctx context.Context, j *job) error {
	j.done = make(chan error, 1)
	j.ended = func() error {
		if j.refused.Load() {
			return errNoConnection
		}
		return ctx.Err()
	}
	if err := q.enter(ctx, j); err != nil {
		return err
	}
	for {
		select {
		case err := <-j.done:
			return err
		case <-ctx.Done():
			return j.leave(ctx.Err())
		case <-q.outages.away.now().Done():
		case <-q.outages.readOnly.now().Done():
		}
		if err := q.outages.err(); err != nil {
			j.refused.Store(true)
			return j.leave(err)
		}
	}
}

// leave ends the wait for a job, which may still happen.
func (j *job) leave(err error) error {
	if j.abandon != nil {
		go func() {
			if err := <-j.done; err == nil {
				j.abandon()
			}
		}()
	}
	return err
}

// enter puts a job in the queue. The lock keeps close from closing it meanwhile.
func (q *queue) enter(ctx context.Context, j *job) error {
	q.mutex.RLock()
	defer q.mutex.RUnlock()
	if q.closed {
		return store.ErrClosed
	}
	if err := cmp.Or(ctx.Err(), q.outages.err()); err != nil {
		return err
	}
	jobs := q.others
	switch {
	case j.insert != nil:
		jobs = q.inserts
	case j.decides:
		jobs = q.decisions
	}
	select {
	case jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-q.outages.away.now().Done():
		return cmp.Or(q.outages.away.err(), errNoConnection)
	}
}

func (q *queue) isClosed() bool {
	q.mutex.RLock()
	defer q.mutex.RUnlock()
	return q.closed
}

// close refuses new jobs and reports whether this call was the first.
func (q *queue) close() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	close(q.inserts)
	close(q.others)
	close(q.decisions)
	return true
}

// gather takes what else waits to be stored, up to the bounds, and drops what
// nobody waits for.
func (q *queue) gather(first *job) (group []*job) {
	messages := 0
	for j, ok := first, true; ok; {
		if err := j.ended(); err != nil {
			j.done <- err
		} else {
			group = append(group, j)
			messages += len(j.insert.rows)
		}
		if len(group) >= maxGroupCalls || messages >= maxGroupMessages {
			return group
		}
		select {
		case j, ok = <-q.inserts:
		default:
			return group
		}
	}
	return group
}

// operate serves jobs that store no messages until the queue is closed and empty.
func (s *Store) operate(ctx context.Context, writer int32, jobs <-chan *job) {
	for j := range jobs {
		if err := j.ended(); err != nil {
			j.done <- err
			continue
		}
		start := time.Now()
		uncertain, err := s.attempt(ctx, writer, j.run, false)
		if uncertain && j.abandon != nil {
			j.abandon()
		}
		s.metrics.Count(j.name, err)
		if err == nil {
			s.metrics.Committed(time.Since(start), 1)
		}
		j.done <- err
	}
}

// storeGroups serves the jobs that store messages, in groups.
func (s *Store) storeGroups(ctx context.Context, writer int32) {
	for first := range s.queue.inserts {
		if group := s.queue.gather(first); len(group) > 0 {
			s.storeGroup(ctx, writer, group, false)
		}
	}
}

// storeGroup stores a group in one transaction. When the fault is one of its
// calls, each gets a transaction of its own, so that it fails for its own fault
// only. Again is true when that may have been done already.
func (s *Store) storeGroup(ctx context.Context, writer int32, group []*job, again bool) {
	start := time.Now()
	inserting := newInserting(group, s.Now)
	uncertain, err := s.attempt(ctx, writer, inserting.try, again)
	if err != nil && len(group) > 1 && !passing(err) {
		for i := range group {
			s.storeGroup(ctx, writer, group[i:i+1], uncertain)
		}
		return
	}
	if err == nil {
		s.metrics.Committed(time.Since(start), len(group))
		s.notify(inserting)
	} else if uncertain {
		for _, j := range group {
			s.lost.addAll(j.insert.rows)
		}
	}
	for _, j := range group {
		s.metrics.Count(j.name, err)
		j.done <- err
	}
}

// notify tells other nodes of messages that are due.
func (s *Store) notify(inserted *inserting) {
	now := s.Now()
	for _, p := range inserted.places {
		m := p.answer.Message
		stored := p.answer.Err == nil && !p.answer.Duplicate
		if stored && m.Status == courier.StatusQueued && !m.NextAttemptAt.After(now) {
			s.notifier.add(store.Wake{Gateway: p.Gateway, Lane: p.Lane})
		}
	}
}
