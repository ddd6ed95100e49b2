package dispatch

import (
	"time"
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

// slots are what a gate gives out and takes back.
type slots struct {
	// limit is the most attempts under way.
	limit int
	// careful claims nothing ahead, as what a crash leaves is for an operator to decide.
	careful bool
	lanes   [laneCount]laneSlots
	// ended counts the attempts that ended while others waited for their slots.
	ended int
	// doubtful are attempts of messages whose last outcome is unknown: they may take
	// the whole time-out, so they get half of the slots.
	doubtful   int
	recipients map[digest]*recipient
}

func newSlots() slots {
	s := slots{recipients: make(map[digest]*recipient)}
	for l := range s.lanes {
		s.lanes[l].usual = time.Second
	}
	return s
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

// enter takes a ticket in that was leased with a permit, and reports whether it has
// a slot. Otherwise it is ready, and comes out of next.
func (g *gate) enter(t *ticket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &g.lanes[t.lane]
	s.planned--
	if !g.mayStart(t.lane) && !t.probe {
		s.ready.push(t)
		return false
	}
	s.inFlight++
	return true
}

// next gives the slot of a ticket that is done to the next that is ready, or back.
// The ticket that is done is unsettled from now on.
func (g *gate) next(done *ticket) *ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lanes[done.lane].inFlight--
	g.lanes[done.lane].unsettled++
	order := [laneCount]lane{laneCode, laneNormal, laneBulk}
	switch g.ended++; g.ended % turnEvery { // what is ready in a less urgent lane has its turn, too
	case 0:
		order = [laneCount]lane{laneNormal, laneBulk, laneCode}
	case turnEvery / 2:
		order = [laneCount]lane{laneBulk, laneNormal, laneCode}
	}
	for _, l := range order {
		if s := &g.lanes[l]; s.ready.len() > 0 && g.mayStart(l) {
			s.inFlight++
			return s.ready.pop()
		}
	}
	return nil
}

// crowded returns how many attempts are under way, or 0 while a rate spaces them out.
func (g *gate) crowded() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.share.rate > 0 || g.pace.rate > 0 {
		return 0
	}
	return g.inFlight()
}

// flush takes out the tickets that wait for a slot, as they must not be attempted now.
// They are unsettled from now on.
func (g *gate) flush() []*ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	var waiting []*ticket
	for l := range g.lanes {
		s := &g.lanes[l]
		waiting = append(waiting, s.ready.tickets[s.ready.head:]...)
		s.unsettled += s.ready.len()
		s.ready = fifo{}
	}
	return waiting
}

// settled notes that the outcome of a ticket was written.
func (g *gate) settled(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lanes[t.lane].unsettled--
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
	case g.retired || g.paused || g.breaker.state != breakerClosed && !g.breaker.isCurrent(t.epoch):
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

// leave ends what begin began. The lock is held.
func (g *gate) leave(t *ticket, k kind, took time.Duration) {
	s := &g.lanes[t.lane]
	s.usual += (took - s.usual) / 16
	if t.isDoubtful() {
		g.doubtful--
	}
	if r := g.recipients[t.recipient]; r != nil {
		r.inFlight--
		r.answered = k != kindTrouble && (k != kindNone || r.answered)
	}
}
