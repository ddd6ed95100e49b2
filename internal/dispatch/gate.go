package dispatch

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"courier"
)

// The rules of a gate's slots.
const (
	// strangersInFlight is how many attempts of one recipient may be under way until
	// the gateway has answered one: a number that always times out holds no more.
	strangersInFlight = 4
	// recipientsKept bounds how many recipients without attempts are remembered.
	recipientsKept = 4096
	// aheadTime is how far ahead messages are claimed: a claim takes about as long.
	aheadTime = 50 * time.Millisecond
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
	maxRate     float64
	retired     bool
	fingerprint string

	blame   blame
	breaker breaker
	share   bucket
	pace    pace
	// waiting are the queues that found no room.
	waiting []*queue
}

// slots are what a gate gives out and takes back.
type slots struct {
	// limit is the most attempts under way.
	limit int
	// careful claims nothing ahead, as what a crash leaves is for an operator to decide.
	careful bool
	// planned are leases that are being made, ready are leased and wait for a slot,
	// inFlight are attempts, unsettled are outcomes that are not written yet.
	planned, inFlight, unsettled int
	ready                        fifo
	// doubtful are attempts of messages whose last outcome is unknown: they may take
	// the whole time-out, so they get half of the slots.
	doubtful   int
	recipients map[digest]*recipient
	// usual is how long attempts take, as a moving average.
	usual time.Duration
}

// recipient is what a gate knows of one that has attempts under way.
type recipient struct {
	inFlight int
	// answered is true once the gateway has answered for it, whatever it said.
	answered bool
}

// fifo is a list of tickets, first in, first out.
type fifo struct {
	tickets []*ticket
	head    int
}

func (f *fifo) len() int       { return len(f.tickets) - f.head }
func (f *fifo) push(t *ticket) { f.tickets = append(f.tickets, t) }

func (f *fifo) pop() *ticket {
	t := f.tickets[f.head]
	f.tickets[f.head] = nil
	if f.head++; f.head == len(f.tickets) {
		f.tickets, f.head = f.tickets[:0], 0
	}
	return t
}

func newGate(name string, now, storeNow time.Time) *gate {
	return &gate{
		name: name, seed: maphash.MakeSeed(), slots: slots{recipients: make(map[digest]*recipient), usual: time.Second},
		blame: newBlame(now, storeNow), breaker: newBreaker(), pace: newPace(),
	}
}

