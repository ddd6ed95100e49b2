package storetest

import (
	"slices"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

// The rules for nodes that hold where one process has one node too.
func nodeTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"OneNodeKeeps":          testOneNode,
		"LastBeatCounts":        testLastBeat,
		"BeatIsTheStoresOwn":    testBeatIsCopied,
		"LeaveEndsANode":        testLeave,
		"LapsedNodeIsNotAlive":  testLapse,
		"NowIsAClock":           testNow,
		"CloseEndsTheWakes":     testWakes,
		"BeatDoesNotRenewLease": testBeatAndLease,
		"SessionsEnd":           testSession,
	}
}

const (
	// longLapse outlasts any test.
	longLapse = time.Hour
	// shortLapse is waited for: the clock is the store's own.
	shortLapse = 100 * time.Millisecond
	// pollEvery is how often a test looks whether a time has come.
	pollEvery = 5 * time.Millisecond
)

// beat returns a sign of life that holds for long.
func (k *kit) beat(node string) store.Beat {
	return store.Beat{
		Node: node, Host: "host-of-" + node, Version: "1.2.3", StartedAt: k.now, InFlight: 3,
		Gateways: []string{gatewayB, gatewayA}, Lapse: longLapse,
	}
}

func beatOn(t *testing.T, s store.Store, beat store.Beat) store.Standing {
	t.Helper()
	standing, err := s.Beat(t.Context(), beat)
	if err != nil {
		t.Fatalf("Beat: %v", err)
	}
	return standing
}

func (k *kit) leave(t *testing.T, node string) {
	t.Helper()
	if err := k.store.Leave(t.Context(), node); err != nil {
		t.Fatalf("Leave: %v", err)
	}
}

func (k *kit) nodes(t *testing.T) []store.Node {
	t.Helper()
	nodes, err := k.store.Nodes(t.Context())
	if err != nil {
		t.Fatalf("Nodes: %v", err)
	}
	return nodes
}

// until polls until a condition holds; a test that waits in vain ends with its context.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-patience.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// node returns what Nodes says of a node that has beaten, but for when it was seen.
func node(beat store.Beat, alive, keeper bool) store.Node {
	return store.Node{
		Name: beat.Node, Host: beat.Host, Version: beat.Version, StartedAt: floor(beat.StartedAt),
		Alive: alive, Keeper: keeper, InFlight: beat.InFlight, Gateways: beat.Gateways,
	}
}

// isListed checks what Nodes says; that each was seen lately is checked here too.
func (k *kit) isListed(t *testing.T, want ...store.Node) {
	t.Helper()
	nodes := k.nodes(t)
	for i := range nodes {
		if age := k.store.Now().Sub(nodes[i].SeenAt); age < -time.Second || age > time.Minute {
			t.Errorf("node %s was seen %v ago", nodes[i].Name, age)
		}
		nodes[i].SeenAt = time.Time{}
	}
	same(t, "nodes", nodes, want)
}

func testOneNode(t *testing.T, k *kit) {
	k.isListed(t)
	beat := k.beat(nodeA)
	standing := beatOn(t, k.store, beat)
	same(t, "standing", standing, store.Standing{Keeper: true, Nodes: 1, Gateways: []string{gatewayA, gatewayB}})
	k.isListed(t, node(beat, true, true))
}

func testLastBeat(t *testing.T, k *kit) {
	beat := k.beat(nodeA)
	beatOn(t, k.store, beat)
	seen := k.nodes(t)[0].SeenAt
	beat.InFlight, beat.Gateways = 0, []string{"gamma"}
	standing := beatOn(t, k.store, beat)
	same(t, "standing", standing, store.Standing{Keeper: true, Nodes: 1, Gateways: []string{"gamma"}})
	k.isListed(t, node(beat, true, true))
	if again := k.nodes(t)[0].SeenAt; again.Before(seen) {
		t.Errorf("the node was seen at %v, and by a later beat at %v", seen, again)
	}
}

func testBeatIsCopied(t *testing.T, k *kit) {
	beat := k.beat(nodeA)
	want := node(beat, true, true)
	want.Gateways = slices.Clone(beat.Gateways)
	standing := beatOn(t, k.store, beat)
	beat.Gateways[0], standing.Gateways[0] = "changed", "changed"
	k.nodes(t)[0].Gateways[0] = "changed"
	k.isListed(t, want)
}

func testLeave(t *testing.T, k *kit) {
	k.leave(t, nodeA) // nobody knows it
	beat := k.beat(nodeA)
	beatOn(t, k.store, beat)
	k.leave(t, nodeB)
	k.isListed(t, node(beat, true, true))
	for range 2 {
		k.leave(t, nodeA)
		k.isListed(t)
	}
	beatOn(t, k.store, beat)
	k.isListed(t, node(beat, true, true))
}

// testLapse waits until a beat no longer holds: the node is listed all the
// same, as it did not leave, and is back when it beats again.
func testLapse(t *testing.T, k *kit) {
	beat := k.beat(nodeA)
	beat.Lapse = shortLapse
	beatOn(t, k.store, beat)
	until(t, "the beat lapses", func() bool {
		nodes := k.nodes(t)
		return len(nodes) == 1 && !nodes[0].Alive
	})
	k.isListed(t, node(beat, false, false))
	beat.Lapse = longLapse
	if standing := beatOn(t, k.store, beat); !standing.Keeper || standing.Nodes != 1 {
		t.Errorf("standing is %+v, want the one node to keep again", standing)
	}
	k.isListed(t, node(beat, true, true))
}

// testNow compares the clock with that of the machine, on which the database is too.
func testNow(t *testing.T, k *kit) {
	last := k.store.Now()
	for range 1000 {
		now := k.store.Now()
		if now.Before(last) {
			t.Fatalf("the clock went back from %v to %v", last, now)
		}
		last = now
	}
	if difference := time.Until(last).Abs(); difference > time.Second {
		t.Errorf("the clock differs by %v from that of the machine", difference)
	}
}

// testWakes waits for the end of the wakes of a store that is closed.
func testWakes(t *testing.T, k *kit) {
	wakes := k.store.Wakes()
	if err := k.store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if wakes == nil {
		return
	}
	until(t, "the wakes end", func() bool {
		select {
		case _, open := <-wakes:
			return !open
		default:
			return false
		}
	})
}

// testBeatAndLease lets a node beat that lost the answer of a claim: the lease
// lapses nevertheless.
func testBeatAndLease(t *testing.T, k *kit) {
	m := k.processing(t)
	check := k.unchanged(t, m.ID)
	beatOn(t, k.store, k.beat(nodeA))
	check()
	k.now = m.Lease.Until
	n, err := k.store.Reclaim(t.Context(), store.Reclaim{Node: nodeA, Now: k.now, Lapsed: true})
	if err != nil || n != 1 {
		t.Errorf("Reclaim: %d, %v, want the lapsed lease", n, err)
	}
	if got, _ := k.read(t, m.ID); got.Status != courier.StatusQueued {
		t.Errorf("message is %s, want queued", got.Status)
	}
}
