package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func eventTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"EveryTransition":           testEventsOfTransitions,
		"BatchesLeaveOneEach":       testEventsOfBatches,
		"FailedCallsLeaveNone":      testEventsOfFailures,
		"ListenersAreTheirOwn":      testListeners,
		"NobodyListens":             testNobodyListens,
		"ForgottenIsGone":           testForget,
		"RefusesInvalidListeners":   testInvalidListeners,
		"StatusesChangeAtAnyTime":   testListenAgain,
		"EventsSayWhenAndFromWhere": testEventFields,
		"NoticesSayHowItWent":       testNotices,
		"NoticesGoWithTheirMessage": testNoticesOfPurged,
	}
}

// Follower listens to all statuses and works out from events where each message is.
type Follower struct {
	store    store.Store
	statuses map[courier.ID]courier.Status
}

const followerName = "follower"

// Follow begins to follow the messages of a store that has none.
func Follow(t caller, s store.Store) *Follower {
	t.Helper()
	if err := s.Listen(t.Context(), followerName, courier.Statuses()); err != nil {
		t.Fatalf("Listen: %v", err)
	}
	return &Follower{store: s, statuses: map[courier.ID]courier.Status{}}
}

// On goes on with the same database, opened again.
func (f *Follower) On(s store.Store) *Follower {
	f.store = s
	return f
}

// Check reads the events since the last check: each begins where the one before it
// of the same message ended, and the last says where the message is.
func (f *Follower) Check(t caller) []store.Event {
	t.Helper()
	const pageSize = 500
	var all []store.Event
	for {
		events, err := f.store.Events(t.Context(), followerName, 0, pageSize)
		if err != nil {
			t.Fatalf("Events: %v", err)
		}
		for _, e := range events {
			if e.From != f.statuses[e.MessageID] || e.From == e.To || e.From != "" && !e.From.CanBecome(e.To) {
				t.Errorf("event %+v follows one to %q", e, f.statuses[e.MessageID])
			}
			f.statuses[e.MessageID] = e.To
		}
		if err := f.store.Forget(t.Context(), events); err != nil {
			t.Fatalf("Forget: %v", err)
		}
		if all = append(all, events...); len(events) < pageSize {
			break
		}
	}
	page, err := f.store.Messages(t.Context(), store.Query{Limit: 100_000})
	if err != nil || page.Next != nil {
		t.Fatalf("Messages: next %v, %v", page.Next, err)
	}
	there := map[courier.ID]courier.Status{}
	for _, m := range page.Messages {
		there[m.ID] = m.Status
	}
	for id := range f.statuses {
		if _, found := there[id]; !found {
			delete(f.statuses, id) // it was purged
		}
	}
	same(t, "statuses by events", f.statuses, there)
	return all
}

// testEventsOfTransitions does everything to a message in every status.
func testEventsOfTransitions(t *testing.T, k *kit) {
	f := Follow(t, k.store)
	for _, from := range courier.Statuses() {
		for i, deed := range deeds() {
			m := k.message()
			m.Gateway, m.ExpiresAt = fmt.Sprintf("%s-%d", from, i), k.now.Add(time.Hour)
			m = k.bring(t, m, from)
			f.Check(t)
			_ = deed.do(t, k, m) // what it says is another test's
			events, to := f.Check(t), deed.to(from)
			if changes := to != "" && to != from; changes != (len(events) == 1) || len(events) > 1 {
				t.Errorf("%s of a message that is %s left %+v", deed.name, from, events)
			}
			k.retire(t, m.ID)
		}
	}
	f.Check(t)
}

