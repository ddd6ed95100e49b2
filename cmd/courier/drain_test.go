package main

import (
	"fmt"
	"testing"
	"time"

	"courier/internal/store/postgres/pgtest"
)

// enqueue stores messages that are due now with one statement, as an application
// may do in a transaction of its own. Their texts are numbered.
func (d database) enqueue(t *testing.T, count int) {
	t.Helper()
	d.query(t, fmt.Sprintf(`SELECT count(courier.enqueue('+12065550199', 'drained ' || n)) FROM generate_series(1, %d) AS n`, count))
}

// TestFleet_Drain lets three nodes send what waits. By the gateway's own ledger
// no message is attempted twice, and so none by two nodes at the same time.
func TestFleet_Drain(t *testing.T) {
	const waiting = 20_000
	db := newDatabase(t, pgtest.Shared(t))
	f := startFleet(t, fleetOptions{
		nodes: 3, dsn: db.dsn(), policy: hold, latency: 2 * time.Millisecond, inFlight: 64, change: plainBinary(t),
	})
	began := time.Now()
	db.enqueue(t, waiting)
	awaitDrained(t, f.node(0))
	took := time.Since(began)
	if seen := f.gateway.seen(); seen != waiting {
		t.Errorf("the gateway has seen %d of %d messages", seen, waiting)
	}
	if repeats, overlaps := f.gateway.repeats(), f.gateway.overlapping(); repeats > 0 || overlaps > 0 {
		t.Errorf("%d messages were attempted again, and %d while an attempt was under way", repeats, overlaps)
	}
	t.Logf("%d messages drained by 3 nodes in %v, %.0f/s", waiting, took.Round(time.Millisecond), waiting/took.Seconds())
	f.terminate(t)
}
