package main

import (
	"testing"
	"time"

	"courier/internal/store/postgres/pgtest"
)

// TestFleet_SharedRate lets three nodes send through a gateway with a limit of
// its rate. Together they are never more than a tenth ahead of it: how far a busy machine
// is behind says nothing.
func TestFleet_SharedRate(t *testing.T) {
	const rate, messages, ahead = 200, 1000, 40
	db := newDatabase(t, pgtest.Shared(t))
	f := startFleet(t, fleetOptions{
		nodes: 3, dsn: db.dsn(), policy: hold, latency: 5 * time.Millisecond, inFlight: 64, rate: rate,
	})
	began := time.Now()
	db.enqueue(t, messages)
	awaitDrained(t, f.node(0))
	for n, at := range f.gateway.times() {
		if allowed := at.Sub(began).Seconds()*rate*11/10 + ahead; float64(n+1) > allowed {
			t.Fatalf("%d attempts within %v, more than %.0f", n+1, at.Sub(began), allowed)
		}
	}
	if seen, repeats := f.gateway.seen(), f.gateway.repeats(); seen != messages || repeats > 0 {
		t.Errorf("the gateway has seen %d of %d messages and %d repeats", seen, messages, repeats)
	}
	f.terminate(t)
}
