package dispatch

import (
	"cmp"
	"math"
	"time"
)

// rateBurst is for how much time attempts that were not made can be made up for.
const rateBurst = 100 * time.Millisecond

// bucket lets through so many attempts a second, with bursts of what rateBurst is
// worth and of one attempt at least. The zero value lets everything through. It is
// not safe for concurrent use. (golang.org/x/time/rate cannot take back attempts
// that were not made.)
type bucket struct {
	rate   float64 // a second; 0 is no limit
	tokens float64
	at     time.Time
	// least is a burst that it holds in any case, 0 for one attempt.
	least float64
}

// setRate changes the rate from now on. A bucket that had none begins empty.
func (b *bucket) setRate(rate float64, now time.Time) {
	if rate == b.rate {
		return
	}
	b.fill(now)
	if b.rate == 0 {
		b.tokens = 0
	}
	b.rate, b.at = rate, later(b.at, now)
	b.tokens = min(b.tokens, b.burst())
}

func (b *bucket) burst() float64 { return max(1, b.least, b.rate*rateBurst.Seconds()) }

func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(b.tokens+passed.Seconds()*b.rate, b.burst())
		b.at = now
	}
}

// take takes up to want attempts.
func (b *bucket) take(want int, now time.Time) int {
	if b.rate == 0 || want <= 0 {
		return want
	}
	b.fill(now)
	taken := max(min(want, int(math.Floor(b.tokens+1e-9))), 0)
	b.tokens -= float64(taken)
	return taken
}

// put gives attempts back that were not made.
func (b *bucket) put(count float64) {
	if b.rate > 0 {
		b.tokens = min(b.tokens+count, b.burst())
	}
}

// wait is how long until an attempt can be had, or a few of a fast rate.
func (b *bucket) wait(now time.Time) time.Duration {
	if b.rate == 0 {
		return 0
	}
	b.fill(now)
	some := max(1, b.burst()/4)
	return max(time.Duration((some-b.tokens)/b.rate*float64(time.Second)), 0)
}

// The rules of learning a gateway's rate.
const (
	// throttledShare of the attempts in the last two seconds, in a hundred, have to be
	// throttled, and severalRecipients within paceCalm, for the gateway to have less
	// room for everybody.
	throttledShare = 10
	// throttledWhole is the share from which on Retry-After stops everything: the
	// gateway takes next to nothing. Below it, the pace was only a little too fast, unless
	// so many in a row were throttled and nobody was accepted for so long.
	throttledWhole  = 50
	throttledInARow = 10
	throttledFor    = 250 * time.Millisecond
	retryAfterMax   = time.Minute
	paceInterval    = 300 * time.Millisecond
	paceMin         = 0.5
	// A cut goes to a little below what was accepted lately, within these bounds of the
	// pace that was too fast.
	paceBelow        = 0.98
	paceCutLeast     = 0.97
	paceCutMost      = 0.85
	paceGrowth       = 1.03 // a second, near the rate that was too fast
	paceCatchUp      = 1.5  // a second, well below it
	paceCalm         = 5 * time.Second
	paceForgotten    = time.Minute
	paceWindow       = 20 // slots of 100 ms
	paceWindowSecond = 10
)

// pace learns how many messages a second a gateway takes that throttles: what it
// accepted in the last second is what it takes. From there the pace grows until it
// is throttled again. It is not safe for concurrent use.
type pace struct {
	meter
	accepted, throttled window
	who                 crowd
	// tooFast is the pace that was throttled last.
	tooFast                 float64
	cutAt, grownAt, refusal time.Time
	// inARow counts the throttled since one was accepted, the first of them at inARowFrom.
	inARow      int
	inARowFrom  time.Time
	pausedUntil time.Time
}

func newPace() pace {
	return pace{accepted: newWindow(paceWindow, 100*time.Millisecond), throttled: newWindow(paceWindow, 100*time.Millisecond)}
}

// setRate changes the pace from now on.
func (p *pace) setRate(rate float64, now time.Time) { p.meter.setRate(rate, rate, now) }

// take notes that the gateway took a message.
func (p *pace) acceptedOne(now time.Time) {
	p.inARow = 0
	p.accepted.add(now)
}

// throttledOne takes in that a recipient was throttled, and reports whether it is
// about the gateway: several are, and not just a few among many that are taken.
func (p *pace) throttledOne(who digest, retryAfter time.Duration, now time.Time) bool {
	p.throttled.add(now)
	p.who.add(who, now)
	p.refusal = now
	// What was refused took nothing from the gateway, so the next may follow sooner.
	p.put(laneCode, 0.5)
	if p.inARow++; p.inARow == 1 {
		p.inARowFrom = now
	}
	refused, taken := p.throttled.sum(now), p.accepted.sum(now)
	whole := refused*100 >= (refused+taken)*throttledWhole ||
		p.inARow >= throttledInARow && now.Sub(p.inARowFrom) >= throttledFor
	few := refused*100 < (refused+taken)*throttledShare
	if p.who.since(now.Add(-paceCalm)) < severalRecipients || few && !whole {
		return p.rate > 0
	}
	if whole {
		p.pausedUntil = later(p.pausedUntil, now.Add(min(retryAfter, retryAfterMax)))
	}
	p.cut(whole, now)
	return true
}

// cut lowers the pace to what the gateway accepts: at once when the pace was not known
// or most were throttled, and otherwise a step at a time.
func (p *pace) cut(whole bool, now time.Time) {
	if p.rate > 0 && now.Sub(p.cutAt) < paceInterval {
		return
	}
	measured := max(float64(p.accepted.last(now, paceWindowSecond)), 1)
	next := measured
	p.tooFast = cmp.Or(p.rate, measured)
	if p.rate > 0 {
		lately := float64(p.accepted.sum(now)) * paceWindowSecond / paceWindow
		next = min(max(lately*paceBelow, p.rate*paceCutMost), p.rate*paceCutLeast)
		if whole {
			next = min(next, max(measured, p.rate/2))
		}
	}
	p.setRate(max(next, paceMin), now)
	p.cutAt, p.grownAt = now, now
}

// grow raises the pace with the time that went by without a cut.
func (p *pace) grow(now time.Time) {
	seconds := now.Sub(p.grownAt).Seconds()
	if p.rate == 0 || seconds < 0.1 {
		return
	}
	calm := now.Sub(p.refusal)
	switch {
	case calm > paceForgotten:
		p.setRate(0, now)
		return
	case calm > paceCalm:
		p.setRate(p.rate*math.Pow(2, seconds), now)
	case p.rate < 0.9*p.tooFast:
		p.setRate(min(p.rate*math.Pow(paceCatchUp, seconds), 0.95*p.tooFast), now)
	default:
		p.setRate(p.rate*math.Pow(paceGrowth, seconds), now)
	}
	p.grownAt = now
}

// paused is how long nothing may be sent, as the gateway asked for.
func (p *pace) paused(now time.Time) time.Duration { return max(p.pausedUntil.Sub(now), 0) }
