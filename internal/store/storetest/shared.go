package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

// OpenSharedFunc opens an empty database for two nodes; both stores are closed
// when the test ends.
type OpenSharedFunc func(t *testing.T) (one, other store.Store)

// RunShared runs the suite on an engine whose database several nodes share: the
// rules for every engine, and those for such ones.
func RunShared(t *testing.T, open OpenFunc, openShared OpenSharedFunc) {
	t.Helper()
	runGroups(t, open)
	tests := map[string]func(t *testing.T, p *pair){
		"OneNodeOfManyKeeps":            testOneKeeper,
		"LeaveHandsTheKeepingOver":      testKeeperLeaves,
		"LapseHandsTheKeepingOver":      testKeeperLapses,
		"UnableHandsTheKeepingOver":     testKeeperUnable,
		"StandingCountsWhoIsAlive":      testStanding,
		"LeasesOfTheLivingAreKept":      testReclaimOfTheLiving,
		"LeasesOfTheDeadAreTaken":       testReclaimOfTheDead,
		"LapsedLeasesOfOthersAreTaken":  testReclaimLapsedOfOthers,
		"NothingIsClaimedByTwo":         testClaimByTwo,
		"KeysHoldForBoth":               testKeysOfTwo,
		"PlacesHoldForBoth":             testPlacesOfTwo,
		"LimitsHoldForBoth":             testLimitsOfTwo,
		"SweepsOfTwoTakeEachOnce":       testSweepsOfTwo,
		"WhatOneStoresTheOtherGoesOnAt": testOneAfterTheOther,
		"OneSettlesTheOtherReceives":    testSettleAndReceiveOfTwo,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := openShared(t)
			test(t, &pair{kit: newKit(t, one), other: other})
		})
	}
	t.Run("History", func(t *testing.T) {
		t.Parallel()
		testHistory(t, true, func(t *testing.T) []store.Store {
			t.Helper()
			one, other := openShared(t)
			return []store.Store{one, other}
		})
	})
}

// pair is two stores of one database; the kit works on the first.
type pair struct {
	*kit
	other store.Store
}

// both returns both stores; the one of a number is that of the node of the number.
func (p *pair) both() []store.Store { return []store.Store{p.store, p.other} }

// keepers returns the names of the nodes that Nodes says keep, on both stores.
func (p *pair) keepers(t *testing.T) []string {
	t.Helper()
	var names []string
	for i, s := range p.both() {
		nodes, err := s.Nodes(t.Context())
		if err != nil {
			t.Fatalf("Nodes: %v", err)
		}
		var found []string
		for _, n := range nodes {
			if n.Keeper {
				found = append(found, n.Name)
			}
		}
		if i > 0 && !slices.Equal(found, names) {
			t.Errorf("one store says that %v keep, the other %v", names, found)
		}
		names = found
	}
	return names
}

func testOneKeeper(t *testing.T, p *pair) {
	const count = 6
	for round := range 3 {
		standings := make([]store.Standing, count)
		var group sync.WaitGroup
		for i := range count {
			group.Go(func() {
				var err error
				standings[i], err = p.both()[i%2].Beat(t.Context(), p.beat(fmt.Sprintf("node-%d", i)))
				if err != nil {
					t.Errorf("Beat: %v", err)
				}
			})
		}
		group.Wait()
		var told []string
		for i, standing := range standings {
			if standing.Keeper {
				told = append(told, fmt.Sprintf("node-%d", i))
			}
			if round > 0 && standing.Nodes != count {
				t.Errorf("node %d counts %d nodes, want %d", i, standing.Nodes, count)
			}
		}
		if keepers := p.keepers(t); len(told) != 1 || !slices.Equal(keepers, told) {
			t.Errorf("round %d: %v have the housekeeping, %v are listed with it", round, told, keepers)
		}
	}
}

func testKeeperLeaves(t *testing.T, p *pair) {
	if !beatOn(t, p.store, p.beat(nodeA)).Keeper || beatOn(t, p.other, p.beat(nodeB)).Keeper {
		t.Fatal("the first node does not keep alone")
	}
	p.leave(t, nodeA)
	if standing := beatOn(t, p.other, p.beat(nodeB)); !standing.Keeper || standing.Nodes != 1 {
		t.Errorf("standing of the node that is left is %+v", standing)
	}
	p.isListed(t, node(p.beat(nodeB), true, true))
	if beatOn(t, p.store, p.beat(nodeA)).Keeper {
		t.Error("the node that is back took the keeping away")
	}
}

