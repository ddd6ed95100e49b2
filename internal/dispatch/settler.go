package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"courier"
	"courier/internal/store"
)

// The bounds of the settler.
const (
	settleBatchMax     = 500
	settlePauseInitial = 100 * time.Millisecond
	settlePauseMax     = 5 * time.Second
	// settleLinger is how long the first outcomes wait for more while as many attempts are
	// under way: a transaction costs nearly the same for few as for many. It holds up
	// nobody, as a slot is free once its answer is read.
	settleLinger = 3 * time.Millisecond
	// settleEnough are so many that more of them would make each cheaper by little.
	settleEnough = 64
	// settleLagMax is how long outcomes may wait to be written before the settler is
	// behind. It is below what a lease has left at the end of an attempt.
	settleLagMax = settleMargin / 6
)

// settler writes what became of tickets. It takes all that is there, writes it in
// one transaction and looks again, so that batches grow with the load. What cannot
// be written is kept and counts as leased, so that its gate stops claiming in the
// end, which bounds the memory.
type settler struct {
	engine *Engine

	mu      sync.Mutex
	pending []*ticket
	// signal tells the loop of something pending, closing that no more comes.
	signal, closing chan struct{}
	// done is closed at the end of the loop.
	done chan struct{}

	// failures counts the batches in a row that failed; of the loop alone.
	failures int
	// writingSince is when the first of them was tried, or the one that is being
	// written; nil when none is.
	writingSince atomic.Pointer[time.Time]
	// stuck counts outcomes that cannot be written while others can; trying are the
	// goroutines that keep them.
	stuck  atomic.Int64
	trying sync.WaitGroup

	// holds are the messages that wait for some that are settled here.
	holds holds
}

func newSettler(e *Engine) *settler {
	return &settler{engine: e, signal: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
}

// add hands over tickets that are to be settled.
func (s *settler) add(tickets ...*ticket) {
	s.mu.Lock()
	s.pending = append(s.pending, tickets...)
	s.mu.Unlock()
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// take takes out what is written next.
func (s *settler) take() []*ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	part := s.pending[:min(len(s.pending), settleBatchMax)]
	s.pending = append([]*ticket(nil), s.pending[len(part):]...)
	return part
}

// linger waits until as much is pending as is under way, or enough. A message that is
// alone never waits.
func (s *settler) linger(ctx context.Context) {
	if !s.isLittle() {
		return
	}
	timer := time.NewTimer(settleLinger)
	defer timer.Stop()
	for s.isLittle() {
		select {
		case <-s.signal:
		case <-timer.C:
			return
		case <-s.closing:
			return
		case <-ctx.Done():
			return
		}
	}
}

// isLittle reports whether something is pending that may wait for more.
func (s *settler) isLittle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 || s.pending[0].gate == nil {
		return false
	}
	return len(s.pending) < min(s.pending[0].gate.crowded(), settleEnough)
}

// close lets the loop end once nothing is pending. It is called once.
func (s *settler) close() { close(s.closing) }

// run writes until close, or until ctx ends.
func (s *settler) run(ctx context.Context) {
	defer close(s.done)
	defer s.trying.Wait()
	for closing := false; ctx.Err() == nil; {
		if !closing {
			s.linger(ctx)
		}
		if part := s.take(); len(part) > 0 {
			s.settle(ctx, part)
			continue
		}
		if closing {
			return
		}
		select {
		case <-s.signal:
		case <-s.closing:
			closing = true // what was added before it is still to be written
		case <-ctx.Done():
		}
	}
}

// settle writes a batch. When some of it cannot be written while the store works,
// those are set aside; when the store fails, it is left alone for a while.
func (s *settler) settle(ctx context.Context, part []*ticket) {
	if s.writingSince.Load() == nil {
		now := s.engine.tick()
		s.writingSince.Store(&now)
	}
	err := s.write(ctx, part)
	s.engine.health.Set(ctx, opSettle, err)
	s.failures++
	if err == nil || s.failures > 1 && s.setAside(ctx, part, err) {
		s.failures = 0
		s.writingSince.Store(nil)
		return
	}
	s.add(part...) // behind the others, which it may be possible to write
	s.wait(ctx, min(settlePauseInitial<<min(s.failures-1, 10), settlePauseMax))
}

