package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func receiptTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"EveryStatus":                  testReceiptOfEveryStatus,
		"NeverBackFromTheFinalWord":    testReceiptsAreMonotonic,
		"UnknownIsNotTheFinalWord":     testReceiptAfterUnknown,
		"DuplicatesChangeNothing":      testReceiptTwice,
		"KeepsEveryField":              testReceiptFields,
		"RefusesInvalid":               testInvalidReceipts,
		"EarlyOnesAreParked":           testEarlyReceipts,
		"ParkedUntilTheOutcomeIsKnown": testReceiptOfProcessing,
		"ParkedUntilTheReclaim":        testReceiptBeforeReclaim,
		"ParkedKeepTheirOrder":         testOrderOfParked,
		"ParkedIsForgotten":            testParkedIsForgotten,
		"ProvesAnUnknownAttempt":       testReceiptOfUnknownAttempt,
		"TellsTheNameToOthers":         testReceiptTellsTheName,
		"OfAnotherGatewayIsNoProof":    testReceiptOfAnotherGateway,
		"OfAGatewayThatSentNone":       testReceiptOfSilentGateway,
		"AfterAFailover":               testReceiptAfterFailover,
		"AfterARetryByHand":            testReceiptAfterRequeue,
		"OfEveryPart":                  testReceiptsOfParts,
		"EarlyOnesOfParts":             testEarlyReceiptsOfParts,
		"OfScrubbedAndDeletedMessages": testReceiptAfterRetention,
		"NewestMessageOfAnID":          testReceiptOfRepeatedID,
		"ManyInOneBatch":               testManyReceipts,
		"SettleAndReceiveAtOnce":       testSettleAndReceive,
	}
}

// receipt is one of gatewayA for a message by the id that settlements give it.
func (k *kit) receipt(id courier.ID, status courier.Status) courier.Receipt {
	return courier.Receipt{Gateway: gatewayA, GatewayMessageID: "SM-" + id.String(), Status: status, ReceivedAt: k.now}
}

// reference is one of a gateway for a message by our id.
func (k *kit) reference(gateway string, id courier.ID, status courier.Status) courier.Receipt {
	return courier.Receipt{Gateway: gateway, MessageID: id, Status: status, ReceivedAt: k.now}
}

func (k *kit) receive(t caller, receipts ...courier.Receipt) []store.Received {
	t.Helper()
	answers, err := k.store.Receive(t.Context(), receipts)
	if err != nil || len(answers) != len(receipts) {
		t.Fatalf("Receive of %d receipts: %+v, %v", len(receipts), answers, err)
	}
	return answers
}

// comesTo receives receipts one by one, and compares what each came to.
func (k *kit) comesTo(t *testing.T, want store.ReceiptResult, receipts ...courier.Receipt) {
	t.Helper()
	for _, r := range receipts {
		if got := k.receive(t, r)[0].Result; got != want {
			t.Errorf("a receipt of %s is %s, want %s", r.Status, got, want)
		}
	}
}

func (k *kit) is(t *testing.T, id courier.ID, want courier.Status) *courier.Message {
	t.Helper()
	m, _ := k.read(t, id)
	if m.Status != want {
		t.Errorf("message is %s, want %s", m.Status, want)
	}
	return m
}

// kept returns the statuses of the receipts of a message.
func (k *kit) kept(t *testing.T, id courier.ID) (statuses []courier.Status) {
	t.Helper()
	receipts, err := k.store.Receipts(t.Context(), id)
	if err != nil {
		t.Fatalf("Receipts: %v", err)
	}
	for _, r := range receipts {
		statuses = append(statuses, r.Status)
	}
	return statuses
}

