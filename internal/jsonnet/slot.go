package jsonnet

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// stopGrace is how long an idle worker may take to end when the pool closes.
const stopGrace = time.Second

// slot serves the queue with one worker at a time.
type slot struct {
	queue   *queue
	starter *starter
	timeout time.Duration
	logger  *slog.Logger
	worker  *worker
}

// run serves until the queue closes.
func (s *slot) run(warm bool) {
	defer s.stop()
	if warm {
		_ = s.ensure() // the first job meets the same error
	}
	for batch := s.queue.take(); batch != nil; batch = s.queue.take() {
		s.serve(batch)
	}
}

func (s *slot) stop() {
	if s.worker == nil {
		return
	}
	s.worker.stop(stopGrace)
	s.starter.forget(s.worker)
}

// ensure makes sure that the slot has a worker.
func (s *slot) ensure() error {
	if s.worker != nil {
		return nil
	}
	w, err := s.starter.start()
	if err != nil {
		return err
	}
	s.worker = w
	return nil
}

// serve takes one batch to the worker and settles every job of it.
func (s *slot) serve(batch []*job) {
	if err := s.ensure(); err != nil {
		failAll(batch, err)
		return
	}
	answered, err := s.worker.exchange(newRequest(batch), s.timeout, func(i int, answer reply) {
		batch[i].finish(result{reply: answer})
	})
	if err == nil {
		return
	}
	s.starter.forget(s.worker)
	s.worker = nil
	s.settle(batch[answered:], answered == 0, err)
}

// newRequest puts a batch on the wire.
func newRequest(batch []*job) *request {
	t := batch[0].template
	req := &request{operation: batch[0].operation, template: t.id, source: t.source}
	for _, j := range batch {
		if j.operation == operationEvaluate {
			req.documents = append(req.documents, j.document)
		}
	}
	return req
}

// settle decides about the jobs that a lost worker left unanswered. Blame falls
// on the first one, except in a batch of which nothing was answered: its jobs
// may have shared an interpreter, so each is tried alone.
func (s *slot) settle(rest []*job, nothingAnswered bool, cause error) {
	if len(rest) == 0 {
		return
	}
	s.logger.Warn("template worker replaced", slog.String("template", rest[0].template.name), slog.Any("cause", cause))
	switch {
	case errors.Is(cause, errLost):
		s.retryLost(rest, cause)
	case nothingAnswered && len(rest) > 1:
		for _, j := range rest {
			j.solo = true
		}
		s.queue.putBack(rest)
	case errors.Is(cause, errExpired):
		rest[0].finish(result{err: ErrTimeout})
		s.queue.putBack(rest[1:])
	default:
		rest[0].finish(result{err: ErrCrashed})
		s.queue.putBack(rest[1:])
	}
}

// retryLost gives jobs that are not to blame another worker.
func (s *slot) retryLost(rest []*job, cause error) {
	var again []*job
	for _, j := range rest {
		j.losses++
		if j.losses > maxLosses {
			j.finish(result{err: fmt.Errorf("%w: %w", ErrUnavailable, cause)})
			continue
		}
		again = append(again, j)
	}
	s.queue.putBack(again)
}
