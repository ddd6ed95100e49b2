package storetest

import (
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func operateTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"TalliesCountByMinute":          testTallies,
		"WeightsAreTheLatest":           testWeights,
		"WaitingPagesThroughTheQueue":   testWaiting,
		"MoveTakesWhatIsStillQueued":    testMove,
		"ResolveDecidesUnknownMessages": testResolve,
		"EventsPagePastOthers":          testEventsAfter,
	}
}

func testTallies(t *testing.T, k *kit) {
	k.now = k.now.Truncate(time.Minute)
	send := func(country string) *courier.Message {
		m := k.message()
		m.Country = country
		s := k.settlement(k.enqueue(t, k.leased(m))[0], courier.StatusSent)
		s.Country, s.At = country, k.now
		k.settle(t, s)
		return m
	}
	first := []*courier.Message{send("DE"), send("DE"), send("DE"), send("")}
	start := k.now
	k.now = k.now.Add(time.Minute)
	second := send("DE")
	k.now = k.now.Add(time.Second)
	k.receive(t, k.receipt(second.ID, courier.StatusDelivered), k.receipt(first[0].ID, courier.StatusDelivered),
		k.receipt(first[0].ID, courier.StatusDelivered), k.receipt(first[1].ID, courier.StatusExpired), k.receipt(first[3].ID, courier.StatusSent))
	unknown := k.unknownAttempt(t, courier.StatusQueued)
	k.receive(t, k.reference(gatewayA, unknown.ID, courier.StatusSent))
	at, later := floor(start), floor(start.Add(time.Minute))
	want := []store.Tally{
		{Gateway: gatewayA, Minute: at, Accepted: 1},
		{Gateway: gatewayA, Country: "DE", Minute: at, Accepted: 3, Delivered: 1, Undelivered: 1, Slow: 1},
		{Gateway: gatewayA, Minute: later, Accepted: 1},
		{Gateway: gatewayA, Country: "DE", Minute: later, Accepted: 1, Delivered: 1},
	}
	tallies := func(since time.Time) []store.Tally {
		found, err := k.store.Tallies(t.Context(), since)
		if err != nil {
			t.Fatalf("Tallies: %v", err)
		}
		return found
	}
	same(t, "tallies", tallies(start), want)
	same(t, "tallies of later", tallies(start.Add(90*time.Second)), want[2:])
	k.receive(t, k.receipt(first[2].ID, courier.StatusDelivered))
	want[1].Delivered, want[1].Slow = 2, 2
	same(t, "tallies again", tallies(start), want)
}

func testWeights(t *testing.T, k *kit) {
	var history []store.Weight
	for i, w := range []store.Weight{
		{Route: "r1", Gateway: gatewayA, Weight: 50, Reason: "slow"},
		{Route: "r1", Gateway: gatewayB, Weight: 0, Reason: "degraded"},
		{Route: "r2", Gateway: gatewayA, Weight: 100},
		{Route: "r1", Gateway: gatewayA, Weight: 60, Reason: "quiet"},
	} {
		w.ChangedAt = floor(k.now.Add(time.Duration(i) * time.Second))
		if err := k.store.SetWeight(t.Context(), w); err != nil {
			t.Fatalf("SetWeight: %v", err)
		}
		history = append(history, w)
	}
	latest, err := k.store.Weights(t.Context())
	if err != nil {
		t.Fatalf("Weights: %v", err)
	}
	same(t, "weights", latest, []store.Weight{history[3], history[1], history[2]})
	changes, err := k.store.WeightHistory(t.Context(), "r1", 2)
	if err != nil {
		t.Fatalf("WeightHistory: %v", err)
	}
	same(t, "history", changes, []store.Weight{history[3], history[1]})
}

func testWaiting(t *testing.T, k *kit) {
	ids := k.dues(t, time.Hour, 0, 0, 0, -time.Second, 0)
	want := []courier.ID{ids[4], ids[1], ids[2], ids[3], ids[5], ids[0]}
	query := store.WaitingQuery{Gateway: gatewayA, Limit: 2}
	var got []courier.ID
	for {
		page, err := k.store.Waiting(t.Context(), query)
		if err != nil {
			t.Fatalf("Waiting: %v", err)
		}
		if got = append(got, idsOf(page)...); len(page) < query.Limit {
			break
		}
		last := page[len(page)-1]
		query.DueFrom, query.After = last.NextAttemptAt, last.ID
		whole, _ := k.read(t, last.ID)
		same(t, "message", last, whole)
	}
	same(t, "queue", got, want)
	if page, err := k.store.Waiting(t.Context(), store.WaitingQuery{Gateway: gatewayB, Limit: 2}); err != nil || len(page) != 0 {
		t.Errorf("Waiting of another gateway: %+v, %v", page, err)
	}
}