func testReceiptOfEveryStatus(t *testing.T, k *kit) {
	f := Follow(t, k.store)
	for _, status := range courier.ReceiptStatuses() {
		before := k.in(t, courier.StatusSent)
		_, attempts := k.read(t, before.ID)
		f.Check(t)
		k.now = k.now.Add(time.Second)
		r := k.receipt(before.ID, status)
		r.Class, r.Code = courier.ClassBarred, "30007"
		want := *before
		received := store.Received{MessageID: before.ID, Result: store.ReceiptKept, From: courier.StatusSent, To: status}
		if status != courier.StatusSent {
			received.Result = store.ReceiptApplied
			want.Status, want.UpdatedAt = status, floor(k.now)
		}
		if status != courier.StatusSent && status != courier.StatusDelivered {
			want.LastError = &courier.Attempt{
				Number: 1, Gateway: gatewayA, Outcome: courier.OutcomeAccepted, Class: r.Class, Code: r.Code,
				Message: "the gateway reports that the message is " + string(status), GatewayMessageID: r.GatewayMessageID, StartedAt: floor(k.now),
			}
		}
		same(t, "answer", k.receive(t, r)[0], received)
		got, after := k.read(t, before.ID)
		same(t, "message", got, &want)
		same(t, "attempts", after, attempts)
		listed, err := k.store.Messages(t.Context(), store.Query{Limit: 1, Status: status})
		if err != nil || len(listed.Messages) != 1 {
			t.Fatalf("Messages: %+v, %v", listed, err)
		}
		same(t, "listed message", listed.Messages[0], &want)
		same(t, "receipts", k.kept(t, before.ID), []courier.Status{status})
		if events := f.Check(t); (len(events) == 1) != (status != courier.StatusSent) {
			t.Errorf("a receipt of %s left %+v", status, events)
		}
	}
	k.hasCounts(t, "receipts", 0, 0, 1)
}

func testReceiptsAreMonotonic(t *testing.T, k *kit) {
	for _, first := range courier.ReceiptStatuses() {
		for _, second := range courier.ReceiptStatuses() {
			if !first.Final() || first == second {
				continue
			}
			m := k.in(t, courier.StatusSent)
			k.comesTo(t, store.ReceiptApplied, k.receipt(m.ID, first))
			check := k.unchanged(t, m.ID)
			k.comesTo(t, store.ReceiptLate, k.receipt(m.ID, second))
			check()
			want := []courier.Status{first}
			if second.Final() { // a final word that contradicts another
				want = append(want, second)
			}
			same(t, "receipts", k.kept(t, m.ID), want)
		}
	}
}

func testReceiptAfterUnknown(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusSent)
	k.comesTo(t, store.ReceiptApplied, k.receipt(m.ID, courier.StatusUnknown))
	k.comesTo(t, store.ReceiptKept, k.receipt(m.ID, courier.StatusSent)) // out of order
	k.is(t, m.ID, courier.StatusUnknown)
	k.comesTo(t, store.ReceiptApplied, k.receipt(m.ID, courier.StatusDelivered))
	if got := k.is(t, m.ID, courier.StatusDelivered); got.LastError != nil || !got.SentAt.Equal(m.SentAt) {
		t.Errorf("message is %+v, want no error and when it was sent", got)
	}
	k.hasCounts(t, "a delivery", 0, 0, 0)
}

func testReceiptTwice(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusSent)
	sent, delivered := k.receipt(m.ID, courier.StatusSent), k.receipt(m.ID, courier.StatusDelivered)
	var results []store.ReceiptResult
	for _, a := range k.receive(t, sent, sent, delivered, sent, delivered) {
		results = append(results, a.Result)
	}
	same(t, "results", results, []store.ReceiptResult{
		store.ReceiptKept, store.ReceiptDuplicate, store.ReceiptApplied, store.ReceiptDuplicate, store.ReceiptDuplicate,
	})
	check := k.unchanged(t, m.ID)
	k.now = k.now.Add(time.Minute)
	k.comesTo(t, store.ReceiptDuplicate, k.receipt(m.ID, courier.StatusSent), k.receipt(m.ID, courier.StatusDelivered))
	check()
	same(t, "receipts", k.kept(t, m.ID), []courier.Status{courier.StatusSent, courier.StatusDelivered})
}

