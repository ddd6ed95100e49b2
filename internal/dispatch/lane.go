package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"courier"
	"courier/internal/store"
)

// The pauses of a claim loop.
const (
	claimPauseInitial = 100 * time.Millisecond
	claimPauseMax     = 5 * time.Second
	// emptyClaimPause keeps a store that reports a due message which it does not
	// hand out from being asked without end.
	emptyClaimPause = 100 * time.Millisecond
)

// lane is one gateway with its claim loop, its slots and its workers.
type lane struct {
	engine *Engine
	name   string
	slots  slots
	// allowance is what the lane may attempt by the rate of all nodes.
	allowance allowance
	// settings are swapped by Reconfigure; an attempt keeps those it began with.
	settings atomic.Pointer[LaneOptions]
	metrics  laneMetrics

	wake chan struct{}
	// jobs hands messages to workers that wait for one.
	jobs chan job
	// quit is closed at the end of the claim loop: workers then wait no more.
	quit chan struct{}
	// cancel ends the claim loop.
	cancel context.CancelFunc

	// Of the claim loop alone:
	pollAt     time.Time
	pauseUntil time.Time
	pause      time.Duration
	// reach is how many attempts of a rate are reserved at once.
	reach int
}

// job is a message that is leased, with the epoch in which its slot was taken
// and the term in which it was leased.
type job struct {
	message *courier.Message
	epoch   uint64
	term    uint64
}

func newLane(e *Engine, options LaneOptions) *lane {
	l := &lane{
		engine:  e,
		name:    options.Gateway.Name(),
		metrics: e.metrics.lane(options.Gateway.Name()),
		wake:    make(chan struct{}, 1),
		jobs:    make(chan job),
		quit:    make(chan struct{}),
	}
	l.configure(options)
	return l
}

// configure puts the lane on a gateway with a closed breaker.
func (l *lane) configure(options LaneOptions) {
	l.settings.Store(&options)
	l.slots.configure(options.MaxInFlight, l.engine.now())
	l.allowance.configure(options.MaxRate)
	l.poke()
}

// start runs the claim loop until cancel is called.
func (l *lane) start(ctx context.Context, loops *sync.WaitGroup) {
	ctx, l.cancel = context.WithCancel(ctx)
	loops.Go(func() { l.run(ctx) })
}

// poke makes the claim loop look again.
func (l *lane) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// note tells the lane of a message that is due at a time.
func (l *lane) note(at time.Time, waits bool) {
	if !l.slots.note(at, waits) {
		l.engine.cluster.Changed()
	}
	l.poke()
}

func (l *lane) run(ctx context.Context) {
	defer close(l.quit)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		wait := l.step(ctx)
		if wait <= 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// step claims once if there is reason to, and returns how long to wait for the
// next unless the lane is woken; 0 is not at all.
func (l *lane) step(ctx context.Context) time.Duration {
	now := l.engine.now()
	if wait := l.pauseUntil.Sub(now); wait > 0 {
		return wait
	}
	term, held := l.engine.cluster.Term()
	if !held {
		return l.engine.pollInterval // the beat that gets through wakes the lane
	}
	if !now.Before(l.pollAt) {
		l.look(ctx, now, now)
		l.pollAt = now.Add(l.engine.pollInterval)
	}
	p := l.slots.plan(now)
	if p.count > 0 {
		p.term = term
		if p = l.afford(ctx, p, now); p.count > 0 {
			l.claim(ctx, p, now)
		}
		return 0
	}
	wait := max(l.pollAt.Sub(now), time.Millisecond)
	if p.wait > 0 {
		wait = min(wait, p.wait)
	}
	return wait
}

// claim leases messages and hands them to the workers. The claim is cut short
// neither by the end of the loop nor by a time-out of the engine's own, as that
// would leave leases nobody knows of; the store bounds it.
func (l *lane) claim(ctx context.Context, p plan, now time.Time) {
	messages, err := l.engine.store.Claim(context.WithoutCancel(ctx), store.Claim{
		Gateway:    l.name,
		Node:       l.engine.node,
		Now:        now,
		LeaseUntil: now.Add(l.leaseDuration()),
		Limit:      p.count,
	})
	l.engine.health.Set(ctx, opClaim, err)
	if err != nil {
		l.slots.claimFailed(p, now)
		l.pauseAfterFault(now)
		return
	}
	l.pause = 0
	for _, m := range messages {
		l.dispatch(job{message: m, epoch: p.epoch, term: p.term}) //nolint:contextcheck // an attempt outlives the claim loop
	}
	l.slots.claimed(p, len(messages), now)
	l.learn(p, len(messages), now)
	switch len(messages) {
	case p.count:
	case 0:
		l.look(ctx, now, now.Add(emptyClaimPause))
	default:
		l.look(ctx, now, now)
	}
}

// look asks the store when the next message is due, and will not have it be
// earlier than a time.
func (l *lane) look(ctx context.Context, now, notBefore time.Time) {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	due, err := l.engine.store.NextDue(callCtx, l.name)
	if ctx.Err() != nil {
		return
	}
	l.engine.health.Set(ctx, opNextDue, err)
	switch {
	case err != nil:
		l.slots.note(now, false)
		l.pauseAfterFault(now)
	case !due.IsZero() && due.Before(notBefore):
		l.slots.note(notBefore, false)
	case !due.IsZero():
		l.slots.note(due, false)
	}
}

// pauseAfterFault leaves a store in trouble alone for a while.
func (l *lane) pauseAfterFault(now time.Time) {
	l.pause = min(max(2*l.pause, claimPauseInitial), claimPauseMax)
	l.pauseUntil = now.Add(l.pause)
}

// leaseDuration outlasts an attempt with room to settle it.
func (l *lane) leaseDuration() time.Duration {
	return max(l.engine.leaseDuration, l.settings.Load().Timeout+settleMargin)
}

// giveBack gives a slot back that was not used.
func (l *lane) giveBack(epoch uint64) {
	if l.slots.giveBack(epoch) {
		l.poke()
	}
}

// dispatch hands a job to a worker that waits, or to a new one. Their number is
// bounded by the slots.
func (l *lane) dispatch(j job) {
	l.engine.settler.out.Add(1)
	select {
	case l.jobs <- j:
	default:
		l.engine.lifetime.workers.Go(func() { l.work(j) })
	}
}

// work attempts messages until no more follow. A worker is kept between
// messages, as its stack has grown to what rendering and sending need.
func (l *lane) work(j job) {
	for {
		l.handle(j)
		select {
		case j = <-l.jobs:
		case <-l.quit:
			return
		}
	}
}