func testMove(t *testing.T, k *kit) {
	stored := k.enqueue(t, k.messages(4, func(i int, m *courier.Message) { m.NextAttemptAt = k.now.Add(time.Duration(i) * time.Second) })...)
	k.claim(t, 1)
	k.cancel(t, stored[1].ID)
	k.now = k.now.Add(time.Minute)
	var moves []store.Move
	for _, m := range stored {
		moves = append(moves, store.Move{ID: m.ID, From: gatewayA, To: gatewayB})
	}
	moves = append(moves, moves[3], store.Move{ID: k.id(), From: gatewayA, To: gatewayB})
	if n, err := k.store.Move(t.Context(), moves, k.now); err != nil || n != 2 {
		t.Errorf("Move: %d, %v, want 2", n, err)
	}
	for i, m := range stored {
		want := *m
		if want.Gateway, want.UpdatedAt = gatewayB, floor(k.now); i >= 2 {
			got, _ := k.read(t, m.ID)
			same(t, "message", got, &want)
		} else if got, _ := k.read(t, m.ID); got.Gateway != gatewayA {
			t.Errorf("a message that is %s was moved", got.Status)
		}
	}
	if n, err := k.store.Move(t.Context(), nil, k.now); err != nil || n != 0 {
		t.Errorf("Move of nothing: %d, %v", n, err)
	}
}

func testResolve(t *testing.T, k *kit) {
	to := map[store.Resolution]courier.Status{
		store.ResolvedSent: courier.StatusSent, store.ResolvedFailed: courier.StatusUndelivered, store.ResolvedResend: courier.StatusQueued,
	}
	for as, status := range to {
		before := k.unknownAttempt(t, courier.StatusUnknown)
		k.now = k.now.Add(time.Second)
		resolve := store.Resolve{ID: before.ID, As: as, Now: k.now, Gateway: gatewayB}
		want := *before
		want.Status, want.UpdatedAt = status, floor(k.now)
		switch as {
		case store.ResolvedSent:
			want.SentAt = floor(k.now)
		case store.ResolvedFailed:
		case store.ResolvedResend:
			want.NextAttemptAt, want.Gateway, want.RetryCount = floor(k.now), gatewayB, 0
		}
		got, err := k.store.Resolve(t.Context(), resolve)
		if err != nil {
			t.Fatalf("Resolve: %v", err)
		}
		same(t, "resolved as "+string(as), got, &want)
		stored, _ := k.read(t, before.ID)
		same(t, "stored message", stored, &want)
		_, err = k.store.Resolve(t.Context(), resolve)
		isTransition(t, err, store.TransitionError{ID: before.ID, From: status, To: to[as]})
		if as == store.ResolvedSent {
			k.comesTo(t, store.ReceiptApplied, k.reference(gatewayA, before.ID, courier.StatusDelivered))
		}
	}
	k.hasCounts(t, "resolutions", 1, 0, 0)
	if _, err := k.store.Resolve(t.Context(), store.Resolve{ID: k.unknownAttempt(t, courier.StatusUnknown).ID, As: "lost", Now: k.now}); err == nil {
		t.Error("a message was resolved as lost")
	}
}

func testEventsAfter(t *testing.T, k *kit) {
	k.listen(t, "one", courier.StatusQueued)
	k.enqueue(t, k.messages(4, nil)...)
	first, err := k.store.Events(t.Context(), "one", 0, 3)
	if err != nil || len(first) != 3 {
		t.Fatalf("Events: %+v, %v", first, err)
	}
	rest, err := k.store.Events(t.Context(), "one", first[1].Seq, 10)
	if err != nil || len(rest) != 2 || rest[0] != first[2] {
		t.Errorf("Events after %d: %+v, %v", first[1].Seq, rest, err)
	}
}