func testReceiptFields(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusSent)
	full := courier.Receipt{
		Gateway: gatewayA, GatewayMessageID: "SM-" + m.ID.String(), Status: courier.StatusUndelivered, Class: courier.ClassAbsentSubscriber,
		Code: "EC_ABSENT", Message: "phone is off; näher", At: k.now.Add(-time.Second), ReceivedAt: k.now,
	}
	odd := k.reference(gatewayA, m.ID, courier.StatusSent)
	odd.Code, odd.Message, odd.GatewayMessageID = "a\x00b", "\xff", strings.Repeat("long", 1000)
	k.receive(t, odd, full)
	got, err := k.store.Receipts(t.Context(), m.ID)
	if err != nil || len(got) != 2 {
		t.Fatalf("Receipts: %+v, %v", got, err)
	}
	full.MessageID, full.At, full.ReceivedAt = m.ID, floor(full.At), floor(full.ReceivedAt)
	same(t, "receipt", got[1], full)
	odd.Code, odd.Message, odd.GatewayMessageID, odd.ReceivedAt = "a\ufffdb", "\ufffd", odd.GatewayMessageID[:250], floor(odd.ReceivedAt)
	same(t, "odd receipt", got[0], odd)
	found, _ := k.read(t, m.ID)
	if found.LastError.Message != full.Message || found.LastError.Class != full.Class {
		t.Errorf("last error is %+v", found.LastError)
	}
	if none, err := k.store.Receipts(t.Context(), courier.ID{1}); err != nil || len(none) != 0 {
		t.Errorf("Receipts of no message: %+v, %v", none, err)
	}
	if none := k.receive(t); len(none) != 0 {
		t.Errorf("Receive of nothing: %+v", none)
	}
}

func testInvalidReceipts(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusSent)
	check := k.unchanged(t, m.ID)
	nameless := k.receipt(m.ID, courier.StatusDelivered)
	nameless.GatewayMessageID = ""
	k.comesTo(t, store.ReceiptInvalid, nameless, k.receipt(m.ID, "lost"), k.receipt(m.ID, courier.StatusQueued), k.receipt(m.ID, courier.StatusAbandoned))
	check()
	answers := k.receive(t, nameless, k.receipt(m.ID, courier.StatusDelivered))
	if answers[0].Result != store.ReceiptInvalid || answers[1].Result != store.ReceiptApplied {
		t.Errorf("Receive answered %+v, want the other applied", answers)
	}
}

// testEarlyReceipts receives before it settles, in both orders.
func testEarlyReceipts(t *testing.T, k *kit) {
	for _, order := range [][]courier.Status{
		{courier.StatusDelivered},
		{courier.StatusSent, courier.StatusDelivered},
		{courier.StatusDelivered, courier.StatusSent},
		{courier.StatusUndelivered},
		{courier.StatusDelivered, courier.StatusDelivered},
	} {
		m := k.processing(t)
		for _, status := range order {
			k.comesTo(t, store.ReceiptParked, k.receipt(m.ID, status))
		}
		k.is(t, m.ID, courier.StatusProcessing)
		k.settleOne(t, m, courier.StatusSent)
		want := courier.StatusDelivered
		if slices.Contains(order, courier.StatusUndelivered) {
			want = courier.StatusUndelivered
		}
		got := k.is(t, m.ID, want)
		if got.SentAt.IsZero() || got.Lease != (courier.Lease{}) {
			t.Errorf("message is %+v, want when it was sent", got)
		}
		k.comesTo(t, store.ReceiptDuplicate, k.receipt(m.ID, want)) // it is not parked any more
	}
	k.hasCounts(t, "early receipts", 0, 0, 0)
}

// testReceiptOfProcessing names the message itself, whatever comes of the attempt.
func testReceiptOfProcessing(t *testing.T, k *kit) {
	for _, test := range []struct {
		settled courier.Status
		outcome courier.Outcome
		want    courier.Status
	}{
		{courier.StatusSent, courier.OutcomeAccepted, courier.StatusDelivered},
		{courier.StatusQueued, courier.OutcomeUnknown, courier.StatusDelivered},
		{courier.StatusQueued, courier.OutcomeRetry, courier.StatusDelivered},
		{courier.StatusUnknown, courier.OutcomeUnknown, courier.StatusDelivered},
		{courier.StatusRejected, courier.OutcomeRejected, courier.StatusRejected},
	} {
		m := k.processing(t)
		k.comesTo(t, store.ReceiptParked, k.reference(gatewayA, m.ID, courier.StatusSent), k.reference(gatewayA, m.ID, courier.StatusDelivered))
		s := k.settlement(m, test.settled)
		s.Attempt = k.attempt(m, test.outcome)
		k.settle(t, s)
		got := k.is(t, m.ID, test.want)
		if test.want == courier.StatusDelivered && (got.SentAt.IsZero() || got.LastError != nil || !got.NextAttemptAt.IsZero()) {
			t.Errorf("message is %+v", got)
		}
	}
	k.hasCounts(t, "receipts", 0, 0, 0)
	k.now = k.now.Add(time.Hour)
	if claimed := k.claim(t, 10); len(claimed) != 0 {
		t.Errorf("%d messages are sent again", len(claimed))
	}
}

