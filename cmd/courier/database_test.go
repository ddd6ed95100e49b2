package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"courier/internal/store/postgres/pgtest"
)

// TestFleet_DatabaseKilled kills PostgreSQL under load and starts it again. The
// couriers go on by themselves.
func TestFleet_DatabaseKilled(t *testing.T) {
	t.Parallel()
	const kills = 3
	for _, policy := range []string{resend, hold} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			server := pgtest.NewServer(t, pgtest.Options{})
			f := startFleet(t, fleetOptions{
				nodes: 3, dsn: newDatabase(t, &server.Databases).dsn(), policy: policy,
				latency: 5 * time.Millisecond, inFlight: inFlight,
			})
			posted, stop := f.load(t)
			for range kills {
				posted.awaitMore(t, 50+rand.IntN(200))
				if err := server.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := server.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				logOutage(t, posted)
			}
			posted.awaitMore(t, 100)
			stop()
			f.audit(t, posted, kills*len(f.nodes)*inFlight)
			f.terminate(t)
		})
	}
}

// TestFleet_StandbyPromoted kills the primary under load and promotes its
// synchronous standby. The couriers find it by the addresses of their DSN.
func TestFleet_StandbyPromoted(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{resend, hold} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			primary := pgtest.NewServer(t, pgtest.Options{})
			db := newDatabase(t, &primary.Databases)
			standby, err := primary.Standby(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			pgtest.StopAfter(t, standby)
			f := startFleet(t, fleetOptions{
				nodes: 3, dsn: primary.DSNWith(db.name, standby), policy: policy,
				latency: 5 * time.Millisecond, inFlight: inFlight,
			})
			posted, stop := f.load(t)
			posted.awaitMore(t, 500)
			if err := primary.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := standby.Promote(t.Context()); err != nil {
				t.Fatal(err)
			}
			logOutage(t, posted)
			posted.awaitMore(t, 500)
			stop()
			f.audit(t, posted, len(f.nodes)*inFlight)
			f.terminate(t)
		})
	}
}

// logOutage says how long after the database was back a message was taken again.
func logOutage(t *testing.T, posted *load) {
	t.Helper()
	began := time.Now()
	posted.awaitMore(t, 1)
	t.Logf("messages are taken again %v after the database is back", time.Since(began).Round(time.Millisecond))
}

// TestFleet_DatabaseAway keeps all nodes from the database for longer than their
// beats hold. None takes the messages of another over that only was as cut off as
// itself, so nothing is repeated.
func TestFleet_DatabaseAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	proxy, db := server.NewProxy(t), newDatabase(t, server)
	f := startFleet(t, fleetOptions{
		nodes: 3, dsn: proxy.DSN(db.name), policy: hold,
		latency: 5 * time.Millisecond, inFlight: inFlight,
	})
	posted, stop := f.load(t)
	posted.awaitMore(t, 300)
	proxy.Refuse(true)
	proxy.Cut()
	waitFor(t, "the beats of all nodes to lapse", func() bool {
		return db.query(t, "SELECT count(*) FROM courier.node WHERE lapses_at > clock_timestamp()") == "0"
	})
	proxy.Refuse(false)
	logOutage(t, posted)
	posted.awaitMore(t, 300)
	stop()
	f.audit(t, posted, 0)
	f.terminate(t)
}
