package dispatch

import (
	"time"

	"courier"
)

// The rules of the breaker.
const (
	// Trouble opens it when a share of the attempts of a window failed, a few of them, of
	// severalRecipients: one that is poisonous cannot. breakerSlots are the parts of the
	// window.
	breakerSlots = 10
	// After many successes it takes long until failures are a share of the window, while messages
	// wait for slots in which attempts time out: where they can go another way, failuresInARow
	// open it too.
	failuresInARow = 10
	// unsentFew attempts in a row of which nothing was processed open it whatever the
	// message, as no message can be at fault.
	unsentFew = 3

	// A gateway that refuses is asked again each second, as any of the messages that
	// wait may be one that it takes, and less often once many were tried. One that is
	// away is asked less and less often.
	probeFirst = 500 * time.Millisecond
	probeEach  = time.Second
	probeMax   = 5 * time.Second
	probesSoon = 10
	// A gateway whose messages can go another way gets them back after probesSpare
	// successes, one more for each time that it was opened, up to probesMost. Of new
	// messages no more than one in probeOneIn is a probe, unless there are so few that none
	// was for probeRarely: each may be delayed by a time-out.
	probesSpare = 4
	probesMost  = 16
	probeOneIn  = 128
	probeRarely = 15 * time.Second
	// breakerCalm is how long it has to be closed before an outage is a new one.
	breakerCalm = 30 * time.Second
)

// breakerState is where a breaker stands. The numbers are those of the metric.
type breakerState int

const (
	breakerClosed   breakerState = 0
	breakerHalfOpen breakerState = 1
	breakerOpen     breakerState = 2
)

// breaker stops attempts at a gateway that cannot take them, and asks it now and
// then with a single message, a probe. Every change of state begins a new epoch;
// what attempts of an earlier one came to is no news of the present. It is not safe
// for concurrent use.
type breaker struct {
	state    breakerState
	epoch    uint64
	settings Breaker
	// spare is true when messages can go another way.
	spare bool
	// cause is what opened it, class the same as an operator knows it.
	cause     kind
	class     courier.Class
	openUntil time.Time
	// opened counts the openings of one outage.
	opened   int
	closedAt time.Time
	// probing is true while the one attempt of a half-open breaker is out.
	probing  bool
	probedAt time.Time
	// passed is the last probe that succeeded while others are wanted, passes counts them.
	passed courier.ID
	passes int
	// unasked counts the messages that went another way since the last probe.
	unasked int

	troubled, worked window
	who              crowd
	// unsent counts attempts in a row of which nothing was processed, inARow other failures.
	unsent, inARow int
}

func newBreaker() breaker {
	var b breaker
	b.configure(Breaker{}.withDefaults())
	return b
}

// configure sets the limits. What was counted is forgotten when they change.
func (b *breaker) configure(settings Breaker) {
	if settings == b.settings {
		return
	}
	b.settings = settings
	b.troubled = newWindow(breakerSlots, settings.Window/breakerSlots)
	b.worked = newWindow(breakerSlots, settings.Window/breakerSlots)
}

// advance lets a probe through once the open time is over.
func (b *breaker) advance(now time.Time) {
	if b.state == breakerOpen && !now.Before(b.openUntil) {
		b.enter(breakerHalfOpen)
	}
}

func (b *breaker) enter(state breakerState) {
	b.state = state
	b.epoch++
	b.probing = false
	b.unsent, b.inARow = 0, 0
	b.troubled.reset()
	b.worked.reset()
	b.who.reset()
}

// isCurrent reports whether what an attempt of an epoch came to is news.
func (b *breaker) isCurrent(epoch uint64) bool { return epoch == b.epoch }

// works takes in that the gateway answered as it should. It reports whether the
// breaker closes. After trouble that takes two probes of different messages, as one
// may have come through by chance, and several when nobody has to wait for it.
func (b *breaker) works(id courier.ID, now time.Time) bool {
	b.unsent, b.inARow = 0, 0
	b.worked.add(now)
	if b.state == breakerClosed {
		return false
	}
	if b.passed != id {
		b.passed = id
		b.passes++
	}
	if b.passes < b.wanted() {
		b.enter(breakerHalfOpen)
		return false
	}
	b.close(now)
	return true
}

// wanted is how many probes have to succeed.
func (b *breaker) wanted() int {
	switch {
	case b.spare:
		return min(probesSpare+b.opened, probesMost)
	case b.cause == kindTrouble:
		return 2
	}
	return 1
}

func (b *breaker) close(now time.Time) {
	b.enter(breakerClosed)
	b.closedAt = now
	b.passed, b.passes = courier.ID{}, 0
}

// fails takes in a failure that is no refusal. It reports whether the breaker is to
// be opened.
func (b *breaker) fails(k kind, who digest, now time.Time) bool {
	if b.state != breakerClosed {
		return true
	}
	if k == kindUnsent {
		b.unsent++
		return b.unsent >= unsentFew
	}
	b.unsent = 0
	b.inARow++
	b.troubled.add(now)
	b.who.add(who, now)
	failed := b.troubled.sum(now)
	share := float64(failed) / float64(failed+b.worked.sum(now))
	return failed >= b.settings.Failures && (share >= b.settings.Share || b.spare && b.inARow >= failuresInARow) &&
		b.who.since(now.Add(-b.settings.Window)) >= severalRecipients
}

// open closes the way to the gateway. random is a number in [0, 1).
func (b *breaker) open(cause kind, class courier.Class, now time.Time, random float64) {
	if b.state == breakerClosed && now.Sub(b.closedAt) > breakerCalm {
		b.opened = 0
	}
	b.opened++
	b.cause, b.class = cause, class
	b.passed, b.passes = courier.ID{}, 0
	b.openUntil = now.Add(b.openFor(random))
	b.enter(breakerOpen)
}

// openFor is how long the breaker is open this time. Two probes are never closer
// than probeEach.
func (b *breaker) openFor(random float64) time.Duration {
	jitter := func(d time.Duration) time.Duration { return d + time.Duration(random*float64(d)/16) }
	switch {
	case b.opened == 1:
		return jitter(probeFirst)
	case b.cause.isRefusal() && b.opened <= probesSoon:
		return jitter(probeEach)
	case b.cause.isRefusal():
		return min(jitter(probeEach*time.Duration(b.opened-probesSoon+1)), probeMax)
	}
	return min(jitter(probeEach<<min(b.opened-2, 8)), probeMax)
}

// isRecovering reports whether an outage ended a short while ago.
func (b *breaker) isRecovering(now time.Time) bool {
	return b.opened > 0 && b.state == breakerClosed && now.Sub(b.closedAt) <= breakerCalm
}

// mayProbeNew reports whether a new message may be a probe though the breaker is
// open, since nobody was one for a while.
func (b *breaker) mayProbeNew(now time.Time) bool {
	return b.state == breakerOpen && !b.spare && b.opened > 1 && now.Sub(b.probedAt) >= probeEach
}

// wantsProbe reports whether a new message that could go another way is to be a probe:
// at once after another that succeeded, and otherwise seldom.
func (b *breaker) wantsProbe(now time.Time) bool {
	b.unasked++
	if b.state != breakerHalfOpen || b.probing ||
		b.passes == 0 && b.unasked < probeOneIn && now.Sub(b.probedAt) < probeRarely {
		return false
	}
	b.unasked = 0
	return true
}
