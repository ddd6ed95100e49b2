package storetest

import (
	"slices"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func settleTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"EveryStatus":              testSettleEveryStatus,
		"EveryOutcome":             testSettleEveryOutcome,
		"AcceptedWithRemarks":      testSettleAcceptedWithRemarks,
		"AttemptsAddUp":            testAttemptsAddUp,
		"NoAttemptGivesItBack":     testSettleGivesBack,
		"WithoutAttemptToTheEnd":   testSettleWithoutAttempt,
		"MovesToAnotherGateway":    testSettleMovesGateway,
		"LateOneChangesNothing":    testSettleLate,
		"SecondOneChangesNothing":  testSettleTwice,
		"WrongTokenChangesNothing": testSettleWrongToken,
		"AnswersEachInOrder":       testSettleAnswersInOrder,
		"RefusesIllegalStatus":     testSettleRefusesIllegal,
		"TakesNothing":             testSettleNothing,
		"ManyAtOnce":               testSettleMany,
	}
}

// settled returns what a message and its attempts are after a settlement that applied.
func settled(m *courier.Message, attempts []courier.Attempt, s store.Settlement) (*courier.Message, []courier.Attempt) {
	after := *m
	after.Status, after.RetryCount, after.UpdatedAt = s.Status, s.RetryCount, floor(s.At)
	after.Lease, after.NextAttemptAt = courier.Lease{}, time.Time{}
	if s.Attempt != nil {
		attempt := *s.Attempt
		attempt.StartedAt, attempt.Duration = floor(attempt.StartedAt), attempt.Duration.Truncate(time.Microsecond)
		attempts = append(slices.Clip(attempts), attempt)
		after.SendCount, after.LastError = attempt.Number, &attempt
		if s.Status != courier.StatusQueued {
			after.Gateway = attempt.Gateway
		}
		if attempt.Outcome == courier.OutcomeAccepted {
			after.LastError, after.GatewayMessageID = nil, attempt.GatewayMessageID
		}
	}
	switch s.Status {
	case courier.StatusSent:
		after.SentAt = floor(s.At)
	case courier.StatusQueued:
		after.NextAttemptAt = floor(s.NextAttemptAt)
		if s.Gateway != "" {
			after.Gateway = s.Gateway
		}
	case courier.StatusProcessing, courier.StatusDelivered, courier.StatusUndelivered, courier.StatusRejected,
		courier.StatusExpired, courier.StatusAbandoned, courier.StatusCanceled, courier.StatusUnknown:
	}
	return &after, attempts
}

// isSettled compares a message with what a settlement should have made of it.
func (k *kit) isSettled(t *testing.T, m *courier.Message, before []courier.Attempt, s store.Settlement) {
	t.Helper()
	want, wantAttempts := settled(m, before, s)
	got, attempts := k.read(t, m.ID)
	same(t, "message that became "+string(s.Status), got, want)
	same(t, "attempts", attempts, wantAttempts)
}

// settleable are the statuses that a settlement may give.
func settleable() []courier.Status {
	var statuses []courier.Status
	for _, status := range courier.Statuses() {
		if courier.StatusProcessing.CanBecome(status) {
			statuses = append(statuses, status)
		}
	}
	return statuses
}

func testSettleEveryStatus(t *testing.T, k *kit) {
	for _, status := range settleable() {
		m := k.processing(t)
		s := k.settleOne(t, m, status)
		k.isSettled(t, m, nil, s)
	}
}

func testSettleEveryOutcome(t *testing.T, k *kit) {
	for _, status := range settleable() {
		for _, outcome := range courier.Outcomes() {
			m := k.processing(t)
			s := k.settlement(m, status)
			s.Attempt = k.attempt(m, outcome)
			k.settle(t, s)
			k.isSettled(t, m, nil, s)
		}
	}
}

