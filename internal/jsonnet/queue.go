package jsonnet

import (
	"sync"
)

const (
	// maxBatch bounds the documents of one round trip.
	maxBatch = 32
	// maxBatchBytes bounds the documents of one round trip after the first.
	maxBatchBytes = 1 << 20
	// maxScan bounds how far a batch looks down the queue for its template.
	maxScan = 256
)

// queue holds the jobs that wait for a worker, first come first served.
type queue struct {
	mu      sync.Mutex
	ready   *sync.Cond
	jobs    []*job
	waiting int
	closed  bool
}

func newQueue() *queue {
	q := &queue{}
	q.ready = sync.NewCond(&q.mu)
	return q
}

// push appends a job. It says whether more jobs wait than takers do, and
// ErrClosed after close.
func (q *queue) push(j *job) (crowded bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false, ErrClosed
	}
	q.jobs = append(q.jobs, j)
	q.ready.Signal()
	return len(q.jobs) > q.waiting, nil
}

// putBack returns jobs to the head of the queue. After close they fail.
func (q *queue) putBack(jobs []*job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		failAll(jobs, ErrClosed)
		return
	}
	q.jobs = append(append(make([]*job, 0, len(jobs)+len(q.jobs)), jobs...), q.jobs...)
	q.ready.Broadcast()
}

// take waits for work and returns a batch: one job, or several evaluations of
// one template. It returns nil after close.
func (q *queue) take() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		q.dropAbandoned()
		if q.closed {
			return nil
		}
		if len(q.jobs) > 0 {
			return q.cut()
		}
		q.waiting++
		q.ready.Wait()
		q.waiting--
	}
}

// dropAbandoned removes the jobs at the head that nobody waits for.
func (q *queue) dropAbandoned() {
	for len(q.jobs) > 0 && q.jobs[0].abandoned.Load() {
		q.jobs[0] = nil
		q.jobs = q.jobs[1:]
	}
}

// cut removes the first job and those that join it, leaving the other waiting
// takers their share.
func (q *queue) cut() []*job {
	share := min((len(q.jobs)+q.waiting)/(q.waiting+1), maxBatch)
	first := q.jobs[0]
	batch, size := []*job{first}, 0
	rest := make([]*job, 0, len(q.jobs)-1)
	for i, next := range q.jobs[1:] {
		full := len(batch) >= share || i >= maxScan
		if full || !next.joins(first) || size+len(next.document) > maxBatchBytes {
			rest = append(rest, next)
			continue
		}
		size += len(next.document)
		batch = append(batch, next)
	}
	q.jobs = rest
	return batch
}

// close fails the jobs that wait and wakes every taker.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	failAll(q.jobs, ErrClosed)
	q.jobs = nil
	q.ready.Broadcast()
}

func failAll(jobs []*job, err error) {
	for _, j := range jobs {
		j.finish(result{err: err})
	}
}