func testKeeperUnable(t *testing.T, p *pair) {
	unable := p.beat(nodeA)
	unable.Unable = true
	if beatOn(t, p.store, unable).Keeper || len(p.keepers(t)) != 0 {
		t.Error("a node that cannot keep does")
	}
	if !beatOn(t, p.store, p.beat(nodeA)).Keeper || beatOn(t, p.other, p.beat(nodeB)).Keeper {
		t.Fatal("the first node that can does not keep alone")
	}
	if standing := beatOn(t, p.store, unable); standing.Keeper || standing.Nodes != 2 {
		t.Errorf("standing of a node that cannot keep any more is %+v", standing)
	}
	if !beatOn(t, p.other, p.beat(nodeB)).Keeper {
		t.Error("the other node does not keep")
	}
	if beatOn(t, p.store, p.beat(nodeA)).Keeper {
		t.Error("the node that can again took the keeping away")
	}
}

func testKeeperLapses(t *testing.T, p *pair) {
	short := p.beat(nodeA)
	short.Lapse = shortLapse
	beatOn(t, p.store, short)
	until(t, "the other node keeps", func() bool { return beatOn(t, p.other, p.beat(nodeB)).Keeper })
	p.isListed(t, node(short, false, false), node(p.beat(nodeB), true, true))
	if standing := beatOn(t, p.store, p.beat(nodeA)); standing.Keeper || standing.Nodes != 2 {
		t.Errorf("standing of the node that is back is %+v, want one of two that does not keep", standing)
	}
}

func testStanding(t *testing.T, p *pair) {
	short, long := p.beat(nodeA), p.beat(nodeB)
	short.Lapse, short.Gateways, long.Gateways = shortLapse, []string{"zeta", "eta"}, []string{"theta", "eta"}
	beatOn(t, p.store, long)
	alive := beatOn(t, p.store, short)
	same(t, "gateways of both", alive.Gateways, []string{"eta", "theta", "zeta"})
	until(t, "one node is left", func() bool { return beatOn(t, p.other, long).Nodes == 1 })
	same(t, "gateways of the one that is left", beatOn(t, p.other, long).Gateways, []string{"eta", "theta"})
}

// leasedBy stores a message that a node holds.
func (p *pair) leasedBy(t *testing.T, node string) *courier.Message {
	t.Helper()
	m := p.leased(p.message())
	m.Lease.Node = node
	return p.enqueue(t, m)[0]
}

func (p *pair) reclaimOnOther(t *testing.T, r store.Reclaim) int {
	t.Helper()
	n, err := p.other.Reclaim(t.Context(), r)
	if err != nil {
		t.Fatalf("Reclaim: %v", err)
	}
	return n
}

func testReclaimOfTheLiving(t *testing.T, p *pair) {
	beatOn(t, p.store, p.beat(nodeA))
	beatOn(t, p.other, p.beat(nodeB))
	m := p.leasedBy(t, nodeA)
	check := p.unchanged(t, m.ID)
	p.now = p.now.Add(2 * leaseTime)
	if n := p.reclaimOnOther(t, store.Reclaim{Node: nodeB, Now: p.now}); n != 0 {
		t.Errorf("Reclaim took back %d leases of a node that is alive", n)
	}
	check()
	p.settleOne(t, m, courier.StatusSent)
}

// testReclaimOfTheDead takes the leases of nodes that lapsed, left and never
// beat, and not its own, though its own beat has lapsed too.
func testReclaimOfTheDead(t *testing.T, p *pair) {
	short, own := p.beat("lapsed"), p.beat(nodeB)
	short.Lapse, own.Lapse = shortLapse, shortLapse
	beatOn(t, p.store, short)
	beatOn(t, p.store, p.beat("left"))
	beatOn(t, p.other, own)
	kept := p.leasedBy(t, nodeB)
	check := p.unchanged(t, kept.ID)
	lost := []*courier.Message{p.leasedBy(t, "lapsed"), p.leasedBy(t, "left"), p.leasedBy(t, "silent")}
	p.leave(t, "left")
	until(t, "the beats lapse", func() bool {
		return !slices.ContainsFunc(p.nodes(t), func(n store.Node) bool { return n.Alive })
	})
	p.now = p.now.Add(time.Second)
	if n := p.reclaimOnOther(t, store.Reclaim{Node: nodeB, Now: p.now}); n != len(lost) {
		t.Errorf("Reclaim took back %d leases, want %d", n, len(lost))
	}
	for _, m := range lost {
		p.isReclaimed(t, m, false)
	}
	check()
	p.settleOne(t, kept, courier.StatusSent)
}

