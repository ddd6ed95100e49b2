package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func supersedeTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"CancelsWhatIsQueued":        testCancelsWhatIsQueued,
		"LeavesOtherKeys":            testLeavesOtherKeys,
		"EndsWhatIsInFlight":         testEndsWhatIsInFlight,
		"KeepsWhatTheGatewayTook":    testKeepsWhatTheGatewayTook,
		"ReclaimEndsWhatIsInFlight":  testReclaimEndsWhatIsInFlight,
		"HoldsUntilTheOlderIsOver":   testHoldsUntilTheOlderIsOver,
		"HoldsForTheLastInFlight":    testHoldsForTheLastInFlight,
		"HoldsNoLongerThanAskedFor":  testHoldsNoLongerThanAskedFor,
		"HoldKeepsALaterTime":        testHoldKeepsALaterTime,
		"LastOfACallTakesThePlace":   testLastOfACallTakesThePlace,
		"SameContentIsARepeat":       testSameContentIsARepeat,
		"NoRepeatOfADeadOne":         testNoRepeatOfADeadOne,
		"NoRepeatOfOneThatLostPlace": testNoRepeatOfOneThatLostPlace,
		"RequeueStartsAnew":          testRequeueStartsAnew,
		"IdempotencyKeyComesFirst":   testIdempotencyKeyComesFirst,
		"NewestOfManyAtOnce":         testNewestOfManyAtOnce,
	}
}

// coded returns a message with a key, whose text says which it is.
func (k *kit) coded(body string) *courier.Message {
	m := k.message()
	m.SupersedeKey, m.Body, m.HoldUntil = "code-1", body, k.now.Add(2*time.Second)
	return m
}

// isSuperseded checks that a message was canceled for another.
func (k *kit) isSuperseded(t *testing.T, id, by courier.ID) {
	t.Helper()
	m, _ := k.read(t, id)
	if m.Status != courier.StatusCanceled || m.SupersededBy != by || m.LastError == nil || m.LastError.Class != courier.ClassSuperseded || !m.NextAttemptAt.IsZero() {
		t.Errorf("message is %+v with %+v, want it canceled for %s", m, m.LastError, by)
	}
}

func testCancelsWhatIsQueued(t *testing.T, k *kit) {
	old, older := k.coded("1"), k.coded("2")
	k.enqueue(t, old)
	k.enqueue(t, older)
	newest := k.coded("3")
	answers := k.enqueueAny(t, newest)
	if answers[0].Superseded != 1 || answers[0].Duplicate {
		t.Errorf("answer is %+v, want one superseded", answers[0])
	}
	k.isSuperseded(t, old.ID, older.ID)
	k.isSuperseded(t, older.ID, newest.ID)
	k.hasCounts(t, "three with one key", 1, 0, 0)
	page, err := k.store.Messages(t.Context(), store.Query{Class: courier.ClassSuperseded, Limit: 9})
	if err != nil || len(page.Messages) != 2 {
		t.Errorf("%d messages have the class, %v, want both", len(page.Messages), err)
	}
	if claimed := k.claim(t, 10); len(claimed) != 1 || claimed[0].ID != newest.ID {
		t.Errorf("claimed %d messages, want the newest alone", len(claimed))
	}
}

func testLeavesOtherKeys(t *testing.T, k *kit) {
	others := []*courier.Message{k.coded("1"), k.coded("2"), k.message(), k.message()}
	others[0].SupersedeKey, others[1].Caller = "code-2", "other"
	k.enqueue(t, others...)
	k.enqueue(t, k.coded("3"))
	for _, m := range others {
		k.is(t, m.ID, courier.StatusQueued)
	}
	sent := k.bring(t, k.coded("4"), courier.StatusSent)
	k.enqueue(t, k.coded("5"))
	k.is(t, sent.ID, courier.StatusSent)
}

