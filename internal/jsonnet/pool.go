package jsonnet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Pool evaluates templates in child processes. It is safe for concurrent use.
type Pool struct {
	options Options
	queue   *queue
	starter *starter
	metrics *meters
	lastID  atomic.Uint64

	mu    sync.Mutex
	slots int
	// running counts the slots; idle is closed when the last one ended after Close.
	running sync.WaitGroup
	closing sync.Once
	idle    chan struct{}
}

// NewPool returns a pool and begins to start its first child process, so that
// the first message does not wait for it. Close releases it.
func NewPool(o Options) *Pool {
	p := newPool(o, startWorker)
	p.addSlot(true)
	return p
}

func newPool(o Options, spawnFunc func(*Options) (*worker, error)) *Pool {
	p := &Pool{options: o.withDefaults(), queue: newQueue(), idle: make(chan struct{})}
	p.metrics = newMeters(p.options.Registerer)
	p.starter = newStarter(&p.options, p.metrics)
	p.starter.spawnFunc = spawnFunc
	return p
}

// addSlot adds a slot unless there are enough.
func (p *Pool) addSlot(warm bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slots >= p.options.Workers {
		return
	}
	p.slots++
	s := &slot{queue: p.queue, starter: p.starter, timeout: p.options.Timeout, logger: p.options.Logger}
	p.running.Go(func() { s.run(warm) })
}

// Close fails the evaluations that wait with ErrClosed, lets those under way
// end, which takes at most Options.Timeout each, and ends the child processes. When
// ctx ends first it kills them and returns the error of ctx. Closing again is
// harmless.
func (p *Pool) Close(ctx context.Context) error {
	p.closing.Do(p.shut)
	select {
	case <-p.idle:
		return nil
	case <-ctx.Done():
	}
	p.starter.killAll()
	<-p.idle // killed workers end at once
	return fmt.Errorf("close template workers: %w", ctx.Err())
}

func (p *Pool) shut() {
	p.queue.close()
	p.mu.Lock()
	p.slots = p.options.Workers // no slot is added any more
	p.mu.Unlock()
	go func() {
		p.running.Wait()
		close(p.idle)
	}()
}

// do runs one job and waits for its result or for ctx.
func (p *Pool) do(ctx context.Context, j *job) (reply, error) {
	crowded, err := p.queue.push(j)
	if err != nil {
		return reply{}, err
	}
	if crowded {
		p.addSlot(false)
	}
	select {
	case r := <-j.done:
		return r.reply, r.err
	case <-ctx.Done():
		j.abandoned.Store(true)
		return reply{}, ctx.Err()
	}
}
