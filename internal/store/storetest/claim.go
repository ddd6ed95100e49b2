package storetest

import (
	"slices"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func claimTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"LeasesWhatItReturns":   testClaimLeases,
		"TakesTheEarliestFirst": testClaimOrder,
		"KeepsTheOrderOfEqual":  testClaimTies,
		"HonoursTheLimit":       testClaimLimit,
		"LeavesOtherGateways":   testClaimGateways,
		"LeavesOtherLanes":      testClaimLanes,
		"TakesTheNewestFirst":   testClaimNewestFirst,
		"LeavesWhatIsNotDue":    testClaimNotDue,
		"LeavesWhatWasDueLong":  testClaimDueFrom,
		"GivesNewTokens":        testClaimTokens,
		"CarriesTheLastError":   testClaimLastError,
		"NextDue":               testNextDue,
	}
}

func testClaimLeases(t *testing.T, k *kit) {
	m := k.full()
	m.NextAttemptAt = k.now.Add(-time.Second)
	stored := k.enqueue(t, m)[0]
	claim := k.claimRequest(10)
	claim.Lane = m.Lane
	claimed, err := k.store.Claim(t.Context(), claim)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("%d messages were claimed, %v, want 1", len(claimed), err)
	}
	want := *stored
	want.Status, want.UpdatedAt = courier.StatusProcessing, floor(k.now)
	want.Lease = courier.Lease{Node: nodeA, Token: claimed[0].Lease.Token, Until: floor(k.now.Add(leaseTime))}
	same(t, "claimed message", claimed[0], &want)
	if want.Lease.Token == 0 {
		t.Error("the lease has no token")
	}
	found, _ := k.read(t, m.ID)
	same(t, "stored message", found, claimed[0])
	if again, err := k.store.Claim(t.Context(), claim); err != nil || len(again) != 0 {
		t.Errorf("%d messages were claimed twice, %v", len(again), err)
	}
}

// dues stores one message for each offset from now and returns their ids.
func (k *kit) dues(t *testing.T, offsets ...time.Duration) []courier.ID {
	t.Helper()
	ids := make([]courier.ID, len(offsets))
	messages := k.messages(len(offsets), func(i int, m *courier.Message) {
		m.NextAttemptAt = k.now.Add(offsets[i])
		ids[i] = m.ID
	})
	k.enqueue(t, messages...)
	return ids
}