func testEndsWhatIsInFlight(t *testing.T, k *kit) {
	for _, status := range []courier.Status{courier.StatusQueued, courier.StatusUnknown} {
		for _, attempted := range []bool{true, false} {
			old := k.enqueue(t, k.leased(k.coded("1")))[0]
			newest := k.coded("2")
			k.enqueue(t, newest)
			s := k.settlement(old, status)
			s.Gateway = gatewayB
			if !attempted {
				s.Attempt = nil
			}
			if applied := k.settle(t, s); !applied[0] {
				t.Fatal("the settlement did not apply")
			}
			k.isSuperseded(t, old.ID, newest.ID)
			if m, attempts := k.read(t, old.ID); m.Gateway != gatewayA || len(attempts) == 1 != attempted {
				t.Errorf("message of %s with %d attempts, want that of the attempt", m.Gateway, len(attempts))
			}
			k.hasCounts(t, "the settlement", 1, 0, 0)
			if _, err := k.store.Cancel(t.Context(), newest.ID, k.now); err != nil {
				t.Fatalf("Cancel: %v", err)
			}
		}
	}
}

func testKeepsWhatTheGatewayTook(t *testing.T, k *kit) {
	for _, status := range []courier.Status{courier.StatusSent, courier.StatusRejected, courier.StatusAbandoned} {
		old := k.enqueue(t, k.leased(k.coded("1")))[0]
		newest := k.coded("2")
		k.enqueue(t, newest)
		k.settleOne(t, old, status)
		k.is(t, old.ID, status)
		if m, _ := k.read(t, old.ID); m.SupersededBy != newest.ID || m.LastError != nil && m.LastError.Class == courier.ClassSuperseded {
			t.Errorf("message is %+v", m)
		}
		if _, err := k.store.Cancel(t.Context(), newest.ID, k.now); err != nil {
			t.Fatalf("Cancel: %v", err)
		}
	}
}

func testReclaimEndsWhatIsInFlight(t *testing.T, k *kit) {
	for _, hold := range []bool{false, true} {
		old := k.enqueue(t, k.leased(k.coded("1")))[0]
		newest := k.coded("2")
		k.enqueue(t, newest)
		if n, err := k.store.Reclaim(t.Context(), store.Reclaim{Node: nodeB, Now: k.now.Add(time.Hour), Lapsed: true, Hold: hold}); n != 1 || err != nil {
			t.Fatalf("Reclaim: %d, %v", n, err)
		}
		k.isSuperseded(t, old.ID, newest.ID)
		if _, attempts := k.read(t, old.ID); len(attempts) != 1 || attempts[0].Class != courier.ClassOutcomeUnknown {
			t.Errorf("attempts are %+v", attempts)
		}
		k.hasCounts(t, "the reclaim", 1, 0, 0)
		if _, err := k.store.Cancel(t.Context(), newest.ID, k.now); err != nil {
			t.Fatalf("Cancel: %v", err)
		}
	}
}

// dueAt checks when the one message that waits is due.
func (k *kit) dueAt(t *testing.T, want time.Time) {
	t.Helper()
	if due, err := k.store.NextDue(t.Context(), gatewayA, courier.LaneNormal); err != nil || !due.Equal(floor(want)) {
		t.Errorf("due at %v, %v, want %v", due, err, floor(want))
	}
}

func testHoldsUntilTheOlderIsOver(t *testing.T, k *kit) {
	old := k.enqueue(t, k.leased(k.coded("1")))[0]
	newest := k.enqueue(t, k.leased(k.coded("2")))[0]
	if newest.Status != courier.StatusQueued || newest.Lease != (courier.Lease{}) || !newest.NextAttemptAt.Equal(floor(k.now.Add(2*time.Second))) {
		t.Errorf("newest is stored as %+v, want it queued for 2s from now", newest)
	}
	k.hasCounts(t, "one in flight", 1, 1, 0)
	s := k.settleOne(t, old, courier.StatusSent)
	k.dueAt(t, s.At)
	// It is released once: what becomes of it later is its own.
	claimed := k.claimAt(t, s.At)
	k.settleOne(t, claimed, courier.StatusQueued)
	k.dueAt(t, k.now.Add(time.Second))
}

// claimAt claims the one message that is due.
func (k *kit) claimAt(t *testing.T, at time.Time) *courier.Message {
	t.Helper()
	request := k.claimRequest(10)
	request.Now = at
	claimed, err := k.store.Claim(t.Context(), request)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("Claim: %d messages, %v, want one", len(claimed), err)
	}
	return claimed[0]
}

