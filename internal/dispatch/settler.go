package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	// settleShare and settleLinger: outcomes that are fewer than one in
	// settleShare of the attempts under way wait for more, at most settleLinger.
	settleShare  = 8
	settleLinger = time.Millisecond
	// settleLagMax is how long outcomes may wait to be written before the settler is
	// behind. It is below what a lease has left at the end of an attempt.
	settleLagMax = settleMargin / 6
)

// settler writes what attempts came to. It takes all that is there, writes it
// in one transaction and looks again, so that batches grow with the load; while
// many attempts are under way the first outcomes wait a moment for more. What
// cannot be written is kept and counts as leased, so that its gate stops claiming
// in the end, which bounds the memory.
type settler struct {
	engine *Engine

	// out counts the attempts that were begun and are not added yet.
	out atomic.Int64

	mu      sync.Mutex
	pending []*ticket
	// signal tells the loop of something pending, closing that no more comes.
	signal, closing chan struct{}
	// done is closed at the end of the loop.
	done chan struct{}
	// writingSince is when the batch that is being written was first tried, nil when
	// none is; isStuck says that some outcomes cannot be written.
	writingSince atomic.Pointer[time.Time]
	isStuck      atomic.Bool

	// Of the loop alone:
	unwritten   []*ticket
	settlements []store.Settlement
	failures    int
	pause       time.Duration
	// stuck are settlements that fail alone while others succeed.
	stuck   []*ticket
	stuckAt time.Time
}

func newSettler(e *Engine) *settler {
	return &settler{
		engine: e, signal: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
}

// add hands over a ticket that is to be settled.
func (s *settler) add(t *ticket) {
	s.mu.Lock()
	s.pending = append(s.pending, t)
	first, enough := len(s.pending) == 1, !s.isFew()
	s.mu.Unlock()
	if first || enough {
		s.poke()
	}
}

// end hands over a ticket of those that are under way.
func (s *settler) end(t *ticket) {
	s.out.Add(-1)
	s.add(t)
}

// isFew reports whether what is pending is little beside what is under way. The
// lock is held.
func (s *settler) isFew() bool {
	return int64(len(s.pending))*settleShare < s.out.Load()
}

// lingers reports whether something is pending that may wait for more.
func (s *settler) lingers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0 && s.isFew()
}

// linger waits for more, so that a busy engine does not spend a transaction on
// every few messages, nor claims as few. A message that is alone never waits.
func (s *settler) linger(ctx context.Context) {
	if !s.lingers() {
		return
	}
	timer := time.NewTimer(settleLinger)
	defer timer.Stop()
	for s.lingers() {
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

// close lets the loop end once nothing is pending. It is called once.
func (s *settler) close() { close(s.closing) }

func (s *settler) poke() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// run writes until close, or until ctx ends.
func (s *settler) run(ctx context.Context) {
	defer close(s.done)
	for ctx.Err() == nil {
		s.retryStuck(ctx)
		s.linger(ctx)
		s.gather()
		switch {
		case len(s.unwritten) > 0:
			s.writeSome(ctx)
		case !s.wait(ctx):
			return
		}
	}
}

// gather takes all that is pending.
func (s *settler) gather() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwritten = append(s.unwritten, s.pending...)
	clear(s.pending)
	s.pending = s.pending[:0]
}

// isPending reports whether something is pending: of two channels that are ready,
// closing may be seen first.
func (s *settler) isPending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0
}

// wait waits for something to do. It returns false when nothing is left.
func (s *settler) wait(ctx context.Context) bool {
	select {
	case <-s.signal:
		return true
	default:
	}
	closing, timer := s.closing, s.stuckTimer()
	if len(s.stuck) > 0 && s.isClosing() {
		closing = nil
	}
	select {
	case <-s.signal:
		return true
	case <-timer:
		return true
	case <-closing:
		return len(s.stuck) > 0 || s.isPending()
	case <-ctx.Done():
		return false
	}
}

// stuckTimer fires when what is stuck is to be tried again, soon if the engine stops.
func (s *settler) stuckTimer() <-chan time.Time {
	if len(s.stuck) == 0 {
		return nil
	}
	if s.isClosing() {
		s.stuckAt = s.engine.tick().Add(settlePauseInitial)
	}
	return time.After(s.stuckAt.Sub(s.engine.tick()))
}