func testReceiptBeforeReclaim(t *testing.T, k *kit) {
	for _, hold := range []bool{true, false} {
		m := k.processing(t)
		k.comesTo(t, store.ReceiptParked, k.reference(gatewayA, m.ID, courier.StatusDelivered))
		k.now = k.now.Add(2 * leaseTime)
		if n, err := k.store.Reclaim(t.Context(), store.Reclaim{Node: nodeB, Now: k.now, Hold: hold}); err != nil || n != 1 {
			t.Fatalf("Reclaim: %d, %v", n, err)
		}
		k.is(t, m.ID, courier.StatusDelivered)
	}
}

// testOrderOfParked has the first word on a message be the last, whatever names it.
func testOrderOfParked(t *testing.T, k *kit) {
	for _, statuses := range [][]courier.Status{
		{courier.StatusUndelivered, courier.StatusDelivered}, {courier.StatusDelivered, courier.StatusUndelivered},
	} {
		m := k.processing(t)
		named := k.receipt(m.ID, statuses[0])
		named.MessageID = m.ID
		k.receive(t, named, k.reference(gatewayA, m.ID, statuses[1]))
		k.settleOne(t, m, courier.StatusSent)
		k.is(t, m.ID, statuses[0])
		same(t, "receipts", k.kept(t, m.ID), statuses)
	}
}

func testParkedIsForgotten(t *testing.T, k *kit) {
	m := k.processing(t)
	k.comesTo(t, store.ReceiptParked, k.receipt(m.ID, courier.StatusDelivered))
	k.now = k.now.Add(store.ParkedFor)
	k.comesTo(t, store.ReceiptParked, k.receipt(k.id(), courier.StatusDelivered)) // which sweeps
	k.settleOne(t, m, courier.StatusSent)
	k.is(t, m.ID, courier.StatusSent)
}

// unknownAttempt returns a message whose attempt through gatewayA has an unknown outcome.
func (k *kit) unknownAttempt(t *testing.T, status courier.Status) *courier.Message {
	t.Helper()
	m := k.processing(t)
	s := k.settlement(m, status)
	s.Attempt = k.attempt(m, courier.OutcomeUnknown)
	k.settle(t, s)
	return k.is(t, m.ID, status)
}

func testReceiptOfUnknownAttempt(t *testing.T, k *kit) {
	f := Follow(t, k.store)
	for _, before := range []courier.Status{courier.StatusQueued, courier.StatusUnknown} {
		for _, status := range courier.ReceiptStatuses() {
			m := k.unknownAttempt(t, before)
			k.now = k.now.Add(time.Second)
			r := k.reference(gatewayA, m.ID, status)
			r.GatewayMessageID = "late-" + m.ID.String()
			want, result := status, store.ReceiptApplied
			if before == courier.StatusQueued && status != courier.StatusSent && status != courier.StatusDelivered || status == before {
				want, result = before, store.ReceiptKept
			}
			k.comesTo(t, result, r)
			got := k.is(t, m.ID, want)
			if taken := want == courier.StatusSent || want == courier.StatusDelivered; taken &&
				(!got.SentAt.Equal(floor(k.now)) || got.GatewayMessageID != r.GatewayMessageID || got.Gateway != gatewayA || got.LastError != nil) {
				t.Errorf("message is %+v, want it as the gateway has it", got)
			}
			if want == courier.StatusSent { // what follows has the id
				r.MessageID, r.Status = courier.ID{}, courier.StatusUndelivered
				k.comesTo(t, store.ReceiptApplied, r)
			}
			if want == courier.StatusQueued {
				k.cancel(t, m.ID)
			}
			f.Check(t)
		}
	}
	m := k.unknownAttempt(t, courier.StatusQueued)
	k.receive(t, k.reference(gatewayA, m.ID, courier.StatusSent), k.reference(gatewayA, m.ID, courier.StatusRejected))
	k.is(t, m.ID, courier.StatusRejected)
	f.Check(t) // each step of it is legal
	k.hasCounts(t, "receipts", 0, 0, 1)
}

