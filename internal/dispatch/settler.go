package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"courier"
	"courier/internal/store"
)

// The bounds of the settler.
const (
	settleBatchMax     = 500
	settlePauseInitial = 100 * time.Millisecond
	settlePauseMax     = 5 * time.Second
)

// finished is a message that goes back to the store, with the slot it holds.
type finished struct {
	lane       *lane
	epoch      uint64
	settlement store.Settlement
}

// settler writes what attempts came to. It takes all that is there, writes it
// in one transaction and looks again, so that batches grow with the load and
// nothing waits for company. What cannot be written is kept: its slots stay
// taken, so that its lane stops claiming when all are, which bounds the memory.
type settler struct {
	store   queueStore
	faults  *faults
	metrics *metrics
	logger  *slog.Logger

	mu      sync.Mutex
	pending []finished
	// signal tells the loop of something pending, closing that no more comes.
	signal, closing chan struct{}
	// done is closed at the end of the loop.
	done chan struct{}

	// Of the loop alone:
	spare       []finished
	settlements []store.Settlement
	pause       time.Duration
}

func newSettler(e *Engine) *settler {
	return &settler{
		store: e.store, faults: e.faults, metrics: e.metrics, logger: e.logger,
		signal: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
}

// add hands over what is finished.
func (s *settler) add(f finished) {
	s.mu.Lock()
	s.pending = append(s.pending, f)
	first := len(s.pending) == 1
	s.mu.Unlock()
	if first {
		s.poke()
	}
}

// close lets the loop end once nothing is pending. It is called once.
func (s *settler) close() { close(s.closing) }

func (s *settler) poke() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// take returns all that is pending.
func (s *settler) take() []finished {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.pending
	s.pending = s.spare[:0]
	s.spare = nil
	return batch
}

// run writes until close, or until ctx ends.
func (s *settler) run(ctx context.Context) {
	defer close(s.done)
	for ctx.Err() == nil {
		batch := s.take()
		if len(batch) > 0 {
			s.writeAll(ctx, batch)
		}
		clear(batch)
		s.spare = batch[:0]
		if len(batch) == 0 && !s.wait(ctx) {
			return
		}
	}
}

// wait waits for something pending. It returns false when nothing is left.
func (s *settler) wait(ctx context.Context) bool {
	select {
	case <-s.signal:
		return true
	default:
	}
	select {
	case <-s.signal:
		return true
	case <-s.closing:
		return false
	case <-ctx.Done():
		return false
	}
}

// writeAll writes a batch in parts until all of it is written or ctx ends.
func (s *settler) writeAll(ctx context.Context, batch []finished) {
	for len(batch) > 0 && ctx.Err() == nil {
		part := batch[:min(len(batch), settleBatchMax)]
		s.writePart(ctx, part)
		batch = batch[len(part):]
	}
}

// writePart writes one transaction, again and again if need be. When it fails
// for a reason that may lie in one of its settlements, each is tried alone, so
// that one does not hold up the others.
func (s *settler) writePart(ctx context.Context, part []finished) {
	for tries := 1; ctx.Err() == nil; tries++ {
		err := s.write(ctx, part)
		if err == nil {
			return
		}
		if tries > 1 && len(part) > 1 && mayBeOne(err) {
			part = s.writeEach(ctx, part)
			if len(part) == 0 {
				return
			}
		}
		s.waitAfterFault(ctx)
	}
}

// mayBeOne reports whether a fault may come from one settlement.
func mayBeOne(err error) bool {
	return !errors.Is(err, store.ErrFull) && !errors.Is(err, store.ErrReadOnly) && !errors.Is(err, store.ErrClosed)
}

// writeEach writes each settlement alone and returns those that failed.
func (s *settler) writeEach(ctx context.Context, part []finished) []finished {
	var failed []finished
	for i := range part {
		if err := s.write(ctx, part[i:i+1]); err != nil {
			failed = append(failed, part[i])
		}
	}
	return failed
}

// write writes one transaction and gives the slots back.
func (s *settler) write(ctx context.Context, part []finished) error {
	s.settlements = s.settlements[:0]
	for i := range part {
		s.settlements = append(s.settlements, part[i].settlement)
	}
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	applied, err := s.store.Settle(callCtx, s.settlements)
	s.faults.set(ctx, opSettle, err)
	if err != nil {
		return err
	}
	s.pause = 0
	s.metrics.settleBatch.Observe(float64(len(part)))
	s.logLost(ctx, part, applied)
	release(part)
	return nil
}

// release gives all slots back before it wakes a lane, so that the lane claims
// as many as there are.
func release(part []finished) {
	for i := range part {
		f := &part[i]
		f.lane.slots.giveBack(f.epoch)
	}
	for i := range part {
		f := &part[i]
		switch {
		case f.settlement.Status == courier.StatusQueued:
			f.lane.note(f.settlement.NextAttemptAt, false)
		case i == 0 || f.lane != part[i-1].lane:
			f.lane.poke()
		}
	}
}

// logLost tells of attempts whose lease was gone: the message was taken back
// while it was attempted, or a write that seemed to fail had succeeded.
func (s *settler) logLost(ctx context.Context, part []finished, applied []bool) {
	for i := range part {
		if i < len(applied) && !applied[i] && part[i].settlement.Attempt != nil {
			s.metrics.lateSettles.Inc()
			s.logger.WarnContext(ctx, "attempt was not recorded, as its lease was no longer held",
				slog.String("message_id", part[i].settlement.ID.String()), slog.String("gateway", part[i].lane.name))
		}
	}
}

// waitAfterFault leaves a store in trouble alone for a while, or for the
// shortest while when the engine stops.
func (s *settler) waitAfterFault(ctx context.Context) {
	s.pause = min(max(2*s.pause, settlePauseInitial), settlePauseMax)
	closing := s.closing
	if s.isClosing() {
		s.pause, closing = settlePauseInitial, nil
	}
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-closing:
	case <-ctx.Done():
	}
}

func (s *settler) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}
