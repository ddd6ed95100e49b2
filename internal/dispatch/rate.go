package dispatch

import (
	"context"
	"sync"
	"time"

	"courier/internal/store"
)

// The pauses of a lane whose rate is used up.
const (
	// ratePauseShort lets grants add up, so that a fast rate is not reserved attempt
	// by attempt. It is well below store.RateBurst, so that none is lost.
	ratePauseShort = 40 * time.Millisecond
	// ratePauseLong bounds how late a lane finds out that its rate was changed.
	ratePauseLong = time.Second
)

// allowance are the attempts that were granted to a lane out of the rate that
// all nodes share, and not made yet. They are void after store.RateBurst, or a
// node could save up a rate and spend it at once.
type allowance struct {
	mu      sync.Mutex
	rate    float64
	granted int
	until   time.Time
}

// configure sets the rate, 0 for none.
func (a *allowance) configure(rate float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rate, a.granted = rate, 0
}

// limit returns the rate, 0 for none.
func (a *allowance) limit() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rate
}

// take takes up to want attempts of those that are left.
func (a *allowance) take(want int, now time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !now.Before(a.until) {
		a.granted = 0
	}
	taken := min(want, a.granted)
	a.granted -= taken
	return taken
}

// put keeps attempts that were granted at a time and are not used now.
func (a *allowance) put(count int, at time.Time) {
	if count == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !at.Before(a.until) {
		a.granted = 0
	}
	if a.granted == 0 {
		a.until = at.Add(store.RateBurst)
	}
	a.granted += count
}

// takeForNew takes what a new message needs to be stored already leased: the
// right to lease, an attempt of the rate, and a slot.
func (l *lane) takeForNew(now time.Time) (seat, bool) {
	term, held := l.engine.cluster.Term()
	if !held {
		return seat{lane: l}, false
	}
	limited := l.allowance.limit() > 0
	if limited && l.allowance.take(1, now) == 0 {
		return seat{lane: l}, false
	}
	epoch, taken := l.slots.takeForNew(now)
	if limited && !taken {
		l.allowance.put(1, now)
	}
	return seat{lane: l, epoch: epoch, term: term, leased: taken}, taken
}

// afford cuts a plan down to the attempts that the rate allows now. An attempt
// is reserved only for a message that is there: one that is granted and not made
// is lost to the other nodes.
func (l *lane) afford(ctx context.Context, p plan, now time.Time) plan {
	rate := l.allowance.limit()
	if rate == 0 {
		return p
	}
	kept := l.allowance.take(p.count, now)
	if kept == 0 && !l.anyDue(ctx, now) {
		l.reach = 1
		l.slots.claimed(p, 0, now)
		p.count = 0
		return p
	}
	if kept > 0 {
		return l.slots.shrink(p, kept)
	}
	want := min(p.count, max(l.reach, 1))
	grant, err := l.reserve(ctx, store.Reservation{Gateway: l.name, Now: now, Rate: rate, Want: want})
	if err == nil && grant.Count > 0 {
		if grant.Count < want {
			l.pauseUntil = now.Add(ratePauseShort) // there is no more now
		}
		return l.slots.shrink(p, grant.Count)
	}
	l.slots.claimFailed(p, now)
	if err != nil {
		l.pauseAfterFault(now)
	} else {
		l.awaitRate(grant.Wait, now)
	}
	p.count = 0
	return p
}

// reserve takes attempts out of the rate of all nodes.
func (l *lane) reserve(ctx context.Context, reservation store.Reservation) (store.Grant, error) {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	grant, err := l.engine.store.Reserve(callCtx, reservation)
	if ctx.Err() == nil {
		l.engine.health.Set(ctx, opReserve, err)
	}
	return grant, err
}

// anyDue looks whether a message is due. A store that does not tell is asked
// again after a pause.
func (l *lane) anyDue(ctx context.Context, now time.Time) bool {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	due, err := l.engine.store.NextDue(callCtx, l.name)
	if ctx.Err() != nil {
		return false
	}
	l.engine.health.Set(ctx, opNextDue, err)
	switch {
	case err != nil:
		l.slots.note(now, false)
		l.pauseAfterFault(now)
		return false
	case due.IsZero():
		return false
	case due.After(now):
		l.slots.note(due, false)
		return false
	}
	return true
}

// awaitRate pauses a lane until more attempts can be had.
func (l *lane) awaitRate(wait time.Duration, now time.Time) {
	wait = min(max(wait, ratePauseShort), ratePauseLong)
	l.metrics.rateWait.Add(wait.Seconds())
	l.pauseUntil = now.Add(wait)
}

// learn takes in what a claim of a lane with a rate brought: as many more are
// reserved next time as there may be.
func (l *lane) learn(p plan, got int, now time.Time) {
	if l.allowance.limit() == 0 {
		return
	}
	l.allowance.put(p.count-got, now)
	if got < p.count {
		l.reach = 1
		return
	}
	l.reach = 2 * p.count
}