// testReceiptTellsTheName has a receipt without our id wait for one that has both.
func testReceiptTellsTheName(t *testing.T, k *kit) {
	m := k.unknownAttempt(t, courier.StatusQueued)
	byName := courier.Receipt{Gateway: gatewayA, GatewayMessageID: "later", Status: courier.StatusUndelivered, ReceivedAt: k.now}
	k.comesTo(t, store.ReceiptParked, byName)
	both := k.reference(gatewayA, m.ID, courier.StatusSent)
	both.GatewayMessageID = "later"
	k.receive(t, both)
	k.is(t, m.ID, courier.StatusUndelivered)
	k.comesTo(t, store.ReceiptDuplicate, byName)
}

func testReceiptOfAnotherGateway(t *testing.T, k *kit) {
	for _, status := range []courier.Status{courier.StatusQueued, courier.StatusSent, courier.StatusUnknown, courier.StatusProcessing} {
		m := k.in(t, status)
		check := k.unchanged(t, m.ID)
		foreign := k.receipt(m.ID, courier.StatusDelivered)
		foreign.Gateway = gatewayB
		k.comesTo(t, store.ReceiptParked, foreign, k.reference(gatewayB, m.ID, courier.StatusDelivered), k.reference(gatewayA, k.id(), courier.StatusDelivered))
		check()
	}
}

func testReceiptOfSilentGateway(t *testing.T, k *kit) {
	m := k.processing(t)
	s := k.settlement(m, courier.StatusSent)
	s.NoReceipts = true
	k.settle(t, s)
	if got := k.is(t, m.ID, courier.StatusSent); got.GatewayMessageID != s.Attempt.GatewayMessageID {
		t.Errorf("message has the gateway's id %q, want %q", got.GatewayMessageID, s.Attempt.GatewayMessageID)
	}
	k.comesTo(t, store.ReceiptApplied, k.reference(gatewayA, m.ID, courier.StatusDelivered))
	k.is(t, m.ID, courier.StatusDelivered)
}

// throughB sends a queued message through gatewayB.
func (k *kit) throughB(t *testing.T, id courier.ID) {
	t.Helper()
	k.now = k.now.Add(time.Minute)
	claim := k.claimRequest(1)
	claim.Gateway = gatewayB
	claimed, err := k.store.Claim(t.Context(), claim)
	if err != nil || len(claimed) != 1 || claimed[0].ID != id {
		t.Fatalf("Claim: %+v, %v", claimed, err)
	}
	s := k.settlement(claimed[0], courier.StatusSent)
	s.Attempt.GatewayMessageID = "B-" + id.String()
	k.settle(t, s)
	k.is(t, id, courier.StatusSent)
}

func (k *kit) failedOver(t *testing.T) *courier.Message {
	t.Helper()
	m := k.processing(t)
	s := k.settlement(m, courier.StatusQueued)
	s.Attempt, s.Gateway = k.attempt(m, courier.OutcomeUnknown), gatewayB
	k.settle(t, s)
	k.throughB(t, m.ID)
	return m
}

func testReceiptAfterFailover(t *testing.T, k *kit) {
	m := k.failedOver(t)
	k.comesTo(t, store.ReceiptKept, k.reference(gatewayA, m.ID, courier.StatusUndelivered), k.reference(gatewayA, m.ID, courier.StatusSent))
	k.is(t, m.ID, courier.StatusSent)
	k.comesTo(t, store.ReceiptApplied, k.reference(gatewayA, m.ID, courier.StatusDelivered)) // it took it after all
	if got := k.is(t, m.ID, courier.StatusDelivered); got.Gateway != gatewayB || got.GatewayMessageID != "B-"+m.ID.String() {
		t.Errorf("message is %+v, want it with the last gateway", got)
	}
	_, attempts := k.read(t, m.ID)
	if len(attempts) != 2 || attempts[1].Gateway != gatewayB || attempts[1].Outcome != courier.OutcomeAccepted {
		t.Errorf("attempts are %+v", attempts)
	}
	m = k.failedOver(t)
	k.comesTo(t, store.ReceiptApplied, k.reference(gatewayB, m.ID, courier.StatusExpired))
	k.comesTo(t, store.ReceiptLate, k.reference(gatewayA, m.ID, courier.StatusDelivered))
	k.is(t, m.ID, courier.StatusExpired)
}

