package dispatch

import (
	"sync"
	"time"
)

// slots is what a lane knows: how many messages may be out, how many are, and
// when there is something to claim. A slot is taken before a message is leased
// and given back when it is settled, so that their number bounds both the
// requests in flight and what a crash can repeat.
type slots struct {
	mu      sync.Mutex
	limit   limit
	breaker breaker
	inUse   int

	// dueAt is when the store may next have a due message; zero is never. It is
	// a lower bound: being early costs an empty claim.
	dueAt time.Time
	// backlog is true when older messages may be due than slots can be had for.
	// New ones then queue up behind them.
	backlog bool
	// retired is true once the gateway is gone from the configuration.
	retired bool
}

// plan is what the claim loop does next: claim count messages, or wait.
type plan struct {
	count int
	epoch uint64
	term  uint64
	// wait is 0 when nothing but a wake-up is to be waited for.
	wait time.Duration
}

// configure sets the limit and closes the breaker. Old messages may be due.
func (s *slots) configure(maxInFlight int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit.configure(maxInFlight)
	s.breaker.reset()
	s.dueAt, s.backlog = now, true
}

// retire ends the taking of slots.
func (s *slots) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
}

// free returns how many slots can be had. The lock is held.
func (s *slots) free(now time.Time) int {
	if s.retired {
		return 0
	}
	s.breaker.advance(now)
	free := max(s.limit.current-s.inUse, 0)
	switch s.breaker.state {
	case breakerClosed:
		return free
	case breakerHalfOpen:
		if s.breaker.probing {
			return 0
		}
		// The probe goes out even when attempts of before still hold every slot.
		return 1
	case breakerOpen:
		return 0
	}
	return 0
}

// take takes slots and returns the epoch to give them back with. The lock is held.
func (s *slots) take(count int) uint64 {
	s.inUse += count
	s.breaker.probing = s.breaker.state == breakerHalfOpen
	return s.breaker.epoch
}

// takeForNew takes a slot for a message that is new, unless older ones wait.
func (s *slots) takeForNew(now time.Time) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backlog || s.free(now) == 0 {
		return 0, false
	}
	return s.take(1), true
}

// plan takes slots for a claim when there is something to claim. With no
// backlog it leaves half of them to new messages, which would otherwise queue
// up while the claim runs and call for the next.
func (s *slots) plan(now time.Time) plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dueAt.IsZero() {
		return plan{}
	}
	if wait := s.dueAt.Sub(now); wait > 0 {
		return plan{wait: wait}
	}
	count := s.free(now)
	if count == 0 {
		return plan{wait: s.untilProbe(now)}
	}
	if !s.backlog {
		count = (count + 1) / 2
	}
	s.dueAt = time.Time{}
	return plan{count: count, epoch: s.take(count)}
}

// untilProbe returns how long an open breaker stays open, 0 when it is not. The lock is held.
func (s *slots) untilProbe(now time.Time) time.Duration {
	if s.breaker.state != breakerOpen {
		return 0
	}
	return s.breaker.openUntil.Sub(now)
}

// shrink gives back the slots of a plan beyond count.
func (s *slots) shrink(p plan, count int) plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(p.epoch, p.count-count)
	p.count = count
	return p
}

// claimed gives back what a claim did not use and learns from it whether there is more.
func (s *slots) claimed(p plan, got int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(p.epoch, p.count-got)
	s.backlog = got == p.count
	if s.backlog {
		s.dueAt = now
	}
}

// claimFailed gives back all slots of a claim that has to be made again.
func (s *slots) claimFailed(p plan, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(p.epoch, p.count)
	s.dueAt = now
}

// release gives slots back. The lock is held.
func (s *slots) release(epoch uint64, count int) {
	s.inUse -= count
	if count > 0 && epoch == s.breaker.epoch {
		s.breaker.probing = false
	}
}

// giveBack gives one slot back and reports whether a claim may be waiting for it.
func (s *slots) giveBack(epoch uint64) (claimWaits bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(epoch, 1)
	return !s.dueAt.IsZero()
}

// note remembers that a message is due at a time. waits is true for one that
// found no slot: those after it queue up behind it. It returns false when the
// gateway is gone, so that the message has to be given to another.
func (s *slots) note(at time.Time, waits bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteLocked(at)
	s.backlog = s.backlog || waits
	return !s.retired
}

// mayAttempt reports whether a message that was leased in an epoch may still be
// attempted: the breaker may have opened since.
func (s *slots) mayAttempt(epoch uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.retired && (s.breaker.state == breakerClosed || s.breaker.epoch == epoch)
}

// change is a change of the breaker that is worth a line in the log.
type change struct {
	opened, closed bool
	openFor        time.Duration
}

// report takes in what an attempt says about the gateway. It returns when a
// message that waits for the gateway is to be tried again.
func (s *slots) report(epoch uint64, r report, now time.Time, random float64) (time.Time, change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.breaker.state
	s.breaker.report(epoch, r, now, random)
	s.limit.report(r, now)
	after := s.breaker.state
	if after == breakerOpen && before != after {
		// Whatever comes now waits behind what is queued already.
		s.backlog = true
		s.noteLocked(now)
	}
	return s.breaker.openUntil, change{
		opened:  before == breakerClosed && after == breakerOpen,
		closed:  before == breakerHalfOpen && after == breakerClosed,
		openFor: s.untilProbe(now),
	}
}

// noteLocked is note with the lock held.
func (s *slots) noteLocked(at time.Time) {
	if s.dueAt.IsZero() || at.Before(s.dueAt) {
		s.dueAt = at
	}
}

// snapshot is the state of a lane for the metrics.
type snapshot struct {
	inUse, limit int
	breaker      breakerState
}

func (s *slots) snapshot(now time.Time) snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaker.advance(now)
	return snapshot{inUse: s.inUse, limit: s.limit.current, breaker: s.breaker.state}
}