func testHoldsForTheLastInFlight(t *testing.T, k *kit) {
	first := k.enqueue(t, k.leased(k.coded("1")))[0]
	k.enqueue(t, k.coded("2"))
	second := k.claimAt(t, k.now.Add(3*time.Second))
	third := k.coded("3")
	k.enqueue(t, third)
	k.settleOne(t, first, courier.StatusRejected)
	k.dueAt(t, k.now.Add(2*time.Second))
	s := k.settleOne(t, second, courier.StatusQueued)
	k.dueAt(t, s.At)
	k.isSuperseded(t, second.ID, third.ID)
	if m, _ := k.read(t, first.ID); m.SupersededBy != third.ID {
		t.Errorf("first was superseded by %s, want the third", m.SupersededBy)
	}
}

func testHoldsNoLongerThanAskedFor(t *testing.T, k *kit) {
	k.enqueue(t, k.leased(k.coded("1")))
	now := k.coded("2")
	now.HoldUntil = time.Time{}
	if stored := k.enqueue(t, k.leased(now))[0]; stored.Status != courier.StatusProcessing {
		t.Errorf("message is %s, want processing", stored.Status)
	}
}

func testHoldKeepsALaterTime(t *testing.T, k *kit) {
	old := k.enqueue(t, k.leased(k.coded("1")))[0]
	soon := k.coded("2")
	soon.NextAttemptAt = k.now.Add(time.Second)
	k.enqueue(t, soon)
	k.dueAt(t, k.now.Add(2*time.Second))
	k.settleOne(t, old, courier.StatusSent)
	k.dueAt(t, soon.NextAttemptAt)

	old = k.claimAt(t, soon.NextAttemptAt)
	later := k.coded("3")
	later.NextAttemptAt = k.now.Add(time.Minute)
	k.enqueue(t, later)
	k.settleOne(t, old, courier.StatusSent)
	k.dueAt(t, later.NextAttemptAt)
}

func testLastOfACallTakesThePlace(t *testing.T, k *kit) {
	stored := k.coded("0")
	k.enqueue(t, stored)
	batch := []*courier.Message{k.leased(k.coded("1")), k.message(), k.coded("2"), k.leased(k.coded("3"))}
	answers := k.enqueueAny(t, batch...)
	if got := answers[0].Message; got.Status != courier.StatusCanceled || got.SupersededBy != batch[2].ID {
		t.Errorf("first answer is %+v, want it canceled for the third", got)
	}
	if got := answers[3].Message; got.Status != courier.StatusProcessing || answers[0].Superseded != 1 {
		t.Errorf("answers are %+v, want the last leased", answers)
	}
	k.isSuperseded(t, stored.ID, batch[0].ID)
	k.isSuperseded(t, batch[0].ID, batch[2].ID)
	k.isSuperseded(t, batch[2].ID, batch[3].ID)
	k.hasCounts(t, "a call", 1, 1, 0)
}

func testSameContentIsARepeat(t *testing.T, k *kit) {
	first := k.coded("1")
	first.TemplateData = json.RawMessage(`{"a":1,"b":2}`)
	k.enqueue(t, first)
	again := func(change func(m *courier.Message)) *courier.Message {
		m := k.coded("1")
		m.TemplateData = json.RawMessage(`{"b": 2, "a": 1}`)
		change(m)
		return m
	}
	k.now = k.now.Add(29 * time.Second)
	for _, status := range []courier.Status{courier.StatusQueued, courier.StatusProcessing, courier.StatusSent, courier.StatusDelivered} {
		switch status { //nolint:exhaustive // the others are not tried
		case courier.StatusProcessing:
			k.claim(t, 1)
		case courier.StatusSent:
			m, _ := k.read(t, first.ID)
			k.settleOne(t, m, status)
		case courier.StatusDelivered:
			k.place(t, first.ID, status)
		}
		repeat := again(func(*courier.Message) {})
		if answer := k.enqueueAny(t, repeat)[0]; !answer.Duplicate || answer.Message.ID != first.ID {
			t.Errorf("answer is %+v, want the first, which is %s", answer, status)
		}
		k.isMissing(t, repeat.ID)
		k.is(t, first.ID, status)
	}
	for name, change := range map[string]func(m *courier.Message){
		"body":      func(m *courier.Message) { m.Body = "2" },
		"data":      func(m *courier.Message) { m.TemplateData = json.RawMessage(`{"a":1,"b":3}`) },
		"recipient": func(m *courier.Message) { m.To = "+12065550198" },
		"gateway":   func(m *courier.Message) { m.Gateway, m.OnlyGateway = gatewayB, true },
		"scheduled": func(m *courier.Message) { m.NextAttemptAt = k.now.Add(time.Hour) },
		"late":      func(m *courier.Message) { m.CreatedAt = k.now.Add(time.Second) },
	} {
		if answer := k.enqueueAny(t, again(change))[0]; answer.Duplicate {
			t.Errorf("one with another %s is a repeat", name)
		}
	}
	both := []*courier.Message{k.coded("9"), k.coded("9")}
	if answers := k.enqueueAny(t, both...); answers[0].Duplicate || !answers[1].Duplicate || answers[1].Message.ID != both[0].ID {
		t.Errorf("answers are %+v, want the second to repeat the first", answers)
	}
}

