package jsonnet

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// startTries is how often a worker is started before the jobs at hand fail.
	startTries = 3
	// startPause is how long after that no worker is started.
	startPause = time.Second
)

// starter starts workers for all slots of a pool and remembers those that live.
type starter struct {
	options *Options
	// spawnFunc starts one worker.
	spawnFunc func(*Options) (*worker, error)
	metrics   *meters

	mu sync.Mutex
	// pausedUntil and lastErr are set while starting fails.
	pausedUntil time.Time
	lastErr     error
	live        map[*worker]struct{}
	killed      bool
}

func newStarter(o *Options, m *meters) *starter {
	return &starter{options: o, spawnFunc: startWorker, metrics: m, live: map[*worker]struct{}{}}
}

// start returns a new worker, or an error that wraps ErrUnavailable. After
// repeated failures it refuses at once for a while, so that a program that
// cannot start its workers does not spin.
func (s *starter) start() (*worker, error) {
	if err := s.paused(); err != nil {
		return nil, err
	}
	var err error
	for range startTries {
		var w *worker
		if w, err = s.spawnFunc(s.options); err == nil {
			s.metrics.starts.Inc()
			return w, s.admit(w)
		}
	}
	return nil, s.pause(err)
}

func (s *starter) paused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.pausedUntil) {
		return s.lastErr
	}
	return nil
}

func (s *starter) pause(cause error) error {
	err := fmt.Errorf("%w: start worker process, %d tries: %w", ErrUnavailable, startTries, cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pausedUntil = time.Now().Add(startPause)
	s.lastErr = err
	s.options.Logger.Error("template workers do not start: check the limits on processes and memory of this machine",
		slog.Any("error", cause))
	return err
}

// admit counts a worker among the living, unless the pool was killed meanwhile.
func (s *starter) admit(w *worker) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed {
		w.kill()
		return ErrClosed
	}
	s.live[w] = struct{}{}
	return nil
}

// forget drops a worker that ended.
func (s *starter) forget(w *worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, w)
}

// killAll kills every worker, now and later.
func (s *starter) killAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
	for w := range s.live {
		w.kill()
	}
}
