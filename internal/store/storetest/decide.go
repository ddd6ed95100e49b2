package storetest

import (
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func decideTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"CancelWithdraws":           testCancel,
		"CancelAgain":               testCancelAgain,
		"CanceledIsNotClaimed":      testCanceledIsNotClaimed,
		"RequeueStartsAnew":         testRequeue,
		"RequeueChoosesTheGateway":  testRequeueGateway,
		"RequeueMindsTheExpiry":     testRequeueExpiry,
		"RequeueKeepsTheWholeStory": testRequeueHistory,
		"RequeuedMessageCanBeAgain": testRequeueTwice,
		"RequeuedMessageIsClaimed":  testRequeueClaim,
	}
}

func (k *kit) cancel(t *testing.T, id courier.ID) *courier.Message {
	t.Helper()
	m, err := k.store.Cancel(t.Context(), id, k.now)
	if err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	return m
}

func (k *kit) requeue(t *testing.T, r store.Requeue) *courier.Message {
	t.Helper()
	m, err := k.store.Requeue(t.Context(), r)
	if err != nil {
		t.Fatalf("Requeue: %v", err)
	}
	return m
}

func testCancel(t *testing.T, k *kit) {
	for _, status := range []courier.Status{courier.StatusQueued, courier.StatusUnknown} {
		before := k.in(t, status)
		k.now = k.now.Add(time.Second)
		want := *before
		want.Status, want.UpdatedAt, want.NextAttemptAt = courier.StatusCanceled, floor(k.now), time.Time{}
		same(t, "answer", k.cancel(t, before.ID), &want)
		got, _ := k.read(t, before.ID)
		same(t, "stored message", got, &want)
	}
}

func testCancelAgain(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusQueued)
	first := k.cancel(t, m.ID)
	k.now = k.now.Add(time.Hour)
	same(t, "second answer", k.cancel(t, m.ID), first)
}

func testCanceledIsNotClaimed(t *testing.T, k *kit) {
	stored := k.enqueue(t, k.messages(2, nil)...)
	k.cancel(t, stored[0].ID)
	same(t, "claim", idsOf(k.claim(t, 10)), []courier.ID{stored[1].ID})
}

// requeueable are the statuses that a retry by hand leaves.
func requeueable() []courier.Status {
	return []courier.Status{
		courier.StatusUnknown, courier.StatusUndelivered, courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned,
	}
}

func testRequeue(t *testing.T, k *kit) {
	for _, status := range requeueable() {
		before := k.in(t, status)
		_, attempts := k.read(t, before.ID)
		k.now = k.now.Add(time.Hour)
		want := *before
		want.Status, want.UpdatedAt, want.NextAttemptAt = courier.StatusQueued, floor(k.now), floor(k.now)
		want.RetryCount, want.SentAt, want.GatewayMessageID = 0, time.Time{}, ""
		same(t, "answer", k.requeue(t, store.Requeue{ID: before.ID, Now: k.now}), &want)
		got, after := k.read(t, before.ID)
		same(t, "stored message", got, &want)
		same(t, "attempts of a message that was "+string(status), after, attempts)
	}
}

func testRequeueGateway(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusRejected)
	if got := k.requeue(t, store.Requeue{ID: m.ID, Now: k.now, Gateway: gatewayB}); got.Gateway != gatewayB {
		t.Errorf("gateway is %q, want %q", got.Gateway, gatewayB)
	}
	_, attempts := k.read(t, m.ID)
	if attempts[0].Gateway != gatewayA {
		t.Errorf("the attempt before is of gateway %q now", attempts[0].Gateway)
	}
	if due, err := k.store.NextDue(t.Context(), gatewayB, courier.LaneNormal); err != nil || !due.Equal(floor(k.now)) {
		t.Errorf("due at the new gateway: %v, %v", due, err)
	}
}

func testRequeueExpiry(t *testing.T, k *kit) {
	cases := map[string]struct{ old, given, want time.Time }{
		"None":      {},
		"Future":    {old: k.now.Add(time.Hour), want: k.now.Add(time.Hour)},
		"Past":      {old: k.now.Add(-time.Hour)},
		"Now":       {old: k.now},
		"New":       {given: k.now.Add(time.Minute), want: k.now.Add(time.Minute)},
		"Overrides": {old: k.now.Add(time.Hour), given: k.now.Add(time.Minute), want: k.now.Add(time.Minute)},
		"Renews":    {old: k.now.Add(-time.Hour), given: k.now.Add(time.Minute), want: k.now.Add(time.Minute)},
	}
	for name, test := range cases {
		m := k.message()
		m.ExpiresAt = test.old
		k.enqueue(t, m)
		k.settleOne(t, k.claim(t, 1)[0], courier.StatusAbandoned)
		got := k.requeue(t, store.Requeue{ID: m.ID, Now: k.now, ExpiresAt: test.given})
		same(t, "expiry of "+name, got.ExpiresAt, floor(test.want))
		k.cancel(t, m.ID)
	}
}

// testRequeueHistory requeues a message that a gateway had accepted: neither
// that attempt nor those before and after may be lost.
func testRequeueHistory(t *testing.T, k *kit) {
	m := k.processing(t)
	failed := k.settleOne(t, m, courier.StatusQueued)
	k.now = failed.NextAttemptAt
	m = k.claim(t, 1)[0]
	accepted := k.settleOne(t, m, courier.StatusSent)
	k.place(t, m.ID, courier.StatusUndelivered)
	k.requeue(t, store.Requeue{ID: m.ID, Now: k.now, Gateway: gatewayB})
	claimed, err := k.store.Claim(t.Context(), store.Claim{
		Gateway: gatewayB, Node: nodeA, Now: k.now, LeaseUntil: k.now.Add(leaseTime), Limit: 1,
	})
	if err != nil || len(claimed) != 1 || claimed[0].SendCount != 2 || claimed[0].RetryCount != 0 {
		t.Fatalf("Claim: %+v, %v", claimed, err)
	}
	last := k.settleOne(t, claimed[0], courier.StatusSent)

	var want []courier.Attempt
	for _, s := range []store.Settlement{failed, accepted, last} {
		attempt := *s.Attempt
		attempt.StartedAt = floor(attempt.StartedAt)
		want = append(want, attempt)
	}
	got, attempts := k.read(t, m.ID)
	same(t, "attempts", attempts, want)
	if got.SendCount != 3 || got.GatewayMessageID != last.Attempt.GatewayMessageID || got.Gateway != gatewayB {
		t.Errorf("message is %+v, want the last attempt in it", got)
	}
}

func testRequeueTwice(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusUndelivered)
	for range 3 {
		k.requeue(t, store.Requeue{ID: m.ID, Now: k.now})
		k.settleOne(t, k.claim(t, 1)[0], courier.StatusSent)
		k.place(t, m.ID, courier.StatusUndelivered)
	}
	_, attempts := k.read(t, m.ID)
	for i, attempt := range attempts {
		if attempt.Number != i+1 || attempt.Outcome != courier.OutcomeAccepted {
			t.Errorf("attempt %d is %+v", i, attempt)
		}
	}
	if len(attempts) != 4 {
		t.Errorf("%d attempts are kept, want 4", len(attempts))
	}
}

func testRequeueClaim(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusUnknown)
	k.now = k.now.Add(time.Hour)
	k.requeue(t, store.Requeue{ID: m.ID, Now: k.now})
	same(t, "claim", idsOf(k.claim(t, 10)), []courier.ID{m.ID})
}
