package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func operateTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"TalliesCountByMinute":          testTallies,
		"SeriesCountsByMinute":          testSeries,
		"SeriesIsThinnedWithAge":        testSeriesThinned,
		"SeriesForgetsSuperseded":       testSeriesSuperseded,
		"WeightsAreTheLatest":           testWeights,
		"PausesAreKnownToBeats":         testPauses,
		"AuditPagesNewestFirst":         testAudit,
		"ActionsAreTakenOnce":           testActions,
		"NothingIsReadByOneWhoLeaves":   testLeavers,
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
	countries, err := k.store.CountryTallies(t.Context(), start)
	if err != nil {
		t.Fatalf("CountryTallies: %v", err)
	}
	same(t, "tallies of countries", countries, []store.Tally{
		{Gateway: gatewayA, Accepted: 2}, {Gateway: gatewayA, Country: "DE", Accepted: 4, Delivered: 3, Undelivered: 1, Slow: 2},
	})
}

// series returns the points from a time on.
func (k *kit) series(t *testing.T, since time.Time) []store.Point {
	t.Helper()
	points, err := k.store.Series(t.Context(), since, since.Add(store.SeriesFor))
	if err != nil {
		t.Fatalf("Series: %v", err)
	}
	return points
}

func testSeries(t *testing.T, k *kit) {
	k.now = k.now.Truncate(time.Minute)
	start := k.now
	settle := func(m *courier.Message, status courier.Status, after time.Duration, edit func(s *store.Settlement)) {
		s := k.settlement(m, status)
		s.DueAt, s.At = start, start.Add(after)
		if edit != nil {
			edit(&s)
		}
		k.settle(t, s)
	}
	delivered, silent, late, rejected := k.processing(t), k.processing(t), k.processing(t), k.processing(t)
	scheduled := k.message()
	scheduled.NextAttemptAt, scheduled.ExpiresAt = start.Add(time.Minute), start.Add(90*time.Second)
	bulk := k.message() // it is taken, and due for nobody
	bulk.Lane = courier.LaneBulk
	k.enqueue(t, scheduled, k.message(), bulk)
	k.cancel(t, k.enqueue(t, k.message())[0].ID)
	settle(delivered, courier.StatusSent, 80*time.Millisecond, nil)
	settle(silent, courier.StatusSent, 2*time.Second, func(s *store.Settlement) { s.NoReceipts = true })
	settle(late, courier.StatusSent, 31*time.Second, func(s *store.Settlement) { s.NoReceipts = true })
	settle(rejected, courier.StatusRejected, time.Second, nil)
	k.now = start.Add(25 * time.Second)
	k.receive(t, k.receipt(delivered.ID, courier.StatusDelivered))
	k.now = start.Add(2 * time.Minute)
	if n := k.expire(t, 10); n != 1 {
		t.Fatalf("%d messages expired, want 1", n)
	}
	want := []store.Point{
		{At: floor(start), Gateway: gatewayA, Traffic: store.Traffic{
			Taken: 8, Due: 5, Timely: 2, Sent: 3, Delivered: 1, Failed: 1,
			ToGateway: store.Waits{1: 1, 5: 1, 9: 1}, ToReceipt: store.Waits{8: 1},
		}},
		{At: floor(start.Add(time.Minute)), Gateway: gatewayA, Traffic: store.Traffic{Due: 1}},
		{At: floor(start.Add(2 * time.Minute)), Gateway: gatewayA, Traffic: store.Traffic{Failed: 1}},
	}
	same(t, "series", k.series(t, start), want)
	same(t, "series of later", k.series(t, start.Add(90*time.Second)), want[2:])
	faults, err := k.store.Faults(t.Context(), start.Add(-time.Hour))
	if err != nil {
		t.Fatalf("Faults: %v", err)
	}
	same(t, "faults", faults, []store.Fault{{At: floor(start), Gateway: gatewayA, Class: courier.ClassGatewayError, Count: 1}})
	late2 := k.processing(t)
	s := k.settlement(late2, courier.StatusSent)
	s.At, s.DueAt = start.Add(59*time.Second), start
	k.settle(t, s)
	want[0].Sent, want[0].ToGateway[9] = 4, 2
	same(t, "sent again", k.series(t, start)[0].Sent, want[0].Sent)
}