func testEventsOfBatches(t *testing.T, k *kit) {
	f := Follow(t, k.store)
	count := func(what string, want int) {
		t.Helper()
		if events := f.Check(t); len(events) != want {
			t.Errorf("%s left %d events, want %d", what, len(events), want)
		}
	}
	k.enqueue(t, k.messages(120, func(i int, m *courier.Message) {
		if m.ExpiresAt = k.now.Add(time.Hour); i >= 100 {
			k.leased(m)
		}
	})...)
	count("an enqueue", 120)
	claimed := k.claim(t, 60)
	count("a claim", 60)
	var settlements []store.Settlement
	for i, m := range claimed {
		settlements = append(settlements, k.settlement(m, settleable()[i%len(settleable())]))
	}
	k.settle(t, append(settlements, settlements...)...)
	count("settlements", 60)
	if n, err := k.store.Reclaim(t.Context(), store.Reclaim{Node: nodeB, Now: k.now}); n != 20 || err != nil {
		t.Errorf("Reclaim: %d, %v", n, err)
	}
	count("a reclaim", 20)
	expired, err := k.store.Expire(t.Context(), k.now.Add(2*time.Hour), 1000)
	if err != nil {
		t.Errorf("Expire: %v", err)
	}
	count("an expiry", expired)
}

func testEventsOfFailures(t *testing.T, k *kit) {
	f := Follow(t, k.store)
	first := k.enqueue(t, k.message(), k.keyed("key", 1))[0]
	f.Check(t)
	if _, err := k.store.Enqueue(t.Context(), append(k.messages(20, nil), first)); !errors.Is(err, store.ErrDuplicateID) {
		t.Errorf("Enqueue: %v, want store.ErrDuplicateID", err)
	}
	k.enqueueAny(t, k.keyed("key", 1), k.keyed("key", 2))
	if _, err := k.store.Requeue(t.Context(), store.Requeue{ID: first.ID, Now: k.now}); err == nil {
		t.Error("a queued message was queued again")
	}
	if events := f.Check(t); len(events) != 0 {
		t.Errorf("calls that changed nothing left %+v", events)
	}
}

func (k *kit) listen(t *testing.T, listener string, statuses ...courier.Status) {
	t.Helper()
	if err := k.store.Listen(t.Context(), listener, statuses); err != nil {
		t.Fatalf("Listen: %v", err)
	}
}

// told returns the statuses of the events of a listener.
func (k *kit) told(t *testing.T, listener string) []courier.Status {
	t.Helper()
	events, err := k.store.Events(t.Context(), listener, 0, 100)
	if err != nil {
		t.Fatalf("Events: %v", err)
	}
	var statuses []courier.Status
	for _, e := range events {
		statuses = append(statuses, e.To)
	}
	return statuses
}

func testListeners(t *testing.T, k *kit) {
	k.listen(t, "one", courier.StatusSent, courier.StatusQueued, courier.StatusSent)
	k.listen(t, "other", courier.StatusSent, courier.StatusDelivered)
	k.enqueue(t, k.message())
	k.settleOne(t, k.claim(t, 1)[0], courier.StatusSent)
	same(t, "events of one", k.told(t, "one"), []courier.Status{courier.StatusQueued, courier.StatusSent})
	same(t, "events of the other", k.told(t, "other"), []courier.Status{courier.StatusSent})
	k.listen(t, "one")
	same(t, "events of one that is gone", k.told(t, "one"), nil)
	k.in(t, courier.StatusDelivered)
	same(t, "events of one that is gone", k.told(t, "one"), nil)
	same(t, "events of the other", k.told(t, "other"), []courier.Status{courier.StatusSent, courier.StatusSent, courier.StatusDelivered})
}

func testNobodyListens(t *testing.T, k *kit) {
	k.in(t, courier.StatusSent)
	k.listen(t, "one", courier.Statuses()...)
	k.listen(t, "another", courier.StatusSent)
	same(t, "events of before", k.told(t, "one"), nil)
	for _, want := range [][]string{{"another", "one"}, {"one"}, nil} {
		names, err := k.store.Listeners(t.Context())
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("listeners %v, %v, want %v", names, err, want)
		}
		if len(want) > 0 {
			k.listen(t, want[0])
		}
	}
	k.listen(t, "nobody")
	k.in(t, courier.StatusSent)
	k.listen(t, "one", courier.Statuses()...)
	same(t, "events of between", k.told(t, "one"), nil)
}

