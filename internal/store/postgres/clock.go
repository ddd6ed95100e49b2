package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// clockSamples is how many measurements the clock remembers. The best of them
// counts, and none for long, as the two clocks drift apart.
const clockSamples = 8

// clockDrift is how far two clocks drift apart at most while a measurement is kept.
const clockDrift = 20 * time.Millisecond

// clock is the database's clock as this process knows it: by how much it is ahead
// of a clock here that nobody sets.
type clock struct {
	// steady is a clock that only goes on. It may be wrong.
	steady  func() time.Time
	mutex   sync.Mutex
	samples [clockSamples]clockSample
	count   int
}

// clockSample is one measurement. The database read its clock some time during
// the round trip, so the offset is wrong by half of it at most.
type clockSample struct{ offset, trip time.Duration }

// newClock returns a clock on top of the monotonic one of the machine.
func newClock() *clock {
	start := time.Now()
	return &clock{steady: func() time.Time { return start.Add(time.Since(start)) }}
}

// now returns what the database's clock shows.
func (c *clock) now() time.Time { return c.steady().Add(c.offset()) }

// offset returns the one of the shortest round trip.
func (c *clock) offset() time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.best().offset
}

// best returns the sample of the shortest round trip. The lock is held.
func (c *clock) best() clockSample {
	best := c.samples[0]
	for _, sample := range c.samples[:min(c.count, clockSamples)] {
		if sample.trip < best.trip {
			best = sample
		}
	}
	return best
}

// add takes a measurement: what the database's clock showed between two times of
// the steady one.
func (c *clock) add(before, shown, after time.Time) {
	trip := after.Sub(before)
	sample := clockSample{offset: shown.Sub(before.Add(trip / 2)), trip: trip}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.count > 0 && !c.best().agrees(sample) {
		c.count = 0
	}
	c.samples[c.count%clockSamples] = sample
	c.count++
}

// agrees reports whether two measurements can both be right. When they cannot,
// one of the clocks was set, the machine slept, or another server answers now.
func (s clockSample) agrees(other clockSample) bool {
	return (s.offset - other.offset).Abs() <= (s.trip+other.trip)/2+clockDrift
}

// measure takes a measurement on a connection.
func (c *clock) measure(ctx context.Context, on *session) error {
	var shown time.Time
	before := c.steady()
	err := on.read(ctx, queryClock, func(rows pgx.Rows) error { return rows.Scan(&shown) })
	after := c.steady()
	if err == nil {
		c.add(before, shown, after)
	}
	return err
}