func testReceiptAfterRequeue(t *testing.T, k *kit) {
	requeued := func() *courier.Message {
		m := k.in(t, courier.StatusSent)
		k.comesTo(t, store.ReceiptApplied, k.receipt(m.ID, courier.StatusUndelivered))
		return k.requeue(t, store.Requeue{ID: m.ID, Now: k.now, Gateway: gatewayB})
	}
	m := requeued()
	check := k.unchanged(t, m.ID)
	k.comesTo(t, store.ReceiptDuplicate, k.receipt(m.ID, courier.StatusUndelivered))
	k.comesTo(t, store.ReceiptKept, k.receipt(m.ID, courier.StatusSent), k.receipt(m.ID, courier.StatusRejected))
	check()
	k.comesTo(t, store.ReceiptApplied, k.receipt(m.ID, courier.StatusDelivered)) // by the id of before
	if got := k.is(t, m.ID, courier.StatusDelivered); got.Gateway != gatewayA || got.GatewayMessageID != "SM-"+m.ID.String() {
		t.Errorf("message is %+v, want it with the gateway that delivered it", got)
	}

	m = requeued()
	k.throughB(t, m.ID)
	k.comesTo(t, store.ReceiptKept, k.receipt(m.ID, courier.StatusExpired))
	k.is(t, m.ID, courier.StatusSent)
	k.comesTo(t, store.ReceiptApplied, k.receipt(m.ID, courier.StatusDelivered))
	k.is(t, m.ID, courier.StatusDelivered)
}

// parts settles a claimed message as accepted in parts.
func (k *kit) parts(t *testing.T, m *courier.Message, count int) {
	t.Helper()
	s := k.settlement(m, courier.StatusSent)
	s.Attempt.GatewayMessageIDs, s.Attempt.Warning = nil, "one part costs more"
	for i := range count {
		s.Attempt.GatewayMessageIDs = append(s.Attempt.GatewayMessageIDs, k.part(m.ID, i))
	}
	s.Attempt.GatewayMessageID = s.Attempt.GatewayMessageIDs[0]
	before, attempts := k.read(t, m.ID)
	k.settle(t, s)
	if before.Status != courier.StatusProcessing {
		t.Fatalf("message is %s", before.Status)
	}
	_, after := k.read(t, m.ID)
	attempts = append(attempts, *s.Attempt)
	attempts[len(attempts)-1].StartedAt = floor(s.Attempt.StartedAt)
	same(t, "attempts", after, attempts)
}

func (k *kit) part(id courier.ID, n int) string { return fmt.Sprintf("part-%d-%s", n, id) }

func (k *kit) partReceipt(id courier.ID, n int, status courier.Status) courier.Receipt {
	return courier.Receipt{Gateway: gatewayA, GatewayMessageID: k.part(id, n), Status: status, ReceivedAt: k.now}
}

func testReceiptsOfParts(t *testing.T, k *kit) {
	type step struct {
		part   int
		status courier.Status
		want   courier.Status
	}
	for name, steps := range map[string][]step{
		"AllDelivered": {{1, "delivered", "sent"}, {1, "delivered", "sent"}, {0, "sent", "sent"}, {2, "delivered", "sent"}, {0, "delivered", "delivered"}},
		"OneFails":     {{1, "delivered", "sent"}, {2, "undelivered", "undelivered"}, {0, "delivered", "undelivered"}},
		"OneExpires":   {{0, "expired", "expired"}, {1, "delivered", "expired"}, {2, "delivered", "expired"}},
	} {
		m := k.processing(t)
		k.parts(t, m, 3)
		for i, s := range steps {
			k.receive(t, k.partReceipt(m.ID, s.part, s.status))
			if got, _ := k.read(t, m.ID); got.Status != s.want {
				t.Errorf("%s: message is %s after receipt %d, want %s", name, got.Status, i, s.want)
			}
		}
	}
	whole := k.processing(t)
	k.parts(t, whole, 2)
	k.comesTo(t, store.ReceiptApplied, k.reference(gatewayA, whole.ID, courier.StatusDelivered)) // of all of it

	again := k.processing(t)
	k.parts(t, again, 2)
	k.comesTo(t, store.ReceiptApplied, k.partReceipt(again.ID, 1, courier.StatusUndelivered))
	_, before := k.read(t, again.ID)
	k.requeue(t, store.Requeue{ID: again.ID, Now: k.now, Gateway: gatewayB})
	_, after := k.read(t, again.ID)
	same(t, "attempts", after, before)
	k.throughB(t, again.ID)
	k.comesTo(t, store.ReceiptKept, k.partReceipt(again.ID, 0, courier.StatusDelivered))
	k.comesTo(t, store.ReceiptApplied, k.partReceipt(again.ID, 1, courier.StatusDelivered)) // after all
	k.is(t, again.ID, courier.StatusDelivered)
}