func testNoRepeatOfADeadOne(t *testing.T, k *kit) {
	for _, status := range []courier.Status{
		courier.StatusUndelivered, courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned, courier.StatusCanceled,
	} {
		k.bring(t, k.coded(string(status)), status)
		if answer := k.enqueueAny(t, k.coded(string(status)))[0]; answer.Duplicate {
			t.Errorf("one is a repeat of one that is %s", status)
		}
	}
	expires := k.coded("2")
	expires.ExpiresAt = k.now.Add(time.Second)
	k.enqueue(t, expires)
	k.now = k.now.Add(2 * time.Second)
	if answer := k.enqueueAny(t, k.coded("2"))[0]; answer.Duplicate {
		t.Error("one is a repeat of one that is past its expiry")
	}
}

func testNoRepeatOfOneThatLostPlace(t *testing.T, k *kit) {
	k.enqueue(t, k.leased(k.coded("1")))
	other := k.coded("2")
	k.enqueue(t, other)
	last := k.coded("1")
	if answer := k.enqueueAny(t, last)[0]; answer.Duplicate {
		t.Errorf("answer is %+v, want a new message", answer)
	}
	k.isSuperseded(t, other.ID, last.ID)
}

func testRequeueStartsAnew(t *testing.T, k *kit) {
	old := k.enqueue(t, k.leased(k.coded("1")))[0]
	k.enqueue(t, k.coded("2"))
	k.settleOne(t, old, courier.StatusAbandoned)
	again, err := k.store.Requeue(t.Context(), store.Requeue{ID: old.ID, Now: k.now.Add(-time.Second)})
	if err != nil || !again.SupersededBy.IsZero() {
		t.Fatalf("Requeue: %+v, %v", again, err)
	}
	k.settleOne(t, k.claim(t, 1)[0], courier.StatusQueued)
	k.is(t, old.ID, courier.StatusQueued)
}

func testIdempotencyKeyComesFirst(t *testing.T, k *kit) {
	first := k.coded("1")
	first.IdempotencyKey = "key"
	k.enqueue(t, first)
	second := k.coded("2")
	k.enqueue(t, second)
	again, twice := k.coded("1"), k.coded("3")
	again.IdempotencyKey, twice.IdempotencyKey = "key", "other"
	copied := *twice
	copied.ID = k.id()
	answers := k.enqueueAny(t, again, twice, &copied)
	if !answers[0].Duplicate || answers[0].Message.ID != first.ID || answers[0].Message.Status != courier.StatusCanceled {
		t.Errorf("answer is %+v, want the first", answers[0])
	}
	if answers[1].Duplicate || !answers[2].Duplicate || answers[2].Message.ID != twice.ID {
		t.Errorf("answers are %+v, want the last to be a repeat of the one before", answers)
	}
	k.isSuperseded(t, second.ID, twice.ID)
}

func testNewestOfManyAtOnce(t *testing.T, k *kit) {
	const callers = 16
	done, stored := make(chan *courier.Message, callers), []courier.ID{}
	for i := range callers {
		m := k.coded(string(rune('a' + i)))
		go func() {
			if _, err := k.store.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
				t.Errorf("Enqueue: %v", err)
			}
			done <- m
		}()
	}
	for range callers {
		m := <-done
		stored = append(stored, m.ID)
	}
	k.hasCounts(t, "many with one key", 1, 0, 0)
	by := map[courier.ID]bool{}
	for _, id := range stored {
		m, _ := k.read(t, id)
		if by[m.SupersededBy] {
			t.Errorf("%s took the place of two", m.SupersededBy)
		}
		by[m.SupersededBy] = true
	}
}
