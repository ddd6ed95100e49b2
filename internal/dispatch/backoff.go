package dispatch

import "time"

// backoffFactor makes five retries from half a second outlast an outage of
// twenty seconds, where doubling would give up after eight.
const backoffFactor = 3

// maxRetryAfter bounds the delay that a gateway can ask for, so that a wrong
// header does not park a message for good.
const maxRetryAfter = time.Hour

// The waits of a message that has done nothing wrong: short, so that it flows soon
// after the gateway is back, but growing.
const (
	shortWaitInitial = 500 * time.Millisecond
	shortWaitMax     = 5 * time.Second
)

// shortWait is how long a message waits for a gateway after its nth attempt.
func shortWait(n int, random float64) time.Duration {
	wait := min(shortWaitInitial<<min(max(n-1, 0), 10), shortWaitMax)
	return wait - time.Duration(random*float64(wait)/2)
}

// Retry says how long a failed message waits.
type Retry struct {
	// Initial is the longest wait before the first retry. 0 is DefaultRetryInitial.
	Initial time.Duration
	// Max is the longest wait before any retry. 0 is DefaultRetryMax.
	Max time.Duration
}

// delay returns how long retry n, from 1, waits: a random time above the
// longest wait of the retry before it and up to its own. The jitter spreads
// messages that failed together over the whole window. Windows that do not
// overlap keep the promise that all retries together outlast a known time,
// which jitter from zero would break for an unlucky message. At Max, where the
// windows would shrink to a point, the last factor is the window.
func (r Retry) delay(n int, random float64) time.Duration {
	ceiling, floor := r.ceiling(n), time.Duration(0)
	if n > 1 {
		floor = r.ceiling(n - 1)
	}
	if floor >= ceiling {
		floor = ceiling / backoffFactor
	}
	return ceiling - time.Duration(random*float64(ceiling-floor))
}

// ceiling returns the longest wait before retry n.
func (r Retry) ceiling(n int) time.Duration {
	wait := r.Initial
	for i := 1; i < n && wait < r.Max; i++ {
		wait *= backoffFactor
	}
	return min(wait, r.Max)
}