// testSeriesSuperseded has nobody wait for what a newer message took the place of.
func testSeriesSuperseded(t *testing.T, k *kit) {
	start := k.now.Truncate(time.Minute)
	for range 3 {
		m := k.message()
		m.SupersedeKey, m.Body = "login", fmt.Sprint("code ", k.serial.Load())
		k.enqueue(t, m)
	}
	points := k.series(t, start)
	if len(points) != 1 || points[0].Taken != 3 || points[0].Due != 1 {
		t.Errorf("%+v, want 3 taken and 1 due", points)
	}
}

func testSeriesThinned(t *testing.T, k *kit) {
	start := k.now.Truncate(time.Hour)
	send := func(at time.Time) {
		k.now = at
		m := k.processing(t)
		s := k.settlement(m, courier.StatusSent)
		s.At, s.DueAt = at, at
		k.settle(t, s)
	}
	send(start.Add(time.Minute))
	send(start.Add(2 * time.Minute))
	if n := len(k.series(t, start)); n != 2 {
		t.Fatalf("%d points, want one a minute", n)
	}
	for _, days := range []int{3, 8} {
		send(start.Add(time.Duration(days) * 24 * time.Hour))
		points := k.series(t, start)
		if len(points) < 2 || !points[0].At.Equal(start) || points[0].Sent != 2 || points[0].ToGateway.Count() != 2 {
			t.Fatalf("after %d days: %+v, want one point of ten minutes first", days, points)
		}
	}
	tallies, err := k.store.Tallies(t.Context(), start)
	if err != nil || len(tallies) != 2 {
		t.Errorf("Tallies: %+v, %v, want two days", tallies, err)
	}
	send(start.Add(12 * 24 * time.Hour))
	if points := k.series(t, start); len(points) != 2 {
		t.Errorf("%+v, want what is too old gone", points)
	}
}

func testPauses(t *testing.T, k *kit) {
	isPaused := func(want ...store.Pause) {
		t.Helper()
		pauses, err := k.store.Pauses(t.Context())
		if err != nil {
			t.Fatalf("Pauses: %v", err)
		}
		same(t, "pauses", pauses, want)
		standing, err := k.store.Beat(t.Context(), k.beat(nodeA))
		if err != nil {
			t.Fatalf("Beat: %v", err)
		}
		var names []string
		for _, p := range want {
			names = append(names, p.Gateway)
		}
		same(t, "paused gateways of a beat", standing.Paused, names)
		if standing.Nodes != 1 {
			t.Errorf("%d nodes, want 1", standing.Nodes)
		}
	}
	isPaused()
	a := store.Pause{Gateway: gatewayA, Reason: "it \x00 fails", Who: "shop", At: k.now}
	b := store.Pause{Gateway: gatewayB, Who: "shop", At: k.now}
	for _, p := range []store.Pause{b, {Gateway: gatewayA, Reason: "for another reason", At: k.now}, a} {
		if err := k.store.Pause(t.Context(), p); err != nil {
			t.Fatalf("Pause: %v", err)
		}
	}
	a.At, b.At, a.Reason = floor(k.now), floor(k.now), "it \ufffd fails"
	isPaused(a, b)
	for _, want := range []bool{true, false} {
		if was, err := k.store.Resume(t.Context(), gatewayA); err != nil || was != want {
			t.Errorf("Resume: %v, %v, want %v", was, err, want)
		}
	}
	isPaused(b)
}

func testAudit(t *testing.T, k *kit) {
	var want []store.Entry
	for i := range 7 {
		e := store.Entry{
			At: k.now.Add(time.Duration(i) * time.Second), Who: "shop", Action: []string{"message.cancel", "gateway.pause"}[i%2],
			Target: []string{"x", "y", ""}[i%3], Reason: "why", Detail: fmt.Sprint(i),
		}
		if err := k.store.Audit(t.Context(), e); err != nil {
			t.Fatalf("Audit: %v", err)
		}
		e.At = floor(e.At)
		want = append([]store.Entry{e}, want...)
	}
	for _, query := range []store.AuditQuery{{}, {Action: "gateway.pause"}, {Target: "y"}, {Target: "x", Action: "gateway.pause"}, {Action: "none"}} {
		query.Limit = 2
		var got []store.Entry
		for {
			page, err := k.store.Audits(t.Context(), query)
			if err != nil {
				t.Fatalf("Audits: %v", err)
			}
			for _, e := range page {
				query.Before, e.Seq = e.Seq, 0
				got = append(got, e)
			}
			if len(page) < query.Limit {
				break
			}
		}
		matching := slices.DeleteFunc(slices.Clone(want), func(e store.Entry) bool {
			return query.Action != "" && e.Action != query.Action || query.Target != "" && e.Target != query.Target
		})
		same(t, fmt.Sprintf("entries of %+v", query), got, matching)
	}
}