func idsOf(messages []*courier.Message) []courier.ID {
	ids := make([]courier.ID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}

func testClaimOrder(t *testing.T, k *kit) {
	ids := k.dues(t, -1*time.Second, -5*time.Second, 0, -3*time.Second, -4*time.Second)
	same(t, "first claim", idsOf(k.claim(t, 2)), []courier.ID{ids[1], ids[4]})
	same(t, "second claim", idsOf(k.claim(t, 9)), []courier.ID{ids[3], ids[0], ids[2]})
}

func testClaimTies(t *testing.T, k *kit) {
	messages := k.messages(40, nil)
	k.enqueue(t, messages[:20]...)
	k.enqueue(t, messages[20:]...)
	same(t, "first claim", idsOf(k.claim(t, 15)), idsOf(messages[:15]))
	same(t, "second claim", idsOf(k.claim(t, 25)), idsOf(messages[15:]))
}

func testClaimLimit(t *testing.T, k *kit) {
	k.enqueue(t, k.messages(7, nil)...)
	for _, step := range []struct{ limit, want int }{{0, 0}, {-1, 0}, {3, 3}, {3, 3}, {3, 1}, {3, 0}} {
		if claimed := k.claim(t, step.limit); len(claimed) != step.want {
			t.Errorf("a claim of %d returned %d, want %d", step.limit, len(claimed), step.want)
		}
	}
}

func testClaimGateways(t *testing.T, k *kit) {
	messages := k.messages(4, func(i int, m *courier.Message) { m.Gateway = []string{gatewayA, gatewayB}[i%2] })
	k.enqueue(t, messages...)
	same(t, "claim", idsOf(k.claim(t, 10)), []courier.ID{messages[0].ID, messages[2].ID})
}

func testClaimNotDue(t *testing.T, k *kit) {
	ids := k.dues(t, time.Microsecond, 0, time.Hour)
	same(t, "claim now", idsOf(k.claim(t, 10)), []courier.ID{ids[1]})
	k.now = k.now.Add(time.Microsecond)
	same(t, "claim a microsecond later", idsOf(k.claim(t, 10)), []courier.ID{ids[0]})
}

func testClaimDueFrom(t *testing.T, k *kit) {
	ids := k.dues(t, -3*time.Second, -time.Second, -2*time.Second, time.Second)
	claim := k.claimRequest(10)
	claim.DueFrom = k.now.Add(-2 * time.Second)
	claimed, err := k.store.Claim(t.Context(), claim)
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	same(t, "bounded claim", idsOf(claimed), []courier.ID{ids[2], ids[1]})
	same(t, "unbounded claim", idsOf(k.claim(t, 10)), []courier.ID{ids[0]})
}

func testClaimTokens(t *testing.T, k *kit) {
	m := k.processing(t)
	seen := map[int64]bool{m.Lease.Token: true}
	for range 20 {
		back := k.settlement(m, courier.StatusQueued)
		back.Attempt, back.NextAttemptAt = nil, k.now
		k.settle(t, back)
		m = k.claim(t, 1)[0]
		if seen[m.Lease.Token] {
			t.Fatalf("token %d was given twice", m.Lease.Token)
		}
		seen[m.Lease.Token] = true
	}
}

func testClaimLastError(t *testing.T, k *kit) {
	m := k.processing(t)
	s := k.settleOne(t, m, courier.StatusQueued)
	k.now = s.NextAttemptAt
	again := k.claim(t, 1)[0]
	want := *s.Attempt
	want.StartedAt = floor(want.StartedAt)
	same(t, "last error", again.LastError, &want)
	if again.SendCount != 1 || again.RetryCount != 1 {
		t.Errorf("counts are %d sent and %d retried, want 1 and 1", again.SendCount, again.RetryCount)
	}
}

// testClaimLanes has a queue for each lane, which moves along with its messages.
func testClaimLanes(t *testing.T, k *kit) {
	ids := map[courier.Lane]courier.ID{}
	for i, lane := range courier.Lanes() {
		m := k.message()
		m.Lane, m.NextAttemptAt = lane, k.now.Add(-time.Duration(i+1)*time.Second)
		ids[lane] = k.enqueue(t, m)[0].ID
	}
	k.reroute(t, []string{gatewayB}, gatewayB)
	queues := k.stats(t).Queues
	if len(queues) != len(ids) {
		t.Fatalf("messages wait in %+v, want a queue for each lane", queues)
	}
	for i, lane := range courier.Lanes() {
		due, err := k.store.NextDue(t.Context(), gatewayB, lane)
		if want := floor(k.now.Add(-time.Duration(i+1) * time.Second)); err != nil || !due.Equal(want) {
			t.Errorf("%s is due at %v, %v, want %v", lane, due, err, want)
		}
		want := store.Waiting{Gateway: gatewayB, Lane: lane, Due: due, Count: 1}
		if !slices.Contains(queues, want) {
			t.Errorf("messages wait in %+v, want %+v", queues, want)
		}
		page, err := k.store.Waiting(t.Context(), store.WaitingQuery{Gateway: gatewayB, Lane: lane, Limit: 9})
		same(t, "page of "+string(lane), idsOf(page), []courier.ID{ids[lane]})
		if err != nil {
			t.Error(err)
		}
		claim := k.claimRequest(9)
		claim.Gateway, claim.Lane = gatewayB, lane
		claimed, err := k.store.Claim(t.Context(), claim)
		same(t, "claim of "+string(lane), idsOf(claimed), []courier.ID{ids[lane]})
		if err != nil {
			t.Error(err)
		}
	}
}

// testClaimNewestFirst takes what was due last, and nothing that is not due.
func testClaimNewestFirst(t *testing.T, k *kit) {
	ids := k.dues(t, -3*time.Second, -time.Second, time.Hour, -2*time.Second, -time.Second)
	claim := k.claimRequest(3)
	claim.NewestFirst = true
	claimed, err := k.store.Claim(t.Context(), claim)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "claimed", idsOf(claimed), []courier.ID{ids[4], ids[1], ids[3]})
}

func testNextDue(t *testing.T, k *kit) {
	next := func(gateway string) time.Time {
		t.Helper()
		due, err := k.store.NextDue(t.Context(), gateway, courier.LaneNormal)
		if err != nil {
			t.Fatalf("NextDue: %v", err)
		}
		return due
	}
	if due := next(gatewayA); !due.IsZero() {
		t.Errorf("an empty queue is due at %v", due)
	}
	k.dues(t, time.Hour, time.Minute, 2*time.Minute)
	same(t, "due", next(gatewayA), floor(k.now.Add(time.Minute)))
	if due := next(gatewayB); !due.IsZero() {
		t.Errorf("a gateway without messages is due at %v", due)
	}
	k.now = k.now.Add(time.Minute)
	k.claim(t, 1)
	same(t, "due after a claim", next(gatewayA), floor(k.now.Add(time.Minute)))
	if claimed, err := k.store.Claim(t.Context(), store.Claim{
		Gateway: gatewayA, Node: nodeB, Now: k.now.Add(time.Hour), LeaseUntil: k.now.Add(2 * time.Hour), Limit: 9,
	}); err != nil || len(claimed) != 2 {
		t.Errorf("%d messages were claimed: %v", len(claimed), err)
	}
	if due := next(gatewayA); !due.IsZero() {
		t.Errorf("a queue that was claimed is due at %v", due)
	}
}
