package postgres

import (
	"testing"
	"time"
)

// TestClock_TakesTheBestSample measures a database that is ahead by a minute.
func TestClock_TakesTheBestSample(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	c := &clock{steady: func() time.Time { return start }}
	sample := func(there, back time.Duration) {
		c.add(start, start.Add(time.Minute+there), start.Add(there+back))
	}
	sample(90*time.Millisecond, 10*time.Millisecond)
	if got := c.offset(); got != time.Minute+40*time.Millisecond {
		t.Errorf("offset is %v, wrong by more than half a round trip", got)
	}
	sample(time.Millisecond, time.Millisecond)
	sample(0, 500*time.Millisecond)
	if got := c.now(); !got.Equal(start.Add(time.Minute)) {
		t.Errorf("the clock shows %v, want that of the shortest round trip", got)
	}
	for range clockSamples {
		c.add(start, start.Add(time.Hour+2*time.Millisecond), start.Add(4*time.Millisecond))
	}
	if got := c.offset(); got != time.Hour {
		t.Errorf("offset is %v after the clocks drifted, want the new one", got)
	}
}

// TestClock_FollowsAJump lets the machine sleep for an hour, or another server
// with another clock take over: the first measurement after it counts, though
// those before it had shorter round trips.
func TestClock_FollowsAJump(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 100 * time.Millisecond} {
		c := &clock{steady: func() time.Time { return start }}
		for range clockSamples / 2 {
			c.add(start, start, start)
		}
		const trip = 10 * time.Millisecond
		c.add(start, start.Add(jump+trip/2), start.Add(trip))
		if got := c.offset(); got != jump {
			t.Errorf("offset is %v after a jump of %v", got, jump)
		}
	}
}

// TestStore_NowIsTheDatabasesClock sets the machine's clock wrong by an hour.
func TestStore_NowIsTheDatabasesClock(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	right := s.clock.steady
	s.clock.steady = func() time.Time { return right().Add(-time.Hour) }
	on := &session{on: conn, texts: s.texts, store: s.id}
	for range clockSamples {
		if err := s.clock.measure(t.Context(), on); err != nil {
			t.Fatal(err)
		}
	}
	var before, after time.Time
	if err := conn.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&before); err != nil {
		t.Fatal(err)
	}
	shown := s.Now()
	if err := conn.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&after); err != nil {
		t.Fatal(err)
	}
	const trip = 2 * time.Second // a busy machine's
	if shown.Before(before.Add(-trip)) || shown.After(after.Add(trip)) {
		t.Errorf("Now is %v, want between %v and %v", shown, before, after)
	}
}
