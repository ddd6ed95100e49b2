package dispatch

import "time"

// meter lets through so many attempts a second of all lanes together. Codes are held to
// the rate as if they were alone, so that one finds room however many others wait; the
// others get what codes leave. So no time has more than the rate, what a bucket holds,
// and as much of codes.
type meter struct {
	bucket
	codes bucket
}

// setRate changes the rate from now on. A burst of codes is that of the whole gateway,
// though small, as it comes to one node as a rule.
func (m *meter) setRate(rate, whole float64, now time.Time) {
	m.codes.least = min(whole*rateBurst.Seconds(), 2)
	m.bucket.setRate(rate, now)
	m.codes.setRate(rate, now)
}

// begin has a meter fill from a time on, or be full at it.
func (m *meter) begin(full bool, at time.Time) {
	for _, b := range []*bucket{&m.bucket, &m.codes} {
		b.at = at
		if full {
			b.tokens = b.burst()
		}
	}
}

// take takes up to want attempts of a lane.
func (m *meter) take(l lane, want int, now time.Time) int {
	if l != laneCode || m.rate == 0 {
		return m.bucket.take(want, now)
	}
	taken := m.codes.take(want, now)
	m.fill(now)
	m.tokens -= float64(taken)
	return taken
}

// force takes attempts whether there are any or not: codes wait for them, too.
func (m *meter) force(count int) {
	m.tokens -= float64(count)
	m.codes.tokens -= float64(count)
}

// put gives attempts back that were not made.
func (m *meter) put(l lane, count float64) {
	m.bucket.put(count)
	if l == laneCode {
		m.codes.put(count)
	}
}

// wait is how long until a lane can have an attempt, or a few of a fast rate.
func (m *meter) wait(l lane, now time.Time) time.Duration {
	if l == laneCode {
		return m.codes.wait(now)
	}
	return m.bucket.wait(now)
}
