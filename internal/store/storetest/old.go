package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"courier"
	"courier/internal/store"
)

// Old is a message with its attempts as a version before stored it.
type Old struct {
	Message  *courier.Message
	Attempts []courier.Attempt
}

// Token returns the token of the lease, NULL for none.
func (o Old) Token() any {
	if o.Message.Lease.Token == 0 {
		return nil
	}
	return o.Message.Lease.Token
}

// Document returns an argument for a JSON document, NULL for none.
func (Old) Document(document json.RawMessage) any {
	if len(document) == 0 {
		return nil
	}
	return string(document)
}

// OldMessages are messages in every status, one with each kind of content and one
// with the least, to be stored by the statements of a version before.
func OldMessages() []Old {
	var old []Old
	k := &kit{now: floor(epoch())}
	for i, status := range courier.Statuses() {
		for _, full := range []bool{true, false} {
			m := k.message()
			if full {
				setOldContent(m)
			}
			m.Status, m.IdempotencyKey, m.Fingerprint = status, m.ID.String(), [32]byte{byte(i)}
			m.CreatedAt, m.UpdatedAt, m.NextAttemptAt = k.now, k.now.Add(time.Second), time.Time{}
			m.SendCount, m.RetryCount = 1, 1
			a := k.attempt(m, courier.OutcomeRetry)
			a.Number = 1
			m.LastError = a
			switch status { //nolint:exhaustive // the others have no columns of their own
			case courier.StatusQueued:
				m.NextAttemptAt = k.now.Add(time.Minute)
			case courier.StatusProcessing:
				m.NextAttemptAt, m.Lease = k.now, courier.Lease{Node: nodeA, Token: int64(len(old) + 1), Until: k.now.Add(leaseTime)}
			case courier.StatusSent, courier.StatusDelivered:
				m.SentAt, m.GatewayMessageID = k.now, "SM1"
			case courier.StatusRejected:
				store.Scrub(m, k.now)
			}
			old = append(old, Old{Message: m, Attempts: []courier.Attempt{*a}})
		}
	}
	return old
}

// setOldContent sets what a caller could give to the version that had a column for
// each. A field that came later is none of its.
func setOldContent(m *courier.Message) {
	m.Subject, m.TemplateType = `Sub"ject\ €`, "login_code_valid"
	m.TemplateData = json.RawMessage(`{"to":"+12065550199","code":"123456","deep":{"list":[1,2.5,null]}}`)
	m.RequestHeaders = json.RawMessage(`{"User-Agent":["a","b"]}`)
	m.Metadata = json.RawMessage(`{"n": 1.50, "a":"<\u0000>"}`)
	m.Encoding, m.Segments = courier.EncodingUCS2, 3
	m.ExpiresAt = m.CreatedAt.Add(time.Hour)
	m.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
}

// RunOldMessages checks that a store has OldMessages, and goes on with them.
func RunOldMessages(t *testing.T, s store.Store) {
	t.Helper()
	options := []cmp.Option{
		cmpopts.EquateEmpty(), cmpopts.IgnoreFields(courier.Lease{}, "Node"), // of a process that has ended
		cmpopts.EquateApproxTime(time.Microsecond),
	}
	for _, old := range OldMessages() {
		m, attempts, err := s.Message(t.Context(), old.Message.ID)
		if err != nil {
			t.Fatalf("Message: %v", err)
		}
		if diff := cmp.Diff(old.Message, m, options...); diff != "" {
			t.Errorf("message that is %s (-want +got):\n%s", m.Status, diff)
		}
		if diff := cmp.Diff(old.Attempts, attempts, options...); diff != "" {
			t.Errorf("attempts of one that is %s (-want +got):\n%s", m.Status, diff)
		}
		// The key of before is that of a caller without a name.
		again := *old.Message
		again.ID, again.Status, again.Lease = courier.ID{15: 1}, courier.StatusQueued, courier.Lease{}
		answers, err := s.Enqueue(t.Context(), []*courier.Message{&again})
		if err != nil || !answers[0].Duplicate || answers[0].Message.ID != m.ID {
			t.Errorf("Enqueue with the key of one that is %s: %+v, %v, want it", m.Status, answers, err)
		}
	}
	k := &kit{store: s, now: epoch().Add(time.Hour)}
	k.hasCounts(t, "migration", 2, 2, 2)
	same(t, "oldest due", k.stats(t).OldestDueAt, floor(epoch()).Add(time.Minute))
	for _, m := range k.claim(t, 10) {
		k.settleOne(t, m, courier.StatusSent)
	}
	if n, err := s.Reclaim(t.Context(), store.Reclaim{Node: nodeB, Now: k.now}); n != 2 || err != nil {
		t.Errorf("Reclaim: %d, %v, want both leases", n, err)
	}
	k.hasCounts(t, "a claim and a reclaim", 2, 0, 2)
}

// RunOldReceipts checks what receipts do to OldMessages, of which those that were sent
// have the id "SM1" of their gateway: they are found by our id, and by the gateway's once
// they were sent by this version. None changes what is final.
func RunOldReceipts(t *testing.T, s store.Store) {
	t.Helper()
	k := &kit{store: s, now: epoch().Add(time.Hour)}
	for _, old := range OldMessages() {
		want := old.Message.Status
		switch want { //nolint:exhaustive // the others are final, or parked until they are settled
		case courier.StatusQueued, courier.StatusSent, courier.StatusUnknown:
			want = courier.StatusDelivered
		}
		k.receive(t, k.reference(gatewayA, old.Message.ID, courier.StatusDelivered))
		k.is(t, old.Message.ID, want)
	}
	k.hasCounts(t, "receipts", 0, 2, 0)
	m := k.in(t, courier.StatusSent)
	k.comesTo(t, store.ReceiptApplied, k.receipt(m.ID, courier.StatusDelivered))
}
