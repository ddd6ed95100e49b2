package dispatch

import (
	"hash/maphash"
	"sync"
	"time"

	"courier"
)

// gate is the capacity of one gateway: how many attempts may be under way, whether
// it is well, and how fast it takes messages. What passes through it is a ticket.
//
// A slot is taken for an attempt and free again when its answer is read. What is
// leased is bounded by itself, at twice the slots: what is claimed ahead, what is
// under way, and the outcomes that are not on the disk yet. A crash repeats no more
// than the attempts under way and those outcomes.
//
// All times are monotonic but those of messages and attempts.
type gate struct {
	name string
	seed maphash.Seed
	// sender makes the attempts.
	sender *sender

	mu sync.Mutex
	slots
	// maxRate is the most attempts a second of all nodes.
	maxRate float64
	retired bool
	// paused is true while an operator wants no messages to go through the gateway.
	paused      bool
	fingerprint string

	blame   blame
	breaker breaker
	share   meter
	pace    pace
}

func newGate(name string, now, storeNow time.Time) *gate {
	return &gate{
		name: name, seed: maphash.MakeSeed(), slots: newSlots(),
		blame: newBlame(now, storeNow), breaker: newBreaker(), pace: newPace(),
	}
}

// configure sets the limits. What was learnt stays while the gateway is the same:
// another configuration may have corrected what was wrong.
func (g *gate) configure(options GatewayOptions, now, storeNow time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	another := options.Fingerprint == "" || options.Fingerprint != g.fingerprint
	g.limit, g.maxRate, g.fingerprint = options.MaxInFlight, options.MaxRate, options.Fingerprint
	g.careful = options.OnUnknown == HoldUnknown
	g.breaker.configure(options.Breaker)
	if another {
		g.breaker.close(now)
		g.breaker.opened = 0
		g.blame, g.pace = newBlame(now, storeNow), newPace()
	}
}

// setSpare says whether messages can go another way while the gateway is down.
func (g *gate) setSpare(spare bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.spare = spare
}

// retire ends the taking of messages.
func (g *gate) retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = true
}

// setPaused stops or resumes the taking of messages, and reports whether that is new.
func (g *gate) setPaused(paused bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	changed := g.paused != paused
	g.paused = paused
	return changed
}

// digest returns what stands for a recipient here.
func (g *gate) digest(to string) digest { return digest(maphash.String(g.seed, to)) }

// permit is the right to lease count messages for a gate.
type permit struct {
	gate  *gate
	lane  lane
	count int
	epoch uint64
	// probe is true for the one message that is to show how the gateway is.
	probe bool
	// anywhere is true when the messages had better not be those due first.
	anywhere bool
	// wait is how long until there is room, when there is none; 0 is until a wake-up.
	wait time.Duration
	// paced is true when it is the rate that has no room.
	paced bool
}

// admit gives the right to lease as many messages as there is room for, or half as
// many when the rest is left to others. A queue that finds no room is woken when
// there is some.
func (g *gate) admit(q *queue, half bool, nodes int, now time.Time) permit {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := q.key.lane
	want, _ := g.free(l)
	if want < g.limit/2 && g.lanes[l].ready.len() > 0 {
		// Enough is there for the slots that come free, and a claim costs nearly the same
		// for few messages as for many.
		g.lanes[l].queue = q
		return permit{gate: g, lane: l}
	}
	if half {
		want = (want + 1) / 2
	}
	p := g.grant(l, max(want, 1), nodes, now)
	if p.count == 0 {
		g.waits(q, p.wait, now)
	}
	return p
}

// admitNew gives the right to lease a new message, which is attempted at once. With
// a backlog it would overtake older ones, which a probe may.
func (g *gate) admitNew(l lane, to string, backlog bool, nodes int, now time.Time) permit {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused {
		return permit{gate: g, lane: l}
	}
	g.breaker.advance(now)
	if g.breaker.mayProbeNew(now) {
		g.breaker.enter(breakerHalfOpen)
	}
	_, slots := g.free(l)
	if g.breaker.state == breakerClosed && (backlog || slots <= 0) || !g.hasRoomFor(g.digest(to)) {
		return permit{gate: g, lane: l}
	}
	return g.grant(l, 1, nodes, now)
}

// probeNew gives the right to lease a new message that is to show how a gateway is that
// was found at fault. It may delay the message, so that few are asked for it.
func (g *gate) probeNew(l lane, to string, nodes int, now time.Time) permit {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.advance(now)
	if !g.paused && g.breaker.wantsProbe(now) && g.hasRoomFor(g.digest(to)) {
		return g.grant(l, 1, nodes, now)
	}
	return permit{}
}

// closedBy says why the gateway takes no messages, "" when it does.
func (g *gate) closedBy() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.paused:
		return "paused"
	case g.breaker.state == breakerClosed:
		return ""
	}
	return string(g.breaker.class)
}

