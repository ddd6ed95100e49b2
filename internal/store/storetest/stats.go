package storetest

import (
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func statsTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"FollowsEveryChange": testStatsFollow,
		"OldestDue":          testStatsOldestDue,
		"FailuresDoNotCount": testStatsFailures,
	}
}

func (k *kit) hasCounts(t *testing.T, after string, queued, processing, unknown int64) {
	t.Helper()
	got := k.stats(t)
	if got.Queued != queued || got.Processing != processing || got.Unknown != unknown {
		t.Errorf("after %s: stats are %+v, want %d queued, %d processing, %d unknown", after, got, queued, processing, unknown)
	}
}

func testStatsFollow(t *testing.T, k *kit) {
	k.hasCounts(t, "open", 0, 0, 0)
	stored := k.enqueue(t, k.messages(10, func(i int, m *courier.Message) {
		if i == 9 {
			m.ExpiresAt = k.now.Add(time.Second)
		}
	})...)
	k.hasCounts(t, "enqueue", 10, 0, 0)
	claimed := k.claim(t, 5)
	k.hasCounts(t, "claim", 5, 5, 0)
	k.settleOne(t, claimed[0], courier.StatusSent)
	k.settleOne(t, claimed[1], courier.StatusUnknown)
	k.settleOne(t, claimed[2], courier.StatusQueued)
	k.hasCounts(t, "settle", 6, 2, 1)
	k.cancel(t, stored[8].ID)
	k.hasCounts(t, "cancel", 5, 2, 1)
	k.now = k.now.Add(2 * leaseTime)
	k.expire(t, 10)
	k.hasCounts(t, "expire", 4, 2, 1)
	k.reclaim(t, nodeB, true)
	k.hasCounts(t, "reclaim and hold", 4, 0, 3)
	k.requeue(t, store.Requeue{ID: claimed[1].ID, Now: k.now})
	k.hasCounts(t, "requeue", 5, 0, 2)
	k.reroute(t, []string{gatewayB}, gatewayB)
	k.hasCounts(t, "reroute", 5, 0, 2)
	k.cancel(t, claimed[3].ID)
	k.hasCounts(t, "cancel of unknown", 5, 0, 1)
}

func testStatsOldestDue(t *testing.T, k *kit) {
	k.enqueue(t, k.messages(4, func(i int, m *courier.Message) {
		m.Gateway = []string{"d", "b", "a", "c"}[i]
		m.NextAttemptAt = k.now.Add(time.Duration(i+1) * time.Minute)
	})...)
	if oldest := k.stats(t).OldestDueAt; !oldest.IsZero() {
		t.Errorf("oldest due is %v while nothing is due", oldest)
	}
	first := k.now.Add(time.Minute)
	k.now = k.now.Add(3 * time.Minute)
	same(t, "oldest due", k.stats(t).OldestDueAt, floor(first))
	if _, err := k.store.Claim(t.Context(), store.Claim{
		Gateway: "d", Node: nodeA, Now: k.now, LeaseUntil: k.now.Add(leaseTime), Limit: 1,
	}); err != nil {
		t.Fatalf("Claim: %v", err)
	}
	same(t, "oldest due after it was claimed", k.stats(t).OldestDueAt, floor(first.Add(time.Minute)))
}

func testStatsFailures(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusSent)
	k.enqueue(t, k.messages(2, nil)...)
	if _, err := k.store.Enqueue(t.Context(), []*courier.Message{k.message(), m, k.message()}); err == nil {
		t.Error("a sent message was stored")
	}
	again := k.message()
	again.ID = m.ID
	if _, err := k.store.Enqueue(t.Context(), []*courier.Message{k.message(), again}); err == nil {
		t.Error("an id was stored twice")
	}
	if _, err := k.store.Cancel(t.Context(), m.ID, k.now); err == nil {
		t.Error("a sent message was canceled")
	}
	k.hasCounts(t, "failures", 2, 0, 0)
}
