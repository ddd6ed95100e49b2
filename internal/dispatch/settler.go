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
	// isolateTries settlements that fail one after the other are taken for a
	// fault of the store.
	isolateTries = 3
)

// finished is a message that goes back to the store, with the slot it holds.
type finished struct {
	lane       *lane
	epoch      uint64
	settlement store.Settlement
}

// settler writes what attempts came to. It takes all that is there, writes it
// in one transaction and looks again, so that batches grow with the load; while
// many attempts are under way the first outcomes wait a moment for more. What
// cannot be written is kept: its slots stay taken, so that its lane stops
// claiming when all are, which bounds the memory.
type settler struct {
	store   Store
	health  *store.Health
	metrics *metrics
	logger  *slog.Logger

	// out counts the attempts that were begun and are not added yet.
	out atomic.Int64

	mu      sync.Mutex
	pending []finished
	// signal tells the loop of something pending, closing that no more comes.
	signal, closing chan struct{}
	// done is closed at the end of the loop.
	done chan struct{}
	// lag tells how far behind the loop is.
	lag lag

	// Of the loop alone:
	unwritten   []finished
	settlements []store.Settlement
	failures    int
	pause       time.Duration
	// stuck are settlements that fail alone while others succeed.
	stuck   []finished
	stuckAt time.Time
}

func newSettler(e *Engine) *settler {
	return &settler{
		store: e.store, health: e.health, metrics: e.metrics, logger: e.logger,
		signal: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
}

// add hands over what is finished.
func (s *settler) add(f finished) {
	s.mu.Lock()
	s.pending = append(s.pending, f)
	first, enough := len(s.pending) == 1, !s.isFew()
	s.mu.Unlock()
	if first || enough {
		s.poke()
	}
}

// end hands over the outcome of an attempt.
func (s *settler) end(f finished) {
	s.out.Add(-1)
	s.add(f)
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
		s.stuckAt = time.Now().Add(settlePauseInitial)
	}
	return time.After(time.Until(s.stuckAt))
}

// writeSome writes one transaction, or waits after a fault.
func (s *settler) writeSome(ctx context.Context) {
	part := s.unwritten[:min(len(s.unwritten), settleBatchMax)]
	s.lag.begin()
	err := s.write(ctx, part)
	s.health.Set(ctx, opSettle, err)
	s.failures++
	if err == nil || s.failures > 1 && mayBeOne(err) && s.isolate(ctx, part) {
		s.failures, s.pause = 0, 0
		s.lag.end(len(s.stuck) > 0)
		s.unwritten = slices.Delete(s.unwritten, 0, len(part))
		return
	}
	s.waitAfterFault(ctx)
}

// mayBeOne reports whether a fault may come from one settlement.
func mayBeOne(err error) bool {
	return !errors.Is(err, store.ErrFull) && !errors.Is(err, store.ErrReadOnly) && !errors.Is(err, store.ErrClosed)
}

// isolate writes each settlement alone, so that one that cannot be written does
// not hold up the others. It returns false, with nothing written, when it looks
// as if none could be.
func (s *settler) isolate(ctx context.Context, part []finished) bool {
	var failed []finished
	for i := range part {
		err := s.write(ctx, part[i:i+1])
		if err != nil {
			failed = append(failed, part[i])
		}
		if len(failed) == i+1 && (i+1 == isolateTries || i+1 == len(part)) {
			return false
		}
	}
	for i := range failed {
		s.logger.ErrorContext(ctx, "outcome of a message cannot be recorded; it is tried again, please report this",
			slog.String("message_id", failed[i].settlement.ID.String()), slog.String("gateway", failed[i].lane.name))
	}
	s.health.Set(ctx, opSettle, nil)
	s.stuckAt = time.Now().Add(settlePauseMax)
	s.stuck = append(s.stuck, failed...)
	return true
}

// retryStuck tries what is stuck again when it is time.
func (s *settler) retryStuck(ctx context.Context) {
	if len(s.stuck) == 0 || time.Now().Before(s.stuckAt) {
		return
	}
	s.stuck = slices.DeleteFunc(s.stuck, func(f finished) bool { return s.write(ctx, []finished{f}) == nil })
	s.lag.end(len(s.stuck) > 0)
	s.stuckAt = time.Now().Add(settlePauseMax)
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
	if err != nil {
		return fmt.Errorf("settle %d messages: %w", len(part), err)
	}
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