func testReclaimLapsedOfOthers(t *testing.T, p *pair) {
	beatOn(t, p.store, p.beat(nodeA))
	beatOn(t, p.other, p.beat(nodeB))
	m := p.leasedBy(t, nodeA)
	for _, step := range []struct {
		now  time.Time
		want int
	}{{m.Lease.Until.Add(-time.Microsecond), 0}, {m.Lease.Until, 1}} {
		p.now = step.now
		if n := p.reclaimOnOther(t, store.Reclaim{Node: nodeB, Now: p.now, Lapsed: true}); n != step.want {
			t.Errorf("Reclaim at %v took back %d leases, want %d", p.now, n, step.want)
		}
	}
	p.isReclaimed(t, m, false)
}

// testClaimByTwo lets both nodes claim what is queued: each message is one
// node's, with a token that is its own.
func testClaimByTwo(t *testing.T, p *pair) {
	const count = 200
	p.enqueue(t, p.messages(count, nil)...)
	claims := newLedger()
	tokens := make([]map[int64]bool, 2)
	var group sync.WaitGroup
	for i, s := range p.both() {
		tokens[i] = map[int64]bool{}
		group.Go(func() {
			for found := 1; found > 0; {
				claim := p.claimRequest(7)
				claim.Node = fmt.Sprintf("node-%d", i)
				claimed, err := s.Claim(t.Context(), claim)
				if err != nil {
					t.Errorf("Claim: %v", err)
				}
				for _, m := range claimed {
					claims.add(m.ID)
					tokens[i][m.Lease.Token] = true
				}
				found = len(claimed)
			}
		})
	}
	group.Wait()
	for _, m := range p.claim(t, count) { // a claim may pass over what another looks at
		claims.add(m.ID)
	}
	claims.isEachOnce(t, count)
	for token := range tokens[0] {
		if tokens[1][token] {
			t.Errorf("token %d was given by both", token)
		}
	}
}

func testKeysOfTwo(t *testing.T, p *pair) {
	const callers = 16
	fresh := newLedger()
	var group sync.WaitGroup
	for i := range callers {
		message := p.keyed("key", 1)
		group.Go(func() {
			answers, err := p.both()[i%2].Enqueue(t.Context(), []*courier.Message{message})
			if err != nil || answers[0].Err != nil {
				t.Errorf("Enqueue: %+v, %v", answers, err)
				return
			}
			if !answers[0].Duplicate {
				fresh.add(message.ID)
			}
		})
	}
	group.Wait()
	fresh.isEachOnce(t, 1)
	answers, err := p.other.Enqueue(t.Context(), []*courier.Message{p.keyed("key", 2)})
	if err != nil || !errors.Is(answers[0].Err, store.ErrIdempotencyConflict) {
		t.Errorf("Enqueue: %+v, %v, want store.ErrIdempotencyConflict", answers, err)
	}
}

