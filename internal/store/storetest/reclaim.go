package storetest

import (
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func reclaimTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"QueuesAgain":       func(t *testing.T, k *kit) { t.Helper(); testReclaim(t, k, false) },
		"Holds":             func(t *testing.T, k *kit) { t.Helper(); testReclaim(t, k, true) },
		"KeepsItsOwn":       testReclaimKeepsOwn,
		"FindsNothing":      testReclaimNothing,
		"CountsTheAttempts": testReclaimCounts,
		"TakesTheLapsed":    func(t *testing.T, k *kit) { t.Helper(); testReclaimLapsed(t, k, false) },
		"OfSomeGateways":    testReclaimOfGateways,
		"HoldsTheLapsed":    func(t *testing.T, k *kit) { t.Helper(); testReclaimLapsed(t, k, true) },
	}
}

func (k *kit) reclaim(t *testing.T, node string, hold bool) int {
	t.Helper()
	n, err := k.store.Reclaim(t.Context(), store.Reclaim{Node: node, Now: k.now, Hold: hold})
	if err != nil {
		t.Fatalf("Reclaim: %v", err)
	}
	return n
}

func testReclaim(t *testing.T, k *kit, hold bool) {
	t.Helper()
	queued := k.enqueue(t, k.messages(5, nil)...)
	claimed := k.claim(t, 3)
	checkQueued := k.unchanged(t, queued[4].ID)
	k.now = k.now.Add(2 * leaseTime)
	if n := k.reclaim(t, nodeB, hold); n != 3 {
		t.Errorf("Reclaim took back %d leases, want 3", n)
	}
	for _, m := range claimed {
		k.isReclaimed(t, m, hold)
	}
	checkQueued()
	if n := k.reclaim(t, nodeB, hold); n != 0 {
		t.Errorf("a second Reclaim took back %d leases", n)
	}
}

// testReclaimOfGateways has gateways whose messages become different things.
func testReclaimOfGateways(t *testing.T, k *kit) {
	t.Helper()
	gateways := []string{"one", "two", "three"}
	claimed := map[string]*courier.Message{}
	for _, gateway := range gateways {
		k.enqueue(t, k.messages(1, func(_ int, m *courier.Message) { m.Gateway = gateway })...)
		got, err := k.store.Claim(t.Context(), store.Claim{Gateway: gateway, Node: nodeA, Now: k.now, LeaseUntil: k.now.Add(leaseTime), Limit: 1})
		if err != nil || len(got) != 1 {
			t.Fatalf("Claim: %d messages, %v", len(got), err)
		}
		claimed[gateway] = got[0]
	}
	for _, reclaim := range []store.Reclaim{
		{Node: nodeB, Now: k.now, Gateways: gateways[:2], Except: true},
		{Node: nodeB, Now: k.now, Gateways: gateways[:2], Hold: true},
	} {
		if _, err := k.store.Reclaim(t.Context(), reclaim); err != nil {
			t.Fatalf("Reclaim: %v", err)
		}
	}
	for gateway, m := range claimed {
		k.isReclaimed(t, m, gateway != "three")
	}
}

// isReclaimed checks a message whose lease was taken back just now.
func (k *kit) isReclaimed(t *testing.T, before *courier.Message, hold bool) {
	t.Helper()
	want := *before
	want.Status, want.NextAttemptAt = courier.StatusQueued, floor(k.now)
	if hold {
		want.Status, want.NextAttemptAt = courier.StatusUnknown, time.Time{}
	}
	want.SendCount++
	want.UpdatedAt, want.Lease = floor(k.now), courier.Lease{}
	got, attempts := k.read(t, before.ID)
	if got.LastError == nil || got.LastError.Message == "" {
		t.Fatalf("nothing tells what happened: last error %+v", got.LastError)
	}
	attempt := courier.Attempt{
		Number: want.SendCount, Gateway: before.Gateway, Outcome: courier.OutcomeUnknown, Class: courier.ClassOutcomeUnknown,
		Message: got.LastError.Message, StartedAt: before.UpdatedAt,
	}
	want.LastError = &attempt
	same(t, "message", got, &want)
	if len(attempts) != want.SendCount {
		t.Fatalf("%d attempts are recorded, want %d", len(attempts), want.SendCount)
	}
	same(t, "last attempt", attempts[len(attempts)-1], attempt)
}

