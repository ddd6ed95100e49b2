package jsonnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxLosses is how many workers may be killed from outside under one request.
	maxLosses = 2
	// startTries is how often a worker is started before the request at hand fails.
	startTries = 3
	// startPause is how long after that no worker is started.
	startPause = time.Second
	// idleTime is how long a worker may have nothing to do, as it takes memory, and
	// idleTimeReading how long where templates need workers only to be read.
	idleTime        = 3 * time.Second
	idleTimeReading = 500 * time.Millisecond
)

// Pool evaluates templates in child processes. It is safe for concurrent use.
type Pool struct {
	options Options
	metrics *meters
	// startFunc starts one worker.
	startFunc func(*Options) (*worker, error)

	// idle holds the workers that wait for a request, and spare a permit for each
	// that may still be started.
	idle  chan *worker
	spare chan struct{}
	// closed is closed by Close, and ended when nothing runs any more.
	closed  chan struct{}
	ended   chan struct{}
	closing sync.Once

	mu sync.Mutex
	// running counts what Close waits for, and requests those under way.
	running  sync.WaitGroup
	requests atomic.Int64
	live     map[*worker]struct{}
	killed   bool
	// interprets is true once a template was read that needs a worker for each message.
	interprets atomic.Bool
	// pausedUntil and startErr are set while starting fails.
	pausedUntil time.Time
	startErr    error
}

// NewPool returns a pool and begins to start its first child process, unless it works in
// this one, so that the first message does not wait for it. Close releases it.
func NewPool(o Options) *Pool { return newPool(o, startWorker) }

func newPool(o Options, startFunc func(*Options) (*worker, error)) *Pool {
	o = o.withDefaults()
	p := &Pool{
		options: o, metrics: newMeters(o.Registerer), startFunc: startFunc,
		idle: make(chan *worker, o.Workers), spare: make(chan struct{}, o.Workers),
		closed: make(chan struct{}), ended: make(chan struct{}), live: map[*worker]struct{}{},
	}
	if o.InProcess {
		return p
	}
	for range o.Workers - 1 {
		p.spare <- struct{}{}
	}
	p.running.Go(func() {
		if w, err := p.start(); err == nil { // the first request meets the same error
			p.putBack(w)
		}
	})
	p.running.Go(p.tidy)
	return p
}

// tidy ends the workers that are not needed, until the pool is closed.
func (p *Pool) tidy() {
	for {
		idle := idleTimeReading
		if p.interprets.Load() {
			idle = idleTime
		}
		select {
		case <-p.closed:
			return
		case now := <-time.After(idle):
			p.endIdle(now.Add(-idle))
		}
	}
}

// endIdle ends the workers that have been idle since before a time. One stays when
// messages need it.
func (p *Pool) endIdle(before time.Time) {
	for range len(p.idle) {
		select {
		case w := <-p.idle:
			if w.idleSince.After(before) || p.interprets.Load() && len(p.idle) == 0 {
				p.idle <- w
				continue
			}
			w.stop()
			p.drop(w)
		default:
			return
		}
	}
}

// putBack makes a worker wait for the next request.
func (p *Pool) putBack(w *worker) {
	w.idleSince = time.Now()
	p.idle <- w
}

// Close fails the requests that wait with ErrClosed, lets those under way end,
// which takes at most Options.Timeout each, and ends the child processes. When ctx
// ends first it kills them, and returns the error of ctx where that cut a request short;
// what runs in this process is left behind. Closing again is harmless.
func (p *Pool) Close(ctx context.Context) error {
	p.closing.Do(func() {
		p.mu.Lock()
		close(p.closed)
		p.mu.Unlock()
		go p.end()
	})
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
	}
	if !p.options.InProcess {
		unused := p.requests.Load() == 0
		p.killAll()
		<-p.ended // killed workers end at once
		if unused {
			return nil
		}
	}
	return fmt.Errorf("close template workers: %w", ctx.Err())
}

// end waits for what runs and stops the idle workers, all at once.
func (p *Pool) end() {
	defer close(p.ended)
	p.running.Wait()
	var stopping sync.WaitGroup
	defer stopping.Wait() // before ended is closed
	for {
		select {
		case w := <-p.idle:
			stopping.Go(w.stop)
		default:
			return
		}
	}
}

// do has one request answered and waits for that or for ctx. A request that is
// given up ends by itself.
func (p *Pool) do(ctx context.Context, req *request) (reply, error) {
	type result struct {
		reply reply
		err   error
	}
	done := make(chan result, 1)
	if !p.begin(func() {
		answer, err := p.answer(ctx, req)
		done <- result{answer, err}
	}) {
		return reply{}, ErrClosed
	}
	select {
	case r := <-done:
		return r.reply, r.err
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

// begin runs work that Close waits for, unless the pool is closed.
func (p *Pool) begin(work func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		return false
	default:
		p.requests.Add(1)
		p.running.Go(func() {
			defer p.requests.Add(-1)
			work()
		})
		return true
	}
}

// answer takes a request to a worker, and to another when it was lost through no
// fault of the request.
func (p *Pool) answer(ctx context.Context, req *request) (reply, error) {
	for losses := 0; ; losses++ {
		w, err := p.take(ctx)
		if err != nil {
			return reply{}, err
		}
		answer, err := w.call(req, p.options.Timeout)
		if err == nil && !w.expired.Load() {
			p.putBack(w)
			return answer, nil
		}
		p.drop(w)
		if err == nil {
			return answer, nil
		}
		p.options.Logger.Warn("template worker replaced", slog.Any("cause", err))
		switch {
		case errors.Is(err, errExpired):
			return reply{}, ErrTimeout
		case errors.Is(err, errDied):
			return reply{}, ErrCrashed
		case losses == maxLosses:
			return reply{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
}

// take waits for an idle worker or starts another.
func (p *Pool) take(ctx context.Context) (*worker, error) {
	select {
	case <-p.closed:
		return nil, ErrClosed
	case w := <-p.idle:
		return w, nil
	default:
	}
	select {
	case <-p.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case w := <-p.idle:
		return w, nil
	case <-p.spare:
		return p.start()
	}
}

// start turns a permit into a worker, or gives it back with an error that wraps
// ErrUnavailable. After repeated failures it refuses at once for a while, so that a
// program that cannot start its workers does not spin.
func (p *Pool) start() (*worker, error) {
	p.mu.Lock()
	paused, err := time.Now().Before(p.pausedUntil), p.startErr
	p.mu.Unlock()
	for tries := 0; !paused && tries < startTries; tries++ {
		var w *worker
		if w, err = p.startFunc(&p.options); err == nil {
			p.metrics.starts.Inc()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.live[w] = struct{}{}
			if p.killed {
				w.kill()
			}
			return w, nil
		}
	}
	p.spare <- struct{}{}
	if paused {
		return nil, err
	}
	p.options.Logger.Error("template workers do not start: check the limits on processes and memory of this machine",
		slog.Any("error", err))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pausedUntil = time.Now().Add(startPause)
	p.startErr = fmt.Errorf("%w: start worker process, %d tries: %w", ErrUnavailable, startTries, err)
	return nil, p.startErr
}

// drop forgets a worker that ended.
func (p *Pool) drop(w *worker) {
	p.mu.Lock()
	delete(p.live, w)
	p.mu.Unlock()
	p.spare <- struct{}{}
}

func (p *Pool) killAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	for w := range p.live {
		w.kill()
	}
}