func testSettleAcceptedWithRemarks(t *testing.T, k *kit) {
	edits := []func(a *courier.Attempt){
		func(a *courier.Attempt) { a.Message = "accepted; the gateway warns of a delay" },
		func(a *courier.Attempt) { a.Code = "W1" },
		func(a *courier.Attempt) { a.Class = courier.ClassThrottled },
		func(a *courier.Attempt) { a.Excerpt = "OK" },
		func(a *courier.Attempt) { a.RetryAfter = time.Second },
		func(a *courier.Attempt) { a.HTTPStatus, a.GatewayMessageID = 0, "" },
		func(a *courier.Attempt) { a.StartedAt, a.Duration = time.Time{}, 0 },
		func(a *courier.Attempt) { a.Gateway = gatewayB },
		func(a *courier.Attempt) { a.Warning = "one of two parts was refused" },
		func(a *courier.Attempt) { a.GatewayMessageIDs = []string{a.GatewayMessageID, "second", "third"} },
	}
	for _, edit := range edits {
		m := k.processing(t)
		s := k.settlement(m, courier.StatusSent)
		edit(s.Attempt)
		k.settle(t, s)
		k.isSettled(t, m, nil, s)
	}
}

// testAttemptsAddUp lets a message fail in several ways before it is sent.
func testAttemptsAddUp(t *testing.T, k *kit) {
	m := k.processing(t)
	var attempts []courier.Attempt
	for _, outcome := range []courier.Outcome{courier.OutcomeRetry, courier.OutcomeGatewayDown, courier.OutcomeUnknown} {
		s := k.settlement(m, courier.StatusQueued)
		s.Attempt = k.attempt(m, outcome)
		k.settle(t, s)
		k.isSettled(t, m, attempts, s)
		_, attempts = settled(m, attempts, s)
		k.now = s.NextAttemptAt
		m = k.claim(t, 1)[0]
	}
	s := k.settleOne(t, m, courier.StatusSent)
	k.isSettled(t, m, attempts, s)
	if got, list := k.read(t, m.ID); got.SendCount != 4 || len(list) != 4 || got.LastError != nil {
		t.Errorf("message is %+v with %d attempts, want 4 and no error", got, len(list))
	}
}

func testSettleGivesBack(t *testing.T, k *kit) {
	m := k.processing(t)
	s := k.settlement(m, courier.StatusQueued)
	s.Attempt, s.RetryCount = nil, 0
	k.settle(t, s)
	k.isSettled(t, m, nil, s)

	k.now = k.now.Add(time.Minute)
	m = k.claim(t, 1)[0]
	s = k.settlement(m, courier.StatusQueued)
	s.Attempt, s.NextAttemptAt, s.RetryCount = nil, time.Time{}, 0
	k.settle(t, s)
	s.NextAttemptAt = s.At // what the zero time means
	k.isSettled(t, m, nil, s)
}

func testSettleWithoutAttempt(t *testing.T, k *kit) {
	for _, status := range []courier.Status{courier.StatusExpired, courier.StatusCanceled, courier.StatusAbandoned} {
		m := k.processing(t)
		failed := k.settleOne(t, m, courier.StatusQueued)
		_, attempts := k.read(t, m.ID)
		k.now = failed.NextAttemptAt
		m = k.claim(t, 1)[0]
		s := k.settlement(m, status)
		s.Attempt = nil
		k.settle(t, s)
		k.isSettled(t, m, attempts, s)
	}
}

func testSettleMovesGateway(t *testing.T, k *kit) {
	for _, withAttempt := range []bool{true, false} {
		m := k.processing(t)
		s := k.settlement(m, courier.StatusQueued)
		s.Gateway = gatewayB
		if !withAttempt {
			s.Attempt = nil
		}
		k.settle(t, s)
		k.isSettled(t, m, nil, s)
	}
	if due, err := k.store.NextDue(t.Context(), gatewayB, courier.LaneNormal); err != nil || due.IsZero() {
		t.Errorf("nothing is due at the new gateway: %v, %v", due, err)
	}
	if due, err := k.store.NextDue(t.Context(), gatewayA, courier.LaneNormal); err != nil || !due.IsZero() {
		t.Errorf("something is due at the old gateway: %v, %v", due, err)
	}
}

