package storetest

import (
	"slices"
	"testing"
	"time"

	"courier"
)

func sweepTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"ExpireEndsWhatIsPast":      testExpire,
		"ExpireHonoursTheLimit":     testExpireLimit,
		"ExpireKeepsTheHistory":     testExpireKeepsHistory,
		"RerouteMovesTheStranded":   testReroute,
		"RerouteMovesMany":          testRerouteMany,
		"RerouteLeavesItsTargetBe":  testRerouteTarget,
		"RerouteKeepsWhatIsLeased":  testRerouteLeased,
		"RerouteWithNoneKnownMoves": testRerouteNoneKnown,
	}
}

func (k *kit) expire(t *testing.T, limit int) int {
	t.Helper()
	n, err := k.store.Expire(t.Context(), k.now, limit)
	if err != nil {
		t.Fatalf("Expire: %v", err)
	}
	return n
}

func testExpire(t *testing.T, k *kit) {
	offsets := []time.Duration{-time.Second, 0, time.Microsecond, time.Hour}
	messages := k.messages(len(offsets)+2, func(i int, m *courier.Message) {
		if i < len(offsets) {
			m.ExpiresAt = k.now.Add(offsets[i])
		}
		if i == len(offsets)+1 { // not due for long, and never to be
			m.ExpiresAt, m.NextAttemptAt = k.now, k.now.Add(24*time.Hour)
		}
	})
	stored := k.enqueue(t, messages...)
	if n := k.expire(t, 100); n != 3 {
		t.Errorf("Expire ended %d messages, want 3", n)
	}
	for i, before := range stored {
		want := *before
		if slices.Contains([]int{0, 1, 5}, i) {
			want.Status, want.UpdatedAt, want.NextAttemptAt = courier.StatusExpired, floor(k.now), time.Time{}
		}
		got, _ := k.read(t, before.ID)
		same(t, "message", got, &want)
	}
	if n := k.expire(t, 100); n != 0 {
		t.Errorf("a second Expire ended %d messages", n)
	}
}

func testExpireLimit(t *testing.T, k *kit) {
	k.enqueue(t, k.messages(5, func(i int, m *courier.Message) {
		m.ExpiresAt = k.now.Add(-time.Duration(i) * time.Second)
	})...)
	for _, step := range []struct{ limit, want int }{{0, 0}, {-1, 0}, {2, 2}, {2, 2}, {2, 1}, {2, 0}} {
		if n := k.expire(t, step.limit); n != step.want {
			t.Errorf("Expire with limit %d ended %d, want %d", step.limit, n, step.want)
		}
	}
}

func testExpireKeepsHistory(t *testing.T, k *kit) {
	m := k.message()
	m.ExpiresAt = k.now.Add(time.Minute)
	k.enqueue(t, m)
	s := k.settleOne(t, k.claim(t, 1)[0], courier.StatusQueued)
	k.now = k.now.Add(time.Hour)
	k.expire(t, 1)
	got, attempts := k.read(t, m.ID)
	if got.Status != courier.StatusExpired || got.LastError == nil || got.LastError.Code != s.Attempt.Code || len(attempts) != 1 {
		t.Errorf("message is %+v with %d attempts, want it expired with its error", got, len(attempts))
	}
}

func (k *kit) reroute(t *testing.T, known []string, to string) int {
	t.Helper()
	n, err := k.store.Reroute(t.Context(), known, to, k.now)
	if err != nil {
		t.Fatalf("Reroute: %v", err)
	}
	return n
}

func testReroute(t *testing.T, k *kit) {
	gateways := []string{gatewayA, gatewayB, "gone", "", "also gone", "gone"}
	stored := k.enqueue(t, k.messages(len(gateways), func(i int, m *courier.Message) {
		m.Gateway, m.NextAttemptAt = gateways[i], k.now.Add(time.Duration(i)*time.Minute)
	})...)
	k.now = k.now.Add(time.Second)
	if n := k.reroute(t, []string{gatewayA, gatewayB}, gatewayB); n != 4 {
		t.Errorf("Reroute moved %d messages, want 4", n)
	}
	for i, before := range stored {
		want := *before
		if i >= 2 {
			want.Gateway, want.UpdatedAt = gatewayB, floor(k.now)
		}
		got, _ := k.read(t, before.ID)
		same(t, "message", got, &want)
	}
}

func testRerouteMany(t *testing.T, k *kit) {
	const count = 2100
	for range count / 700 {
		k.enqueue(t, k.messages(700, func(_ int, m *courier.Message) { m.Gateway = "gone" })...)
	}
	if n := k.reroute(t, []string{gatewayA}, gatewayA); n != count {
		t.Errorf("Reroute moved %d messages, want %d", n, count)
	}
	if claimed := k.claim(t, count+1); len(claimed) != count {
		t.Errorf("%d messages wait for the new gateway, want %d", len(claimed), count)
	}
}

func testRerouteTarget(t *testing.T, k *kit) {
	k.enqueue(t, k.messages(2, nil)...)
	if n := k.reroute(t, []string{gatewayB}, gatewayA); n != 0 {
		t.Errorf("Reroute moved %d messages that wait for the target already", n)
	}
}

func testRerouteLeased(t *testing.T, k *kit) {
	m := k.processing(t)
	check := k.unchanged(t, m.ID)
	if n := k.reroute(t, []string{gatewayB}, gatewayB); n != 0 {
		t.Errorf("Reroute moved %d leased messages", n)
	}
	check()
	k.settleOne(t, m, courier.StatusSent)
}

func testRerouteNoneKnown(t *testing.T, k *kit) {
	k.enqueue(t, k.messages(3, nil)...)
	if n := k.reroute(t, nil, gatewayB); n != 3 {
		t.Errorf("Reroute moved %d messages, want 3", n)
	}
}
