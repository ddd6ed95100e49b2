package postgres

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// clockSamples is how many measurements the clock remembers. The best of them
// counts, and none for long, as the two clocks drift apart.
const clockSamples = 8

// clock is the database's clock as this process knows it: by how much it is ahead
// of a clock here that nobody sets.
type clock struct {
	// steady is a clock that only goes on. It may be wrong.
	steady  func() time.Time
	mutex   sync.Mutex
	samples []clockSample
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
	if len(c.samples) == 0 {
		return 0
	}
	return slices.MinFunc(c.samples, func(a, b clockSample) int { return cmp.Compare(a.trip, b.trip) }).offset
}

// clockDrift is by how much two clocks may run apart while measurements are remembered.
const clockDrift = 10 * time.Millisecond

// agrees reports whether two measurements can be of clocks that only went on.
func (a clockSample) agrees(b clockSample) bool {
	return (a.offset - b.offset).Abs() <= (a.trip+b.trip)/2+clockDrift
}

// add takes a measurement: what the database's clock showed between two times of
// the steady one. One that none before it allows says that a clock was set, that
// this machine slept, or that another server serves now: it counts alone.
func (c *clock) add(before, shown, after time.Time) {
	trip := after.Sub(before)
	sample := clockSample{offset: shown.Sub(before.Add(trip / 2)), trip: trip}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if slices.ContainsFunc(c.samples, func(earlier clockSample) bool { return !sample.agrees(earlier) }) {
		c.samples = nil
	}
	if c.samples = append(c.samples, sample); len(c.samples) > clockSamples {
		c.samples = c.samples[1:]
	}
}

// measure takes a measurement on a connection.
func (c *clock) measure(ctx context.Context, on *session) error {
	var shown time.Time
	before := c.steady()
	err := on.read(ctx, "Clock", func(rows pgx.Rows) error { return rows.Scan(&shown) })
	after := c.steady()
	if err == nil {
		c.add(before, shown, after)
	}
	return err
}