// testLeavers calls off what takes and saves actions while it runs. The race detector sees
// whoever reads what such a call still writes.
func testLeavers(t *testing.T, k *kit) {
	a := store.Action{ID: k.id(), Kind: store.ActionCancel, Who: "shop", At: k.now, Filter: store.Query{Status: courier.StatusQueued}}
	if err := k.store.StartAction(t.Context(), a); err != nil {
		t.Fatalf("StartAction: %v", err)
	}
	var leaving sync.WaitGroup
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		leaving.Go(cancel)
		_, _ = k.store.TakeAction(ctx, nodeA, k.now, k.now)
		_, _ = k.store.SaveAction(ctx, nodeA, a, k.now)
		_, _ = k.store.Resume(ctx, gatewayA)
		cancel()
	}
	leaving.Wait()
}

func testActions(t *testing.T, k *kit) {
	started := store.Action{
		ID: k.id(), Kind: store.ActionResolve, As: store.ResolvedSent, Reason: "looked up", Who: "shop", At: k.now,
		Filter: store.Query{Status: courier.StatusUnknown, To: "+12065550199", Gateway: gatewayA, TemplateType: "t", Country: "DE", Class: courier.ClassTimeout, Since: floor(k.now), Until: floor(k.now)},
	}
	take := func(node string) *store.Action {
		t.Helper()
		taken, err := k.store.TakeAction(t.Context(), node, k.now, k.now.Add(time.Minute))
		if err != nil {
			t.Fatalf("TakeAction: %v", err)
		}
		return taken
	}
	save := func(node string, a store.Action, want bool) {
		t.Helper()
		if saved, err := k.store.SaveAction(t.Context(), node, a, k.now.Add(time.Minute)); err != nil || saved != want {
			t.Fatalf("SaveAction: %v, %v, want %v", saved, err, want)
		}
	}
	if take(nodeA) != nil {
		t.Error("there is an action before any was started")
	}
	if err := k.store.StartAction(t.Context(), started); err != nil {
		t.Fatalf("StartAction: %v", err)
	}
	want := started
	want.Status, want.At, want.UpdatedAt = store.ActionRunning, floor(k.now), floor(k.now)
	taken := take(nodeA)
	same(t, "action", taken, &want)
	if take(nodeB) != nil || taken == nil {
		t.Fatal("two nodes have one action, or none has it")
	}
	k.now = k.now.Add(2 * time.Minute)
	same(t, "action of a node that is gone", take(nodeB), &want)
	save(nodeA, *taken, false)
	at := k.id()
	want.Filter.After, want.Examined, want.Changed, want.Skipped, want.UpdatedAt = &at, 3, 2, 1, floor(k.now)
	save(nodeB, want, true)
	found, err := k.store.Action(t.Context(), started.ID)
	if err != nil {
		t.Fatalf("Action: %v", err)
	}
	same(t, "saved action", found, &want)
	stopped, err := k.store.StopAction(t.Context(), started.ID, k.now)
	if err != nil {
		t.Fatalf("StopAction: %v", err)
	}
	save(nodeB, want, false)
	want.Status, want.EndedAt = store.ActionStopped, floor(k.now)
	same(t, "stopped action", stopped, &want)
	second := store.Action{ID: k.id(), Kind: store.ActionRetry, At: k.now}
	if err := k.store.StartAction(t.Context(), second); err != nil {
		t.Fatalf("StartAction: %v", err)
	}
	ended := *take(nodeB)
	ended.Status, ended.Fault, ended.EndedAt = store.ActionFailed, "the disk is full", floor(k.now)
	save(nodeB, ended, true)
	list, err := k.store.Actions(t.Context(), 5)
	if err != nil {
		t.Fatalf("Actions: %v", err)
	}
	same(t, "actions", list, []store.Action{ended, want})
	if _, err := k.store.Action(t.Context(), k.id()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Action of an unknown id: %v", err)
	}
	if _, err := k.store.StopAction(t.Context(), k.id(), k.now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("StopAction of an unknown id: %v", err)
	}
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
