package main

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
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
			f.audit(t, posted, kills*len(f.nodes)*cutOff)
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
			f.audit(t, posted, len(f.nodes)*cutOff)
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

// refusesAtOnce checks that a courier which knows that its store is of no use says
// so without a wait.
func (p *process) refusesAtOnce(t *testing.T) {
	t.Helper()
	const bound = 10 * time.Second // half of what a call takes that waits for the store
	for path, call := range map[string]func(url string) (int, []byte){
		"/v1/messages": func(url string) (int, []byte) {
			return post(t, url, map[string]string{"to": "+12065550199", "body": "refused"})
		},
		"/v1/messages?page_size=1": func(url string) (int, []byte) { return get(t, url) },
		"/health/ready":            func(url string) (int, []byte) { return get(t, url) },
	} {
		began := time.Now()
		status, body := call(p.url(path))
		if took := time.Since(began); status != http.StatusServiceUnavailable || took > bound {
			t.Errorf("%s is answered with %d after %v, want 503 at once: %s", path, status, took, body)
		}
	}
}

// TestServe_DatabaseFileGone deletes the files of a running courier. It takes nothing
// that would be lost, and what it had taken is delivered by the next process.
func TestServe_DatabaseFileGone(t *testing.T) {
	t.Parallel()
	gateway := newLedger(t, 0)
	config := writeConfig(t, gateway.url, "")
	path := filepath.Join(filepath.Dir(config), "courier.db")
	p := startCourier(t, config)
	status, body := post(t, p.url("/v1/messages"), map[string]string{
		"to": "+12065550199", "body": "kept", "send_at": time.Now().Add(5 * time.Second).Format(time.RFC3339Nano),
	})
	if status != http.StatusAccepted {
		t.Fatalf("the first message is answered with %d: %s", status, body)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	status, body = post(t, p.url("/v1/messages"), map[string]string{"to": "+12065550199", "body": "refused"})
	if status != http.StatusServiceUnavailable {
		t.Errorf("a message that would be lost is answered with %d: %s", status, body)
	}
	waitFor(t, "the courier not to be ready", func() bool {
		status, _ := get(t, p.url("/health/ready"))
		return status == http.StatusServiceUnavailable
	})
	waitFor(t, "the log to say so", func() bool { return p.log.count("database is not in its place") == 1 })
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
	saved, err := filepath.Glob(path + ".saved-*")
	if err != nil || len(saved) != 1 {
		t.Fatalf("saved are %v, %v\n%s", saved, err, p.log)
	}
	if err := os.Rename(saved[0], path); err != nil {
		t.Fatal(err)
	}
	next := startCourier(t, config)
	waitFor(t, "the message to be sent", func() bool { return len(gateway.missing([]string{"kept"})) == 0 })
	if err := next.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, next.log)
	}
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
	const works = "store works again" // on a busy machine it may have been slow before
	said := map[int]int{}
	for n := range f.nodes {
		said[n] = f.node(n).log.count(works)
	}
	proxy.Refuse(true)
	proxy.Cut()
	waitFor(t, "the beats of all nodes to lapse", func() bool {
		return db.query(t, "SELECT count(*) FROM courier.node WHERE lapses_at > clock_timestamp()") == "0"
	})
	for n := range f.nodes {
		f.node(n).refusesAtOnce(t)
		if more := f.node(n).log.count(works) - said[n]; more != 0 {
			t.Errorf("node %d says %d times that the store works again while it is away", n, more)
		}
	}
	proxy.Refuse(false)
	logOutage(t, posted)
	posted.awaitMore(t, 300)
	stop()
	f.audit(t, posted, 0)
	f.terminate(t)
}