// testSettleLate settles with a lease that was taken back and given anew.
func testSettleLate(t *testing.T, k *kit) {
	late := k.processing(t)
	k.now = k.now.Add(2 * leaseTime)
	if n, err := k.store.Reclaim(t.Context(), store.Reclaim{Node: nodeB, Now: k.now}); err != nil || n != 1 {
		t.Fatalf("Reclaim: %d, %v", n, err)
	}
	for range 2 { // once queued, once leased by another claim
		check := k.unchanged(t, late.ID)
		for _, status := range settleable() {
			if applied := k.settle(t, k.settlement(late, status)); applied[0] {
				t.Errorf("a late settlement to %s applied", status)
			}
		}
		check()
		k.claim(t, 1)
	}
}

func testSettleTwice(t *testing.T, k *kit) {
	for _, first := range settleable() {
		m := k.processing(t)
		k.settleOne(t, m, first)
		check := k.unchanged(t, m.ID)
		for _, second := range settleable() {
			if applied := k.settle(t, k.settlement(m, second)); applied[0] {
				t.Errorf("a settlement to %s applied after one to %s", second, first)
			}
		}
		check()
	}
}

func testSettleWrongToken(t *testing.T, k *kit) {
	m, unknown := k.processing(t), k.message()
	check := k.unchanged(t, m.ID)
	wrong, missing := k.settlement(m, courier.StatusSent), k.settlement(unknown, courier.StatusSent)
	wrong.Token++
	zero := wrong
	zero.Token = 0
	same(t, "applied", k.settle(t, wrong, missing, zero), []bool{false, false, false})
	check()
	k.isMissing(t, unknown.ID)
}

func testSettleAnswersInOrder(t *testing.T, k *kit) {
	k.enqueue(t, k.messages(6, nil)...)
	claimed := k.claim(t, 6)
	var settlements []store.Settlement
	var want []bool
	for i, m := range claimed {
		s := k.settlement(m, settleable()[i])
		if i%2 == 1 {
			s.Token--
		}
		settlements, want = append(settlements, s), append(want, i%2 == 0)
	}
	// The same lease twice in one call: the first one counts.
	settlements, want = append(settlements, settlements[0]), append(want, false)
	same(t, "applied", k.settle(t, settlements...), want)
	for i, m := range claimed {
		found, _ := k.read(t, m.ID)
		if status := settlements[i].Status; want[i] && found.Status != status {
			t.Errorf("message %d is %s, want %s", i, found.Status, status)
		}
		if !want[i] && found.Status != courier.StatusProcessing {
			t.Errorf("message %d is %s, want it left processing", i, found.Status)
		}
	}
}

func testSettleRefusesIllegal(t *testing.T, k *kit) {
	k.enqueue(t, k.messages(2, nil)...)
	claimed := k.claim(t, 2)
	illegal := []courier.Status{"", "lost"}
	for _, status := range courier.Statuses() {
		if !courier.StatusProcessing.CanBecome(status) {
			illegal = append(illegal, status)
		}
	}
	for _, status := range illegal {
		good, bad := k.settlement(claimed[0], courier.StatusSent), k.settlement(claimed[1], status)
		checkGood, checkBad := k.unchanged(t, claimed[0].ID), k.unchanged(t, claimed[1].ID)
		_, err := k.store.Settle(t.Context(), []store.Settlement{good, bad})
		isTransition(t, err, store.TransitionError{ID: bad.ID, From: courier.StatusProcessing, To: status})
		checkGood()
		checkBad()
	}
}

func testSettleNothing(t *testing.T, k *kit) {
	if applied, err := k.store.Settle(t.Context(), nil); err != nil || len(applied) != 0 {
		t.Errorf("Settle of nothing: %v, %v", applied, err)
	}
}

func testSettleMany(t *testing.T, k *kit) {
	const count = 700
	k.enqueue(t, k.messages(count, nil)...)
	settlements := make([]store.Settlement, 0, count)
	for i, m := range k.claim(t, count) {
		settlements = append(settlements, k.settlement(m, settleable()[i%len(settleable())]))
	}
	for i, applied := range k.settle(t, settlements...) {
		if !applied {
			t.Errorf("settlement %d of %d did not apply", i, count)
		}
	}
	for _, s := range settlements {
		if found, attempts := k.read(t, s.ID); found.Status != s.Status || len(attempts) != 1 {
			t.Fatalf("message is %s with %d attempts, want %s and 1", found.Status, len(attempts), s.Status)
		}
	}
}