func testListenAgain(t *testing.T, k *kit) {
	m := k.message()
	k.listen(t, "one", courier.StatusSent)
	k.enqueue(t, m)
	k.listen(t, "one", courier.StatusProcessing)
	leased := k.claim(t, 1)[0]
	k.listen(t, "one", courier.StatusSent, courier.StatusUndelivered)
	k.settleOne(t, leased, courier.StatusSent)
	same(t, "events", k.told(t, "one"), []courier.Status{courier.StatusProcessing, courier.StatusSent})
}

func testForget(t *testing.T, k *kit) {
	k.listen(t, "one", courier.StatusQueued)
	k.listen(t, "other", courier.StatusQueued)
	k.enqueue(t, k.messages(5, nil)...)
	first, err := k.store.Events(t.Context(), "one", 0, 2)
	if err != nil || len(first) != 2 {
		t.Fatalf("Events: %+v, %v, want 2", first, err)
	}
	for range 2 {
		if err := k.store.Forget(t.Context(), first); err != nil {
			t.Fatalf("Forget: %v", err)
		}
	}
	rest, err := k.store.Events(t.Context(), "one", 0, 100)
	if err != nil || len(rest) != 3 || rest[0].Seq <= first[1].Seq {
		t.Errorf("Events: %+v, %v, want the 3 after %d", rest, err, first[1].Seq)
	}
	if err := k.store.Forget(t.Context(), rest); err != nil {
		t.Errorf("Forget: %v", err)
	}
	k.enqueue(t, k.message())
	again, err := k.store.Events(t.Context(), "one", 0, 100)
	if err != nil || len(again) != 1 || again[0].Seq <= rest[2].Seq {
		t.Errorf("Events: %+v, %v, want one after %d", again, err, rest[2].Seq)
	}
	if err := k.store.Forget(t.Context(), nil); err != nil {
		t.Errorf("Forget of nothing: %v", err)
	}
	if told := k.told(t, "other"); len(told) != 6 {
		t.Errorf("the other hears of %d messages, want 6", len(told))
	}
	if none, err := k.store.Events(t.Context(), "other", 0, 0); len(none) != 0 || err != nil {
		t.Errorf("no events: %+v, %v", none, err)
	}
}

func testInvalidListeners(t *testing.T, k *kit) {
	for listener, status := range map[string]courier.Status{"": courier.StatusSent, "one": "lost", "other": "sent') --"} {
		if err := k.store.Listen(t.Context(), listener, []courier.Status{status}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("Listen of %q to %q: %v, want store.ErrInvalid", listener, status, err)
		}
	}
}

func testEventFields(t *testing.T, k *kit) {
	k.listen(t, "one", courier.StatusQueued, courier.StatusRejected)
	m := k.enqueue(t, k.message())[0]
	s := k.settleOne(t, k.claim(t, 1)[0], courier.StatusRejected)
	events, err := k.store.Events(t.Context(), "one", 0, 10)
	if err != nil || len(events) != 2 {
		t.Fatalf("Events: %+v, %v", events, err)
	}
	same(t, "events", events, []store.Event{
		{Seq: events[0].Seq, MessageID: m.ID, To: courier.StatusQueued, At: floor(k.now)},
		{Seq: events[1].Seq, MessageID: m.ID, From: courier.StatusProcessing, To: courier.StatusRejected, At: floor(s.At)},
	})
}

func (k *kit) record(t *testing.T, notices ...store.Notice) {
	t.Helper()
	if err := k.store.RecordNotices(t.Context(), notices); err != nil {
		t.Fatalf("RecordNotices: %v", err)
	}
}

func (k *kit) notices(t *testing.T, id courier.ID) []store.Notice {
	t.Helper()
	notices, err := k.store.Notices(t.Context(), id)
	if err != nil {
		t.Fatalf("Notices: %v", err)
	}
	return notices
}

