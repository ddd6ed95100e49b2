package store

import (
	"math"
	"time"
)

// Reservation asks for attempts at a gateway.
type Reservation struct {
	Gateway string
	Now     time.Time
	// Rate is how many attempts all nodes together may make in a second, above 0.
	Rate float64
	// Want is the most attempts to grant.
	Want int
}

// Grant is the answer to a Reservation. All grants of a gateway over any time t
// come to at most Rate*t and what RateBurst is worth at that rate, which is taken
// for one attempt at least.
type Grant struct {
	// Count is how many attempts may be made now.
	Count int
	// Wait is how long until one can be had, 0 when some were or none were wanted.
	Wait time.Duration
}

// RateBurst is for how much time attempts that were not made can be made up for.
const RateBurst = 100 * time.Millisecond

// rateSlack is by how much a bucket may be paid for beyond what its rate allows,
// as clocks differ a little. What is more was paid at another rate, or by a clock
// that was set back, and would hold up the gateway for as long.
const rateSlack = time.Second

// Take grants attempts out of a bucket that is paid for until a time, and
// returns until when it is paid for after that: the generic cell rate algorithm
// (ITU-T I.371), with one cell an attempt.
func (r Reservation) Take(paidUntil time.Time) (Grant, time.Time) {
	// Rounded up, so that the rate is never exceeded.
	cell := time.Duration(math.Ceil(float64(time.Second) / r.Rate))
	burst := max(RateBurst, cell)
	if paidUntil.Before(r.Now) {
		paidUntil = r.Now
	}
	if most := r.Now.Add(burst); paidUntil.After(most.Add(rateSlack)) {
		paidUntil = most
	}
	room := r.Now.Add(burst).Sub(paidUntil)
	count := min(int(room/cell), r.Want)
	switch {
	case r.Want < 1:
		return Grant{}, paidUntil
	case count < 1:
		return Grant{Wait: cell - room}, paidUntil
	}
	return Grant{Count: count}, paidUntil.Add(time.Duration(count) * cell)
}
