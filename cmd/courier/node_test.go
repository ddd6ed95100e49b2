package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"courier/internal/store/postgres/pgtest"
)

// TestFleet_KilledThirtyTimes kills a random one of three nodes, thirty times,
// under load. The others take its messages over.
func TestFleet_KilledThirtyTimes(t *testing.T) {
	const kills = 30
	plain := plainBinary(t)
	for _, policy := range []string{resend, hold} {
		t.Run(policy, func(t *testing.T) {
			f := startFleet(t, fleetOptions{
				nodes: 3, dsn: newDatabase(t, pgtest.Shared(t)).dsn(), policy: policy,
				latency: 5 * time.Millisecond, inFlight: inFlight, change: plain,
			})
			posted, stop := f.load(t)
			for range kills {
				posted.awaitMore(t, 1+rand.IntN(40))
				n := rand.IntN(3)
				f.node(n).kill(t)
				f.replace(t, n)
			}
			stop()
			f.audit(t, posted, kills*cutOff)
			if policy == hold && len(unknownTexts(t, f.node(0))) == 0 {
				t.Error("no kill cut an attempt off, so nothing was shown")
			}
			f.terminate(t)
		})
	}
}

// TestFleet_Frozen stops a node for longer than its beats hold, and lets it go
// on. Its messages were taken over, and what it then says of them changes nothing.
func TestFleet_Frozen(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{resend, hold} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			db := newDatabase(t, pgtest.Shared(t))
			f := startFleet(t, fleetOptions{
				nodes: 3, dsn: db.dsn(), policy: policy, latency: 50 * time.Millisecond, inFlight: 2 * inFlight,
			})
			frozen := f.node(2)
			posted, stop := f.load(t)
			posted.awaitMore(t, 100)
			freezeWithLeases(t, db, frozen)
			f.shun(frozen)
			waitFor(t, "the others to take the messages of the frozen node over", func() bool {
				return db.query(t, leasedBy(frozen)) == "0"
			})
			taken := unknownTexts(t, f.node(0))
			frozen.signal(t, syscall.SIGCONT)
			waitFor(t, "the frozen node to be back", func() bool { return aliveNodes(t, f.node(0)) == 3 })
			posted.awaitMore(t, 100)
			stop()
			f.audit(t, posted, 2*cutOff)
			if policy == hold {
				wantSame(t, taken, unknownTexts(t, f.node(0)))
			}
			f.terminate(t)
		})
	}
}

// freezeWithLeases stops a node at a moment when it holds several messages.
func freezeWithLeases(t *testing.T, db database, p *process) {
	t.Helper()
	waitFor(t, "the node to be stopped while it holds messages", func() bool {
		p.signal(t, syscall.SIGSTOP)
		held, err := strconv.Atoi(db.query(t, leasedBy(p)))
		if err == nil && held >= inFlight/2 {
			return true
		}
		p.signal(t, syscall.SIGCONT)
		return false
	})
}

// leasedBy counts what a node holds. Its name has the number of its process.
func leasedBy(p *process) string {
	return fmt.Sprintf("SELECT count(*) FROM courier.message WHERE status = 'processing' AND lease_node LIKE '%%-%d-%%'",
		p.cmd.Process.Pid)
}

func aliveNodes(t *testing.T, p *process) int {
	t.Helper()
	code, body := get(t, p.url("/v1/nodes"))
	var list struct{ Nodes []struct{ Alive bool } }
	if err := json.Unmarshal(body, &list); code != http.StatusOK || err != nil {
		t.Fatalf("list the nodes: status %d: %v\n%s", code, err, body)
	}
	alive := 0
	for _, node := range list.Nodes {
		if node.Alive {
			alive++
		}
	}
	return alive
}

func wantSame(t *testing.T, before, after []string) {
	t.Helper()
	slices.Sort(before)
	slices.Sort(after)
	if !slices.Equal(before, after) {
		t.Errorf("%d messages were unknown before the node went on, and %d after", len(before), len(after))
	}
}

// TestFleet_RollingRestart restarts three nodes in turn under load: nothing is
// repeated, and nothing is left behind.
func TestFleet_RollingRestart(t *testing.T) {
	f := startFleet(t, fleetOptions{
		nodes: 3, dsn: newDatabase(t, pgtest.Shared(t)).dsn(), policy: hold,
		latency: 20 * time.Millisecond, inFlight: inFlight,
	})
	posted, stop := f.load(t)
	for range 2 {
		for n := range f.nodes {
			posted.awaitMore(t, 100)
			p := f.node(n)
			if err := p.terminate(t); err != nil {
				t.Errorf("end of the courier: %v\n%s", err, p.log)
			}
			f.replace(t, n)
		}
	}
	stop()
	f.audit(t, posted, 0)
	f.terminate(t)
}
