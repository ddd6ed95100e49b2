package dispatch

import (
	"time"

	"courier"
	"courier/internal/store"
)

// Hold is what holds up the messages that wait for a gateway.
type Hold string

// The reasons for which messages wait.
const (
	// HoldNone: nothing does, they are on their way.
	HoldNone Hold = ""
	// HoldPaused: an operator wants none to go through the gateway.
	HoldPaused Hold = "paused"
	// HoldAccount: the gateway refuses everybody, as its credentials, credit or settings
	// are at fault.
	HoldAccount Hold = "account"
	// HoldBreaker: the gateway cannot be reached, or does not work.
	HoldBreaker Hold = "breaker"
	// HoldThrottled: the gateway asked for a delay, or takes so many a second.
	HoldThrottled Hold = "throttled"
	// HoldRate: the configured rate lets no more through.
	HoldRate Hold = "rate"
	// HoldLane: more urgent messages go first.
	HoldLane Hold = "lane"
	// HoldSlots: as many attempts are under way as may be.
	HoldSlots Hold = "slots"
	// HoldElsewhere: this node does not have the gateway.
	HoldElsewhere Hold = "elsewhere"
)

// QueueState is what waits for one gateway in one lane.
type QueueState struct {
	Gateway string
	Lane    courier.Lane
	// Count is how many messages wait, up to store.CountedMost, those that are not due
	// among them.
	Count int
	// OldestDueAt is when the first of them is due.
	OldestDueAt time.Time
	// Hold says what holds up those that are due, as this node sees it, and Class the
	// class of error for a gateway that takes none.
	Hold  Hold
	Class courier.Class
}

// QueueStates says of what waits, by the store, what holds it up.
func (e *Engine) QueueStates(waiting []store.Waiting) []QueueState {
	states := make([]QueueState, len(waiting))
	for i, w := range waiting {
		states[i] = e.queueState(w)
	}
	return states
}

func (e *Engine) queueState(w store.Waiting) QueueState {
	state := QueueState{Gateway: w.Gateway, Lane: w.Lane, Count: w.Count, OldestDueAt: w.Due}
	l := e.routing.Load().lines[w.Gateway]
	if l == nil {
		state.Hold = HoldElsewhere
		return state
	}
	if !w.Due.After(e.now()) {
		state.Hold, state.Class = l.hold(laneOf(w.Lane), e.cluster.Nodes(), e.tick())
	}
	return state
}

// hold says why a message of a lane that is due has to wait now.
func (g *gate) hold(l lane, nodes int, now time.Time) (Hold, courier.Class) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.advance(now)
	switch {
	case g.paused:
		return HoldPaused, ""
	case g.breaker.state != breakerClosed && g.breaker.cause.isRefusal():
		return HoldAccount, g.breaker.class
	case g.breaker.state != breakerClosed:
		return HoldBreaker, g.breaker.class
	}
	g.setShare(nodes, now)
	g.pace.grow(now)
	leases, _ := g.free(l)
	switch {
	case g.pace.paused(now) > 0, g.pace.wait(l, now) > 0:
		return HoldThrottled, ""
	case g.share.wait(l, now) > 0:
		return HoldRate, ""
	case !g.yields(l, now).IsZero():
		return HoldLane, ""
	case leases <= 0:
		return HoldSlots, ""
	}
	return HoldNone, ""
}