// testPlacesOfTwo has codes of one recipient come to both nodes, while some are in flight:
// each takes the place of one, and the last is left.
func testPlacesOfTwo(t *testing.T, p *pair) {
	old := p.enqueue(t, p.leased(p.coded("old")))[0]
	newest := p.coded("newest")
	newest.SupersedeKey = old.SupersedeKey
	if _, err := p.other.Enqueue(t.Context(), []*courier.Message{newest}); err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
	s := p.settleOne(t, old, courier.StatusQueued)
	p.isSuperseded(t, old.ID, newest.ID)
	if due, err := p.other.NextDue(t.Context(), gatewayA, courier.LaneNormal); err != nil || !due.Equal(floor(s.At)) {
		t.Errorf("newest is due at %v, %v, want %v", due, err, s.At)
	}
	const callers, batch = 16, 5
	var group sync.WaitGroup
	for i := range callers {
		messages := p.messages(batch, func(n int, m *courier.Message) {
			// In another order for each, so that whoever waits in the order of a call waits for ever.
			m.SupersedeKey = courier.OwnSupersedeKey + strconv.Itoa((n+i)%batch)
			m.Body, m.HoldUntil = m.ID.String(), m.CreatedAt
			if i%3 == 0 {
				p.leased(m)
			}
		})
		group.Go(func() {
			answers, err := p.both()[i%2].Enqueue(t.Context(), messages)
			if err != nil {
				t.Errorf("Enqueue: %v", err)
				return
			}
			for _, answer := range answers {
				if m := answer.Message; m.Status == courier.StatusProcessing {
					if _, err := p.both()[i%2].Settle(t.Context(), []store.Settlement{p.settlement(m, courier.StatusQueued)}); err != nil {
						t.Errorf("Settle: %v", err)
					}
				}
			}
		})
	}
	group.Wait()
	page, err := p.other.Messages(t.Context(), store.Query{Status: courier.StatusQueued, Limit: callers * batch})
	if err != nil || len(page.Messages) != batch+1 {
		t.Errorf("%d messages are queued, %v, want one a key", len(page.Messages), err)
	}
	by := newLedger()
	page, err = p.other.Messages(t.Context(), store.Query{Status: courier.StatusCanceled, Limit: callers * batch})
	if err != nil {
		t.Fatalf("Messages: %v", err)
	}
	for _, m := range page.Messages {
		if m.SupersededBy.IsZero() {
			t.Errorf("%s is canceled for nobody", m.ID)
		}
		by.add(m.ID)
	}
	by.isEachOnce(t, callers*batch+2-batch-1)
}

// testSweepsOfTwo lets both nodes take the content out of messages, and delete them.
func testSweepsOfTwo(t *testing.T, p *pair) {
	const count = 120
	p.enqueue(t, p.messages(count, nil)...)
	for _, m := range p.claim(t, count) {
		p.settleOne(t, m, courier.StatusSent)
	}
	p.now = p.now.Add(time.Hour)
	p.sweepsOnce(t, "Scrub", count, func(s store.Store) (int, error) {
		return s.Scrub(t.Context(), p.sweep(p.now, 10))
	})
	p.now = p.now.Add(time.Hour)
	p.sweepsOnce(t, "Purge", count, func(s store.Store) (int, error) {
		return s.Purge(t.Context(), p.sweep(p.now, 10))
	})
}

// sweepsOnce runs a sweep on both stores until there is nothing left.
func (p *pair) sweepsOnce(t *testing.T, name string, want int, sweep func(s store.Store) (int, error)) {
	t.Helper()
	counts := make([]int, 2)
	var group sync.WaitGroup
	for i, s := range p.both() {
		group.Go(func() {
			for found := 1; found > 0; counts[i] += found {
				var err error
				if found, err = sweep(s); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	group.Wait()
	rest, err := sweep(p.store) // a sweep may pass over what another looks at
	for ; rest > 0 && err == nil; rest, err = sweep(p.store) {
		counts[0] += rest
	}
	if counts[0]+counts[1] != want || err != nil {
		t.Errorf("%s took %v messages, %v, want %d together", name, counts, err, want)
	}
}

func testSettleAndReceiveOfTwo(t *testing.T, p *pair) { p.race(t, p.other) }

// testOneAfterTheOther moves a message on by one node and the other in turn.
func testOneAfterTheOther(t *testing.T, p *pair) {
	p.enqueue(t, p.message())
	claimed, err := p.other.Claim(t.Context(), p.claimRequest(1))
	if err != nil || len(claimed) != 1 {
		t.Fatalf("Claim: %d, %v, want the message", len(claimed), err)
	}
	p.settleOne(t, claimed[0], courier.StatusUnknown)
	if _, err := p.other.Requeue(t.Context(), store.Requeue{ID: claimed[0].ID, Now: p.now}); err != nil {
		t.Fatalf("Requeue: %v", err)
	}
	p.cancel(t, claimed[0].ID)
	got, attempts, err := p.other.Message(t.Context(), claimed[0].ID)
	if err != nil || got.Status != courier.StatusCanceled || len(attempts) != 1 {
		t.Errorf("Message: %+v, %d attempts, %v", got, len(attempts), err)
	}
}
