package main

import (
	"slices"
	"testing"
	"time"

	"courier/internal/store/postgres/pgtest"
)

// TestFleet_SharedRate lets three nodes send through a gateway with a limit of
// its rate. Together they keep it within a tenth, above and below.
func TestFleet_SharedRate(t *testing.T) {
	const (
		rate, windows = 200, 3
		window        = 2 * time.Second
		allowed       = rate * int(window/time.Second)
	)
	db := newDatabase(t, pgtest.Shared(t))
	f := startFleet(t, fleetOptions{
		nodes: 3, dsn: db.dsn(), policy: hold, latency: 5 * time.Millisecond, inFlight: 64, rate: rate,
	})
	db.enqueue(t, allowed*windows)
	awaitDrained(t, f.node(0))
	made := inWindows(f.gateway.times(), window, windows)
	t.Logf("attempts in each %v: %v, allowed %d", window, made, allowed)
	if most := slices.Max(made); most > allowed*11/10 {
		t.Errorf("%d attempts in %v, more than a tenth above %d", most, window, allowed)
	}
	slices.Sort(made)
	if usual := made[windows/2]; usual < allowed*9/10 {
		t.Errorf("%d attempts in %v as a rule, more than a tenth below %d", usual, window, allowed)
	}
	if seen, repeats := f.gateway.seen(), f.gateway.repeats(); seen != allowed*windows || repeats > 0 {
		t.Errorf("the gateway has seen %d of %d messages and %d repeats", seen, allowed*windows, repeats)
	}
	f.terminate(t)
}

// inWindows returns how many of the times lie in each window after the first.
func inWindows(times []time.Time, window time.Duration, count int) []int {
	made := make([]int, count)
	for _, at := range times {
		if n := int(at.Sub(times[0]) / window); n < count {
			made[n]++
		}
	}
	return made
}
