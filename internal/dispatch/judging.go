package dispatch

import (
	"time"

	"courier"
)

// judging is one call of judge, with the lock held.
type judging struct {
	gate          *gate
	ticket        *ticket
	now, storeNow time.Time
	random        float64
	before        breakerState
}

func (j *judging) of(k kind, r refusal) finding {
	g, current := j.gate, j.gate.breaker.isCurrent(j.ticket.epoch)
	if k != kindNone && k != kindUnrendered {
		g.blame.rendered(r.attempt.StartedAt)
		if g.breaker.cause == kindUnrendered && g.breaker.state != breakerClosed && current {
			j.works()
		}
	}
	switch k {
	case kindNone:
	case kindAccepted:
		over := g.breaker.cause.isRefusal() && g.blame.sinceOutage(r.attempt.StartedAt)
		g.pace.acceptedOne(j.now)
		g.blame.accepted(r.attempt.StartedAt, j.now)
		if current || over {
			j.works()
		}
	case kindJudged:
		j.answers(current)
	case kindThrottled:
		j.answers(current)
		if g.pace.throttledOne(r.recipient, r.attempt.RetryAfter, j.now) {
			return finding{fault: faultGateway}
		}
		return finding{fault: faultMessage}
	case kindTrouble, kindUnsent:
		if current && g.breaker.fails(k, r.recipient, j.now) {
			j.open(k, r.attempt.Class)
		}
	case kindRefused, kindGuessed, kindUnrendered:
		return j.refused(k, r, current)
	}
	return finding{}
}

// refused finds out who is at fault that a message was refused. While the gateway
// is known to refuse, it is the gateway.
func (j *judging) refused(k kind, r refusal, current bool) finding {
	g := j.gate
	j.answers(current)
	if g.breaker.state != breakerClosed && g.breaker.cause.isRefusal() {
		g.blame.alsoRefused(r.attempt.StartedAt)
		if current {
			j.open(g.breaker.cause, r.attempt.Class)
		}
		return finding{fault: faultGateway}
	}
	found := g.blame.judge(k, r)
	if found.open {
		if g.breaker.state == breakerClosed || !g.breaker.cause.isRefusal() {
			g.blame.down(k, r.attempt.StartedAt)
		}
		j.open(k, r.attempt.Class)
	}
	return found
}

// answers takes in that the gateway answered. That ends trouble, but does not show
// that a gateway that refuses takes anybody.
func (j *judging) answers(current bool) {
	if current && (j.gate.breaker.state == breakerClosed || !j.gate.breaker.cause.isRefusal()) {
		j.works()
	}
}

func (j *judging) works() {
	if j.gate.breaker.works(j.ticket.message.ID, j.now) {
		j.gate.blame.up(j.storeNow)
	}
}

// open opens the breaker. Trouble of a gateway that refuses does not hide that it does.
func (j *judging) open(k kind, class courier.Class) {
	if b := &j.gate.breaker; b.state != breakerClosed && b.cause.isRefusal() && !k.isRefusal() {
		k, class = b.cause, b.class
	}
	j.gate.breaker.open(k, class, j.now, j.random)
}

func (j *judging) change() change {
	b := &j.gate.breaker
	return change{
		opened:  j.before == breakerClosed && b.state == breakerOpen,
		closed:  j.before != breakerClosed && b.state == breakerClosed,
		cause:   b.cause,
		openFor: b.openUntil.Sub(j.now),
	}
}
