package store

import "time"

// Reservation asks for attempts at a gateway.
type Reservation struct {
	Gateway string
	Now     time.Time
	// Rate is how many attempts all nodes together may make in a second, above 0.
	Rate float64
	// Want is the most attempts to grant.
	Want int
}

// Grant is the answer to a Reservation. Over any time t it holds for all grants
// of a gateway together that they are at most Rate*(t + RateBurst), but never
// less than one.
type Grant struct {
	// Count is how many attempts may be made now.
	Count int
	// Wait is how long until another can be had, 0 when Count is not.
	Wait time.Duration
}

// RateBurst is for how much time attempts that were not made can be made up for.
const RateBurst = 100 * time.Millisecond

// Take grants attempts out of a bucket that is paid for until a time, and
// returns until when it is paid for after that: the generic cell rate algorithm
// (ITU-T I.371), with one cell an attempt.
func (r Reservation) Take(paidUntil time.Time) (Grant, time.Time) {
	cell := time.Duration(float64(time.Second) / r.Rate)
	if paidUntil.Before(r.Now) {
		paidUntil = r.Now
	}
	room := r.Now.Add(max(RateBurst, cell)).Sub(paidUntil)
	count := min(int(room/max(cell, 1)), r.Want)
	if count < 1 {
		return Grant{Wait: cell - room}, paidUntil
	}
	return Grant{Count: count}, paidUntil.Add(time.Duration(count) * cell)
}