func testEarlyReceiptsOfParts(t *testing.T, k *kit) {
	m := k.processing(t)
	k.receive(t, k.partReceipt(m.ID, 2, courier.StatusDelivered), k.partReceipt(m.ID, 0, courier.StatusDelivered))
	k.parts(t, m, 3)
	k.is(t, m.ID, courier.StatusSent)
	k.comesTo(t, store.ReceiptApplied, k.partReceipt(m.ID, 1, courier.StatusDelivered))
}

func testReceiptAfterRetention(t *testing.T, k *kit) {
	m := k.in(t, courier.StatusSent)
	k.now = k.now.Add(time.Hour)
	k.scrub(t, k.now, 10)
	k.now = k.now.Add(time.Hour)
	k.comesTo(t, store.ReceiptApplied, k.receipt(m.ID, courier.StatusDelivered))
	if got := k.is(t, m.ID, courier.StatusDelivered); got.Body != "" || got.ScrubbedAt.IsZero() {
		t.Errorf("message is %+v, want it without content", got)
	}
	parts := k.processing(t)
	k.parts(t, parts, 2)
	k.comesTo(t, store.ReceiptKept, k.partReceipt(parts.ID, 0, courier.StatusDelivered))
	k.now = k.now.Add(time.Hour)
	if n, err := k.store.Purge(t.Context(), k.sweep(k.now, 10)); err != nil || n != 2 {
		t.Fatalf("Purge: %d, %v", n, err)
	}
	k.comesTo(t, store.ReceiptParked, k.receipt(m.ID, courier.StatusUndelivered), k.partReceipt(parts.ID, 1, courier.StatusDelivered),
		k.reference(gatewayA, m.ID, courier.StatusDelivered))
	same(t, "receipts of a deleted message", append(k.kept(t, m.ID), k.kept(t, parts.ID)...), nil)
}

// testReceiptOfRepeatedID has a gateway that counts from 1 after each start.
func testReceiptOfRepeatedID(t *testing.T, k *kit) {
	var ids []courier.ID
	for range 3 {
		m := k.processing(t)
		s := k.settlement(m, courier.StatusSent)
		s.Attempt.GatewayMessageID = "1"
		k.settle(t, s)
		ids, k.now = append(ids, m.ID), k.now.Add(time.Second)
	}
	k.comesTo(t, store.ReceiptApplied, courier.Receipt{Gateway: gatewayA, GatewayMessageID: "1", Status: courier.StatusDelivered, ReceivedAt: k.now})
	k.is(t, ids[2], courier.StatusDelivered)
	k.is(t, ids[0], courier.StatusSent)
}

func testManyReceipts(t *testing.T, k *kit) {
	const count = 700
	k.enqueue(t, k.messages(count, nil)...)
	var receipts []courier.Receipt
	for i, m := range k.claim(t, count) {
		if i%2 == 0 {
			k.settleOne(t, m, courier.StatusSent)
		}
		for _, status := range []courier.Status{courier.StatusDelivered, courier.StatusSent, courier.StatusDelivered} {
			receipts = append(receipts, k.receipt(m.ID, status))
		}
	}
	results := map[store.ReceiptResult]int{}
	for _, a := range k.receive(t, receipts...) {
		results[a.Result]++
	}
	same(t, "results", results, map[store.ReceiptResult]int{
		store.ReceiptApplied: count / 2, store.ReceiptLate: count / 2, store.ReceiptDuplicate: count / 2, store.ReceiptParked: 3 * count / 2,
	})
}