// configure sets the limits. What was learnt stays while the gateway is the same:
// another configuration may have corrected what was wrong.
func (g *gate) configure(options GatewayOptions, now, storeNow time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	another := options.Fingerprint == "" || options.Fingerprint != g.fingerprint
	g.limit, g.maxRate, g.fingerprint = options.MaxInFlight, options.rate(), options.Fingerprint
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

// digest returns what stands for a recipient here.
func (g *gate) digest(to string) digest { return digest(maphash.String(g.seed, to)) }

// permit is the right to lease count messages for a gate.
type permit struct {
	gate  *gate
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
	want := g.free()
	if want < g.limit/2 && g.ready.len() > 0 {
		// Enough is there for the slots that come free, and a claim costs nearly the same
		// for few messages as for many.
		g.await(q)
		return permit{gate: g}
	}
	if half {
		want = (want + 1) / 2
	}
	p := g.grant(max(want, 1), nodes, now)
	if p.count == 0 {
		g.await(q)
	}
	return p
}

// admitNew gives the right to lease a new message, which is attempted at once. With
// a backlog it would overtake older ones, which a probe may.
func (g *gate) admitNew(to string, backlog bool, nodes int, now time.Time) permit {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.advance(now)
	if g.breaker.mayProbeNew(now) {
		g.breaker.enter(breakerHalfOpen)
	}
	full := backlog || g.inFlight+g.planned+g.ready.len() >= g.limit
	if g.breaker.state == breakerClosed && full || !g.hasRoomFor(g.digest(to)) {
		return permit{gate: g}
	}
	return g.grant(1, nodes, now)
}

// probeNew gives the right to lease a new message that is to show how a gateway is that
// was found at fault. It may delay the message, so that few are asked for it.
func (g *gate) probeNew(to string, nodes int, now time.Time) permit {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.advance(now)
	if g.breaker.wantsProbe(now) && g.hasRoomFor(g.digest(to)) {
		return g.grant(1, nodes, now)
	}
	return permit{}
}

// takes reports whether a message that has some time left would be attempted within
// it, with others ahead of it.
func (g *gate) takes(left time.Duration, ahead, nodes int, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.advance(now)
	return !g.retired && g.breaker.state == breakerClosed && g.delay(ahead, nodes, now) < left
}

// delay is about how long a message waits for the rate and the pace, with others ahead
// of it. The lock is held.
func (g *gate) delay(ahead, nodes int, now time.Time) time.Duration {
	wait, rate := g.pace.paused(now), g.rate(nodes)
	if rate == 0 {
		return wait
	}
	return wait + time.Duration(min(float64(ahead)/rate, maxDelay.Seconds())*float64(time.Second))
}

// rate is how many attempts a second this node may make, 0 for any number. The lock is held.
func (g *gate) rate(nodes int) float64 {
	rate := g.maxRate / float64(max(nodes, 1))
	if rate == 0 || g.pace.rate > 0 && g.pace.rate < rate {
		return g.pace.rate
	}
	return rate
}

// maxDelay bounds an estimate.
const maxDelay = 1000 * time.Hour

// closedBy says why the gateway takes no messages, "" when it does.
func (g *gate) closedBy() courier.Class {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.breaker.state == breakerClosed {
		return ""
	}
	return g.breaker.class
}

// grant is admit with the lock held.
func (g *gate) grant(want, nodes int, now time.Time) permit {
	p := permit{gate: g}
	g.breaker.advance(now)
	free := 0
	switch g.breaker.state {
	case breakerClosed:
		free, p.anywhere = g.free(), g.blame.isSuspicious()
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
	p.count = g.spend(min(want, free), nodes, now)
	if p.count == 0 {
		p.wait, p.paced = max(g.share.wait(now), g.pace.wait(now), time.Millisecond), true
		return p
	}
	g.planned += p.count
	if p.probe {
		g.breaker.probing, g.breaker.probedAt = true, now
	}
	return p
}

// free returns how many more messages may be leased. The lock is held.
func (g *gate) free() int {
	started := g.planned + g.ready.len() + g.inFlight
	return min(2*g.limit-started-g.unsettled, g.limit+g.ahead()-started)
}

// ahead is how many messages may wait here for a slot: as many as are attempted in
// aheadTime. The lock is held.
func (g *gate) ahead() int {
	if g.careful || g.share.rate > 0 || g.pace.rate > 0 {
		return 0
	}
	return int(int64(g.limit) * int64(aheadTime) / int64(max(g.usual, aheadTime)))
}

// spend takes attempts out of the rate of this node and the pace of the gateway.
// The lock is held.
func (g *gate) spend(want, nodes int, now time.Time) int {
	g.setShare(nodes, now)
	g.pace.grow(now)
	count := g.share.take(want, now)
	allowed := g.pace.take(count, now)
	g.share.put(count - allowed)
	return allowed
}

// setShare gives each node that is alive the same part of the rate. A node that
// comes to others begins once they know of it.
func (g *gate) setShare(nodes int, now time.Time) {
	begins := g.maxRate > 0 && g.share.rate == 0
	g.share.setRate(g.maxRate/float64(max(nodes, 1)), now)
	switch {
	case begins && nodes > 1:
		g.share.at = now.Add(shareDelay)
	case begins:
		g.share.tokens = g.share.burst()
	}
}

// shareDelay is how long the other nodes take to notice one that comes.
const shareDelay = time.Second

// await wakes a queue when there is room. The lock is held.
func (g *gate) await(q *queue) {
	if !slices.Contains(g.waiting, q) {
		g.waiting = append(g.waiting, q)
	}
}

// wake tells the queues that wait that there is room.
func (g *gate) wake() {
	g.mu.Lock()
	waiting := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	for _, q := range waiting {
		q.poke()
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
	g.planned -= unused
	g.unspent(unused)
	if p.probe {
		g.probeOver(p.epoch)
	}
}

// unspent gives back attempts that were not made. The lock is held.
func (g *gate) unspent(count int) {
	g.share.put(count)
	g.pace.put(count)
}

// probeOver lets another probe through when the last one told nothing. The lock is held.
func (g *gate) probeOver(epoch uint64) {
	if g.breaker.isCurrent(epoch) {
		g.breaker.probing = false
	}
}

// enter takes a ticket in that was leased with a permit, and reports whether it has
// a slot. Otherwise it is ready, and comes out of next.
func (g *gate) enter(t *ticket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.planned--
	if g.inFlight >= g.limit && !t.probe {
		g.ready.push(t)
		return false
	}
	g.inFlight++
	return true
}

// next gives the slot of a ticket that is done to the next that is ready, or back.
// The ticket that is done is unsettled from now on.
func (g *gate) next() *ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unsettled++
	if g.ready.len() > 0 && g.inFlight <= g.limit {
		return g.ready.pop()
	}
	g.inFlight--
	return nil
}

// crowded returns how many attempts are under way, or 0 while a rate spaces them out.
func (g *gate) crowded() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.share.rate > 0 || g.pace.rate > 0 {
		return 0
	}
	return g.inFlight
}

// flush takes out the tickets that wait for a slot, as they must not be attempted now.
// They are unsettled from now on.
func (g *gate) flush() []*ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting := g.ready.tickets[g.ready.head:]
	g.ready = fifo{}
	g.unsettled += len(waiting)
	return waiting
}