// grant is admit with the lock held.
func (g *gate) grant(l lane, want, nodes int, now time.Time) permit {
	p := permit{gate: g, lane: l}
	if g.paused {
		return p // until a wake-up
	}
	g.breaker.advance(now)
	free := 0
	switch g.breaker.state {
	case breakerClosed:
		free, _ = g.free(l)
		if free -= g.owed(l, now); g.hasTurn(l) {
			free = max(free, 1)
		}
		p.anywhere = g.blame.isSuspicious()
	case breakerHalfOpen:
		// The probe goes out even when attempts of before still hold every slot.
		p.probe = !g.breaker.probing
		if p.anywhere = p.probe; p.probe {
			free = 1
		}
	case breakerOpen:
		p.wait = g.breaker.openUntil.Sub(now)
	}
	if g.retired || free <= 0 {
		return p
	}
	p.epoch = g.breaker.epoch
	if p.wait = g.pace.paused(now); p.wait > 0 {
		p.paced = true
		return p
	}
	g.take(&p, min(want, free), nodes, now)
	if p.count == 0 {
		return p
	}
	g.lanes[l].planned += p.count
	g.giveTurns(l, p.count, now)
	if p.probe {
		g.breaker.probing, g.breaker.probedAt = true, now
	}
	return p
}

// take takes what a permit is for out of the rate. A lane that has to leave the room to
// another gets what it has in advance. The lock is held.
func (g *gate) take(p *permit, want, nodes int, now time.Time) {
	g.setShare(nodes, now)
	g.pace.grow(now)
	until := g.yields(p.lane, now)
	if until.IsZero() || p.probe {
		p.count = g.spend(p.lane, want, now)
	}
	if p.count == 0 {
		p.count = g.spendTurns(p.lane, want)
	}
	switch {
	case p.count > 0:
	case !until.IsZero():
		p.wait = until.Sub(now)
	default:
		p.wait, p.paced = max(g.share.wait(p.lane, now), g.pace.wait(p.lane, now), time.Millisecond), true
	}
}

// wake tells the queues that wait that there is room.
func (g *gate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for l := range g.lanes {
		if s := &g.lanes[l]; s.queue != nil {
			s.queue.poke()
			s.queue = nil
		}
	}
}

// release gives back what a permit was not used for.
func (p permit) release(unused int) {
	if unused == 0 {
		return
	}
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lanes[p.lane].planned -= unused
	g.unspent(p.lane, unused)
	if p.probe {
		g.probeOver(p.epoch)
	}
}

// probeOver lets another probe through when the last one told nothing. The lock is held.
func (g *gate) probeOver(epoch uint64) {
	if g.breaker.isCurrent(epoch) {
		g.breaker.probing = false
	}
}

// abandon takes a ticket that may have been leased from its permit to its settlement.
func (g *gate) abandon(t *ticket) {
	g.mu.Lock()
	g.lanes[t.lane].planned--
	g.lanes[t.lane].unsettled++
	g.mu.Unlock()
	g.skip(t)
}

// skip takes a ticket back that is not attempted.
func (g *gate) skip(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unspent(t.lane, 1)
	if t.probe {
		g.probeOver(t.epoch)
	}
}

// change is a change of the breaker that is worth a line in the log.
type change struct {
	opened, closed bool
	// slowed is true when the gateway began to throttle: what waits for a slot would
	// be too fast for it.
	slowed  bool
	cause   kind
	openFor time.Duration
}

// judge takes in what an attempt came to. It finds out whose fault a failure is,
// by what happened to others, and stops or resumes sending. calledOff is true when
// the attempt was ended by this node, which says nothing about the gateway.
func (g *gate) judge(t *ticket, a *courier.Attempt, calledOff bool, now, storeNow time.Time, random float64) (finding, change) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := kindOf(a)
	if calledOff && (k == kindTrouble || k == kindUnsent) {
		k = kindNone
	}
	r := refusal{message: t.message, recipient: t.recipient, attempt: a, alone: g.inFlight() <= 1, recovering: g.breaker.isRecovering(now), now: now}
	g.leave(t, k, a.Duration)
	j := judging{gate: g, ticket: t, now: now, storeNow: storeNow, random: random, before: g.breaker.state}
	unpaced := g.pace.rate == 0
	found := j.of(k, r)
	if t.probe {
		g.probeOver(t.epoch)
	}
	changed := j.change()
	changed.slowed = unpaced && g.pace.rate > 0
	return found, changed
}

// usedUp says what becomes of a message that has no tries left: faultMessage ends
// it, faultGateway tries it again, faultUndecided has it wait.
func (g *gate) usedUp(t *ticket, nodes int, now time.Time) fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case t.probe && g.breaker.opened <= 2:
		// One that was not refused yet tells more.
		return faultUndecided
	case t.probe:
		return faultGateway
	case g.breaker.state == breakerClosed:
		return g.blame.usedUp(t.message, t.recipient, nodes, now)
	}
	return faultUndecided
}

// snapshot is the state of a gate for the metrics.
type snapshot struct {
	leased, inFlight, unsettled, limit int
	breaker                            breakerState
	// class is why the breaker is not closed.
	class  courier.Class
	paused bool
	pace   float64
	// sent is how many messages a second the gateway took lately.
	sent float64
}

func (g *gate) snapshot(now time.Time) snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.advance(now)
	g.pace.grow(now)
	state := snapshot{
		limit: g.limit, breaker: g.breaker.state, pace: g.pace.rate, paused: g.paused,
		sent: float64(g.pace.accepted.sum(now)) * paceWindowSecond / paceWindow,
	}
	if g.breaker.state != breakerClosed {
		state.class = g.breaker.class
	}
	for l := range g.lanes {
		s := &g.lanes[l]
		state.leased += s.started() + s.unsettled
		state.inFlight += s.inFlight
		state.unsettled += s.unsettled
	}
	return state
}