// setAside writes what can be written of a batch that failed. It returns false when
// that is nothing.
func (s *settler) setAside(ctx context.Context, part []*ticket, err error) bool {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if errors.Is(err, context.DeadlineExceeded) || s.engine.store.Check(callCtx) != nil {
		return false
	}
	bad := s.bisect(ctx, part)
	if len(bad) == len(part) {
		return false
	}
	s.engine.health.Set(ctx, opSettle, nil)
	for _, t := range bad {
		s.engine.logger.ErrorContext(ctx, "outcome of a message cannot be recorded; it is tried again, please report this",
			slog.String("message_id", t.settlement.ID.String()), slog.String("gateway", t.gate.sender.name))
		s.stuck.Add(1)
		s.trying.Go(func() {
			for s.wait(ctx, settlePauseMax) && s.write(ctx, []*ticket{t}) != nil { //nolint:revive // it is all in the condition
			}
			s.stuck.Add(-1)
		})
	}
	return true
}

// bisect writes a batch that failed in halves, so that those which cannot be
// written, however many, hold up no other. It returns those.
func (s *settler) bisect(ctx context.Context, part []*ticket) []*ticket {
	if len(part) == 1 {
		return part
	}
	var bad []*ticket
	for _, half := range [][]*ticket{part[:len(part)/2], part[len(part)/2:]} {
		if s.write(ctx, half) != nil {
			bad = append(bad, s.bisect(ctx, half)...)
		}
	}
	return bad
}

// write writes one transaction and tells those who wait for it.
func (s *settler) write(ctx context.Context, part []*ticket) error {
	settlements := make([]store.Settlement, len(part))
	for i, t := range part {
		settlements[i] = t.settlement
	}
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	applied, err := s.engine.store.Settle(callCtx, settlements)
	if err != nil {
		return fmt.Errorf("settle %d messages: %w", len(part), err)
	}
	s.engine.metrics.settleBatch.Observe(float64(len(part)))
	for i, t := range part {
		if i < len(applied) && !applied[i] && t.settlement.Attempt != nil {
			s.engine.metrics.lateSettles.Inc()
			s.engine.logger.WarnContext(ctx, "attempt was not recorded, as its lease was no longer held",
				slog.String("message_id", t.settlement.ID.String()), slog.String("gateway", t.gate.sender.name))
		}
		t.gate.settled(t)
	}
	s.tell(part)
	return nil
}

// tell tells the queues of what is written, after all gates know, so that they claim
// as many as there is room for.
func (s *settler) tell(part []*ticket) {
	for i, t := range part {
		if t.settlement.Status == courier.StatusQueued {
			q := t.queue
			if to := s.engine.routing.Load().lines[t.settlement.Gateway]; to != nil {
				q = to.of(t.message)
			}
			q.note(t.settlement.NextAttemptAt.Sub(s.engine.now()), false)
		}
		if q := s.holds.end(t.message); q != nil {
			q.note(0, false)
		}
		if i == 0 || t.gate != part[i-1].gate {
			t.gate.wake()
		}
	}
}

// wait leaves a store in trouble alone for a while, or for the shortest while when
// the engine stops. It returns false when ctx ends.
func (s *settler) wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	case <-s.closing:
	}
	select {
	case <-time.After(settlePauseInitial):
		return true
	case <-ctx.Done():
		return false
	}
}

// behind reports whether outcomes of this node may still have to be written when
// their leases lapse.
func (s *settler) behind() bool {
	since := s.writingSince.Load()
	return s.stuck.Load() > 0 || since != nil && s.engine.tick().Sub(*since) > settleLagMax
}