// settled notes that outcomes were written.
func (g *gate) settled(count int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unsettled -= count
}

// beginning says whether a ticket may be attempted.
type beginning int

const (
	beginNow beginning = iota
	// beginNever: the gate is closed to it; it goes back to its place in the queue.
	beginNever
	// beginLater: enough attempts of its recipient, or of its kind, are under way.
	beginLater
)

// abandon takes a ticket that may have been leased from its permit to its settlement.
func (g *gate) abandon(t *ticket) {
	g.mu.Lock()
	g.planned--
	g.unsettled++
	g.mu.Unlock()
	g.skip(t)
}

// skip takes a ticket back that is not attempted.
func (g *gate) skip(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unspent(1)
	if t.probe {
		g.probeOver(t.epoch)
	}
}

// begin asks whether a ticket may be attempted now. After beginNow comes judge, after
// the others skip.
func (g *gate) begin(t *ticket) beginning {
	g.mu.Lock()
	defer g.mu.Unlock()
	if answer := g.mayBegin(t); answer != beginNow {
		return answer
	}
	r := g.recipients[t.recipient]
	if r == nil {
		g.sweepRecipients()
		r = &recipient{}
		g.recipients[t.recipient] = r
	}
	r.inFlight++
	if t.isDoubtful() {
		g.doubtful++
	}
	return beginNow
}

// mayBegin is begin without its effects. The lock is held.
func (g *gate) mayBegin(t *ticket) beginning {
	switch {
	case g.retired || g.breaker.state != breakerClosed && !g.breaker.isCurrent(t.epoch):
		return beginNever
	case t.probe:
		return beginNow
	case !g.hasRoomFor(t.recipient), t.isDoubtful() && g.doubtful >= max(g.limit/2, 1):
		return beginLater
	}
	return beginNow
}

// hasRoomFor reports whether another attempt of a recipient may begin. The lock is held.
func (g *gate) hasRoomFor(who digest) bool {
	r := g.recipients[who]
	return r == nil || r.answered || r.inFlight < strangersInFlight
}

// sweepRecipients forgets those that have no attempts when there are many. The lock
// is held.
func (g *gate) sweepRecipients() {
	if len(g.recipients) < recipientsKept+g.limit {
		return
	}
	for who, r := range g.recipients {
		if r.inFlight == 0 {
			delete(g.recipients, who)
		}
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
	r := refusal{message: t.message, recipient: t.recipient, attempt: a, alone: g.inFlight <= 1, recovering: g.breaker.isRecovering(now), now: now}
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

// leave ends what begin began. The lock is held.
func (g *gate) leave(t *ticket, k kind, took time.Duration) {
	g.usual += (took - g.usual) / 16
	if t.isDoubtful() {
		g.doubtful--
	}
	if r := g.recipients[t.recipient]; r != nil {
		r.inFlight--
		r.answered = k != kindTrouble && (k != kindNone || r.answered)
	}
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
	pace                               float64
}

func (g *gate) snapshot(now time.Time) snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.advance(now)
	g.pace.grow(now)
	return snapshot{
		leased:   g.planned + g.ready.len() + g.inFlight + g.unsettled,
		inFlight: g.inFlight, unsettled: g.unsettled, limit: g.limit,
		breaker: g.breaker.state, pace: g.pace.rate,
	}
}