func testNotices(t *testing.T, k *kit) {
	k.listen(t, "one", courier.StatusQueued, courier.StatusProcessing, courier.StatusSent)
	k.listen(t, "other", courier.StatusSent)
	other := k.in(t, courier.StatusQueued)
	m := k.in(t, courier.StatusSent)
	want := k.notices(t, m.ID)
	if len(want) != 3 || want[0].To != courier.StatusProcessing || want[1].To != courier.StatusSent || want[2].To != courier.StatusSent ||
		want[1].Listener == want[2].Listener || want[0].At.IsZero() {
		t.Fatalf("notices of a message that nobody was told of are %+v", want)
	}
	for i := range want {
		same(t, "notice", want[i], store.Notice{Seq: want[i].Seq, Listener: want[i].Listener, To: want[i].To, At: want[i].At, State: store.NoticeWaiting})
	}
	at := floor(k.now).Add(time.Second)
	k.record(t)
	k.record(t, store.Notice{Seq: want[0].Seq, State: store.NoticeWaiting, Tries: 1, TriedAt: at, Fault: "refused\x00"},
		store.Notice{Seq: want[1].Seq, State: store.NoticeDelivered, Tries: 1, TriedAt: at, Fault: "no"},
		store.Notice{Seq: want[2].Seq, State: store.NoticeWaiting, Tries: 2, TriedAt: at, Fault: "away"})
	want[0].Tries, want[0].TriedAt, want[0].Fault = 1, at, "refused\ufffd"
	want[1].State, want[1].Tries, want[1].TriedAt = store.NoticeDelivered, 1, at
	want[2].Tries, want[2].TriedAt, want[2].Fault = 2, at, "away"
	same(t, "notices", k.notices(t, m.ID), want)
	// What is dealt with is no event any more; what is unknown is left out.
	later := at.Add(time.Minute)
	k.record(t, store.Notice{Seq: want[0].Seq, State: store.NoticeDelivered, Tries: 2, TriedAt: later}, store.Notice{Seq: want[2].Seq, State: store.NoticeGivenUp},
		store.Notice{Seq: want[1].Seq, State: store.NoticeGivenUp, Tries: 1, TriedAt: later}, store.Notice{Seq: want[2].Seq + 1000, State: store.NoticeDelivered, Tries: 1})
	want[0].State, want[0].Tries, want[0].TriedAt, want[0].Fault = store.NoticeDelivered, 3, later, ""
	want[2].State = store.NoticeGivenUp
	same(t, "notices", k.notices(t, m.ID), want)
	same(t, "events that are left", k.told(t, "one"), []courier.Status{courier.StatusQueued})
	same(t, "events that are left", k.told(t, "other"), nil)
	// A listener that is gone takes what it waited for along, and no more.
	k.listen(t, "one")
	same(t, "notices", k.notices(t, m.ID), want)
	same(t, "notices of the other message", k.notices(t, other.ID), nil)
}

func testNoticesOfPurged(t *testing.T, k *kit) {
	k.listen(t, "one", courier.StatusProcessing, courier.StatusSent)
	m := k.in(t, courier.StatusSent)
	notices := k.notices(t, m.ID)
	if len(notices) != 2 {
		t.Fatalf("notices are %+v, want 2", notices)
	}
	k.record(t, store.Notice{Seq: notices[0].Seq, State: store.NoticeDelivered, Tries: 1, TriedAt: k.now})
	if n, err := k.store.Purge(t.Context(), store.Sweep{Now: k.now, Before: k.now.Add(time.Hour), Limit: 10}); n != 1 || err != nil {
		t.Fatalf("Purge: %d, %v", n, err)
	}
	same(t, "events that are left", k.told(t, "one"), []courier.Status{courier.StatusSent})
	k.record(t, store.Notice{Seq: notices[1].Seq, State: store.NoticeDelivered, Tries: 1, TriedAt: k.now})
	same(t, "events that are left", k.told(t, "one"), nil)
	same(t, "notices of a message that is gone", k.notices(t, m.ID), nil)
}