func testReclaimKeepsOwn(t *testing.T, k *kit) {
	own := k.processing(t)
	k.enqueue(t, k.message())
	checkOwn, checkClaimed := k.unchanged(t, own.ID), k.unchanged(t, k.claim(t, 1)[0].ID)
	k.now = k.now.Add(leaseTime / 2)
	if n := k.reclaim(t, nodeA, false); n != 0 {
		t.Errorf("Reclaim took back %d leases of its own node", n)
	}
	checkOwn()
	checkClaimed()
	k.settleOne(t, own, courier.StatusSent)
}

func testReclaimNothing(t *testing.T, k *kit) {
	k.in(t, courier.StatusSent)
	k.in(t, courier.StatusUnknown)
	k.in(t, courier.StatusQueued)
	k.now = k.now.Add(2 * leaseTime)
	if n := k.reclaim(t, nodeB, true); n != 0 {
		t.Errorf("Reclaim took back %d leases where there was none", n)
	}
}

// testReclaimCounts lets a message crash after a failed attempt, and again.
func testReclaimCounts(t *testing.T, k *kit) {
	m := k.processing(t)
	s := k.settleOne(t, m, courier.StatusQueued)
	k.now = s.NextAttemptAt
	for range 2 {
		m = k.claim(t, 1)[0]
		k.now = k.now.Add(2 * leaseTime)
		k.reclaim(t, nodeB, false)
		k.isReclaimed(t, m, false)
	}
	m = k.claim(t, 1)[0]
	if m.SendCount != 3 || m.RetryCount != 1 {
		t.Errorf("counts are %d sent and %d retried, want 3 and 1", m.SendCount, m.RetryCount)
	}
	k.settleOne(t, m, courier.StatusSent)
	if _, attempts := k.read(t, m.ID); len(attempts) != 4 {
		t.Errorf("%d attempts are recorded, want 4", len(attempts))
	}
}

// testReclaimLapsed takes back leases of a node that is there, one of a claim and
// one of an enqueue, only when they have lapsed and only when that is asked for.
func testReclaimLapsed(t *testing.T, k *kit, hold bool) {
	t.Helper()
	k.enqueue(t, k.message())
	lost := []*courier.Message{k.claim(t, 1)[0], k.processing(t)}
	until := k.now.Add(leaseTime)
	k.now = k.now.Add(time.Second)
	fresh := k.processing(t)
	checks := []func(){k.unchanged(t, lost[0].ID), k.unchanged(t, lost[1].ID)}
	checkFresh := k.unchanged(t, fresh.ID)
	for _, step := range []struct {
		now    time.Time
		lapsed bool
		want   int
	}{{until.Add(-time.Microsecond), true, 0}, {until, false, 0}, {until, true, 2}, {until, true, 0}} {
		k.now = step.now
		n, err := k.store.Reclaim(t.Context(), store.Reclaim{Node: nodeA, Now: k.now, Lapsed: step.lapsed, Hold: hold})
		if err != nil || n != step.want {
			t.Errorf("Reclaim at %v with lapsed %v: %d, %v, want %d", step.now, step.lapsed, n, err, step.want)
		}
		if step.want == 0 && len(checks) > 0 {
			checks[0]()
			checks[1]()
			continue
		}
		checks = nil
	}
	for _, m := range lost {
		k.isReclaimed(t, m, hold)
		if applied := k.settle(t, k.settlement(m, courier.StatusSent)); applied[0] {
			t.Error("a settlement of a lease that was taken back applied")
		}
	}
	checkFresh()
	k.settleOne(t, fresh, courier.StatusSent)
}