// behind reports whether outcomes of this node may still have to be written when
// their leases lapse.
func (s *settler) behind() bool {
	since := s.writingSince.Load()
	return s.isStuck.Load() || since != nil && s.engine.tick().Sub(*since) > settleLagMax
}

// writeSome writes one transaction, or waits after a fault.
func (s *settler) writeSome(ctx context.Context) {
	part := s.unwritten[:min(len(s.unwritten), settleBatchMax)]
	if s.writingSince.Load() == nil {
		now := s.engine.tick()
		s.writingSince.Store(&now)
	}
	err := s.write(ctx, part)
	s.engine.health.Set(ctx, opSettle, err)
	s.failures++
	if err == nil || s.failures > 1 && s.isolate(ctx, part, err) {
		s.failures, s.pause = 0, 0
		s.writingSince.Store(nil)
		s.unwritten = slices.Delete(s.unwritten, 0, len(part))
		return
	}
	s.waitAfterFault(ctx)
}

// isolate writes the parts of a batch that can be written, when the store works and
// the fault comes from some of its outcomes. It returns false when nothing was written.
func (s *settler) isolate(ctx context.Context, part []*ticket, err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if s.engine.store.Check(callCtx) != nil {
		return false
	}
	bad := s.bisect(ctx, part)
	if len(bad) == len(part) {
		// None can be written; those behind may be.
		s.unwritten = append(s.unwritten[len(part):], part...)
		return false
	}
	for _, t := range bad {
		s.engine.logger.ErrorContext(ctx, "outcome of a message cannot be recorded; it is tried again, please report this",
			slog.String("message_id", t.settlement.ID.String()), slog.String("gateway", t.gate.sender.name))
	}
	s.engine.health.Set(ctx, opSettle, nil)
	s.stuck = append(s.stuck, bad...)
	s.isStuck.Store(len(s.stuck) > 0)
	s.stuckAt = s.engine.tick().Add(settlePauseMax)
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

// retryStuck tries what is stuck again when it is time.
func (s *settler) retryStuck(ctx context.Context) {
	if len(s.stuck) == 0 || s.engine.tick().Before(s.stuckAt) {
		return
	}
	s.stuck = slices.DeleteFunc(s.stuck, func(t *ticket) bool { return s.write(ctx, []*ticket{t}) == nil })
	s.isStuck.Store(len(s.stuck) > 0)
	s.stuckAt = s.engine.tick().Add(settlePauseMax)
}

// write writes one transaction and gives the slots back.
func (s *settler) write(ctx context.Context, part []*ticket) error {
	s.settlements = s.settlements[:0]
	for i := range part {
		s.settlements = append(s.settlements, part[i].settlement)
	}
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	applied, err := s.engine.store.Settle(callCtx, s.settlements)
	if err != nil {
		return fmt.Errorf("settle %d messages: %w", len(part), err)
	}
	s.engine.metrics.settleBatch.Observe(float64(len(part)))
	s.logLost(ctx, part, applied)
	s.release(part)
	return nil
}

// release tells the gates, and then the queues, so that they claim as many as there
// is room for.
func (s *settler) release(part []*ticket) {
	for _, t := range part {
		t.gate.settled(1)
	}
	for i, t := range part {
		if t.settlement.Status == courier.StatusQueued {
			t.queue.note(t.settlement.NextAttemptAt.Sub(s.engine.now()), false)
		}
		if i == 0 || t.gate != part[i-1].gate {
			t.gate.wake()
		}
	}
}

// logLost tells of attempts whose lease was gone: the message was taken back
// while it was attempted, or a write that seemed to fail had succeeded.
func (s *settler) logLost(ctx context.Context, part []*ticket, applied []bool) {
	for i := range part {
		if i < len(applied) && !applied[i] && part[i].settlement.Attempt != nil {
			s.engine.metrics.lateSettles.Inc()
			s.engine.logger.WarnContext(ctx, "attempt was not recorded, as its lease was no longer held",
				slog.String("message_id", part[i].settlement.ID.String()), slog.String("gateway", part[i].gate.sender.name))
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
