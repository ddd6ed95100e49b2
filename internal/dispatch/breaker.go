package dispatch

import (
	"slices"
	"time"

	"courier"
)

// The rules of the breaker.
const (
	// breakerFailures in a row open it when they come from breakerSuspects
	// different messages, so that one poisonous message cannot.
	breakerFailures = 5
	breakerSuspects = 3
	// breakerConnects failed connects in a row open it whatever the message, as
	// no message can be at fault.
	breakerConnects = 3

	breakerOpenInitial = time.Second
	breakerOpenMax     = 10 * time.Second
	// breakerBlamed is how many messages are remembered that opened it.
	breakerBlamed = 64
	// breakerRetryAfterMax bounds what a gateway's Retry-After can ask of all messages.
	breakerRetryAfterMax = 5 * time.Minute
)

// breakerState is where a breaker stands. The numbers are those of the metric.
type breakerState int

const (
	breakerClosed   breakerState = 0
	breakerHalfOpen breakerState = 1
	breakerOpen     breakerState = 2
)

// String returns the word for logs.
func (s breakerState) String() string {
	switch s {
	case breakerClosed:
		return "closed"
	case breakerHalfOpen:
		return "half_open"
	case breakerOpen:
		return "open"
	}
	return "invalid"
}

// breaker stops attempts at a gateway that cannot take them. It is not safe for
// concurrent use. Every change of state begins a new epoch; what attempts of an
// earlier epoch came to is no news.
type breaker struct {
	state     breakerState
	epoch     uint64
	openUntil time.Time
	// opened counts the openings since the gateway last took a message.
	opened int
	// probing is true while the one attempt of a half-open breaker is out.
	probing bool

	failures int
	connects int
	suspects []courier.ID
	// blamed are the latest messages for which the gateway was found down.
	blamed []courier.ID
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
	b.clearFailures()
}

func (b *breaker) clearFailures() {
	b.failures, b.connects, b.suspects = 0, 0, b.suspects[:0]
}

// reset closes the breaker, as the gateway has been configured anew.
func (b *breaker) reset() {
	b.enter(breakerClosed)
	b.opened, b.blamed = 0, b.blamed[:0]
}

// report takes in what an attempt of an epoch says about the gateway. random is
// a number in [0, 1).
func (b *breaker) report(epoch uint64, r report, now time.Time, random float64) {
	if epoch != b.epoch {
		return
	}
	switch r.verdict {
	case verdictNone: // a probe that told nothing makes room for another when its slot is given back
	case verdictAlive:
		b.alive()
	case verdictDown:
		b.down(r.id, now, random)
	case verdictFailing:
		b.fail(r, now, random)
	}
}

func (b *breaker) alive() {
	b.clearFailures()
	if b.state == breakerHalfOpen {
		b.enter(breakerClosed)
	}
	b.opened = 0
}

// down opens the breaker at once, but not again for a message that opened it
// before when others got through since: the fault is then that message's.
func (b *breaker) down(id courier.ID, now time.Time, random float64) {
	known := slices.Contains(b.blamed, id)
	if known && b.state == breakerClosed && b.opened == 0 {
		return
	}
	if !known {
		b.blamed = append(b.blamed[max(0, len(b.blamed)-breakerBlamed+1):], id)
	}
	b.open(now, 0, random)
}

func (b *breaker) fail(r report, now time.Time, random float64) {
	b.failures++
	if r.connect {
		b.connects++
	} else {
		b.connects = 0
	}
	if len(b.suspects) < breakerSuspects && !slices.Contains(b.suspects, r.id) {
		b.suspects = append(b.suspects, r.id)
	}
	many := b.failures >= breakerFailures && len(b.suspects) >= breakerSuspects
	if b.state == breakerHalfOpen || many || b.connects >= breakerConnects {
		b.open(now, min(r.retryAfter, breakerRetryAfterMax), random)
	}
}

// open closes the way to the gateway for twice as long as the last time, 20 %
// more or less, and at least for as long as the gateway asked.
func (b *breaker) open(now time.Time, atLeast time.Duration, random float64) {
	length := min(breakerOpenInitial<<min(b.opened, 10), breakerOpenMax)
	length = time.Duration(float64(length) * (0.8 + 0.4*random))
	b.opened++
	b.openUntil = now.Add(max(length, atLeast))
	b.enter(breakerOpen)
}
