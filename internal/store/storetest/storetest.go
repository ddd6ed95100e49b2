// Package storetest is the conformance suite of the message store: every rule
// of store.Store as a test that each engine passes.
package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"courier"
	"courier/internal/store"
)

// Placer is what a store under test has besides the contract: Place puts a sent
// message into a status that only a receipt leads to.
type Placer interface {
	Place(ctx context.Context, id courier.ID, status courier.Status) error
}

// OpenFunc opens an empty store that is closed when the test ends. The store
// is a Placer too.
type OpenFunc func(t *testing.T) store.Store

// Run runs the suite on an engine whose database one process holds, one new
// store a test.
func Run(t *testing.T, open OpenFunc) {
	t.Helper()
	runGroups(t, open)
	t.Run("History", func(t *testing.T) {
		t.Parallel()
		testHistory(t, false, func(t *testing.T) []store.Store {
			t.Helper()
			return []store.Store{open(t)}
		})
	})
}

// runGroups runs the rules for every engine.
func runGroups(t *testing.T, open OpenFunc) {
	t.Helper()
	groups := []struct {
		name  string
		tests map[string]func(t *testing.T, k *kit)
	}{
		{"Enqueue", enqueueTests()},
		{"Idempotency", idempotencyTests()},
		{"Claim", claimTests()},
		{"Settle", settleTests()},
		{"Reclaim", reclaimTests()},
		{"Sweep", sweepTests()},
		{"Retention", retentionTests()},
		{"Decide", decideTests()},
		{"List", listTests()},
		{"Stats", statsTests()},
		{"Node", nodeTests()},
		{"Concurrency", concurrencyTests()},
		{"Lifecycle", lifecycleTests()},
		{"Transition", transitionTests()},
		{"Event", eventTests()},
		{"Receipt", receiptTests()},
		{"Operate", operateTests()},
		{"Limit", limitTests()},
		{"Supersede", supersedeTests()},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, newKit(t, open(t)))
				})
			}
		})
	}
}

const (
	gatewayA, gatewayB = "alpha", "beta"
	nodeA, nodeB       = "node-a", "node-b"
	leaseTime          = time.Minute
)

// epoch is when the tests begin; it has nanoseconds that no store keeps.
func epoch() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 123_456_789, time.UTC) }

// floor rounds a time down as stores do.
func floor(t time.Time) time.Time { return t.Truncate(time.Microsecond).UTC() }

// kit is a store under test with what tests do to it.
type kit struct {
	store  store.Store
	now    time.Time
	serial atomic.Uint64
}

func newKit(t *testing.T, s store.Store) *kit {
	t.Helper()
	return &kit{store: s, now: epoch()}
}

// id returns a new id, which sorts after those before it.
func (k *kit) id() courier.ID {
	var id courier.ID
	n := k.serial.Add(1)
	binary.BigEndian.PutUint64(id[:8], uint64(k.now.UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], 1<<63|n)
	return id
}

// message returns a queued message that is due now.
func (k *kit) message() *courier.Message {
	return &courier.Message{
		ID: k.id(), Status: courier.StatusQueued, Channel: courier.DefaultChannel, Gateway: gatewayA,
		To: "+12065550199", From: "Example", Body: "Your code is 123456", Encoding: courier.EncodingGSM7, Segments: 1,
		CreatedAt: k.now, UpdatedAt: k.now, NextAttemptAt: k.now, Lane: courier.LaneNormal,
	}
}

// messages returns a number of messages, each changed by edit unless that is nil.
func (k *kit) messages(count int, edit func(i int, m *courier.Message)) []*courier.Message {
	messages := make([]*courier.Message, count)
	for i := range messages {
		messages[i] = k.message()
		if edit != nil {
			edit(i, messages[i])
		}
	}
	return messages
}

// enqueue stores messages and returns them as stored.
func (k *kit) enqueue(t *testing.T, messages ...*courier.Message) []*courier.Message {
	t.Helper()
	answers, err := k.store.Enqueue(t.Context(), messages)
	if err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
	if len(answers) != len(messages) {
		t.Fatalf("Enqueue answered %d times for %d messages", len(answers), len(messages))
	}
	stored := make([]*courier.Message, len(answers))
	for i, answer := range answers {
		if answer.Err != nil || answer.Duplicate {
			t.Fatalf("Enqueue answered %+v for message %d", answer, i)
		}
		stored[i] = answer.Message
	}
	return stored
}

// claimRequest asks for due messages of gatewayA for nodeA.
func (k *kit) claimRequest(limit int) store.Claim {
	return store.Claim{Gateway: gatewayA, Node: nodeA, Now: k.now, LeaseUntil: k.now.Add(leaseTime), Limit: limit}
}

func (k *kit) claim(t *testing.T, limit int) []*courier.Message {
	t.Helper()
	claimed, err := k.store.Claim(t.Context(), k.claimRequest(limit))
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return claimed
}

// processing stores a message that nodeA holds.
func (k *kit) processing(t *testing.T) *courier.Message {
	t.Helper()
	return k.enqueue(t, k.leased(k.message()))[0]
}

// leased gives a message a lease of nodeA.
func (k *kit) leased(m *courier.Message) *courier.Message {
	m.Status, m.Lease = courier.StatusProcessing, courier.Lease{Node: nodeA, Until: k.now.Add(leaseTime)}
	return m
}

// attempt returns an attempt of a claimed message with every field that fits the outcome.
func (k *kit) attempt(m *courier.Message, outcome courier.Outcome) *courier.Attempt {
	a := &courier.Attempt{
		Number: m.SendCount + 1, Gateway: m.Gateway, Outcome: outcome, HTTPStatus: 201,
		StartedAt: k.now.Add(3 * time.Millisecond), Duration: 20*time.Millisecond + 7*time.Microsecond,
	}
	if outcome == courier.OutcomeAccepted {
		a.GatewayMessageID = "SM-" + m.ID.String()
		return a
	}
	a.HTTPStatus, a.Class, a.Code = 503, courier.ClassGatewayError, "30001"
	a.Message, a.Excerpt, a.RetryAfter = "the gateway is overloaded; nothing to do", `{"error":"busy"}`, 1500*time.Millisecond
	return a
}

// outcomeFor returns an outcome that leads to a status.
func outcomeFor(status courier.Status) courier.Outcome {
	switch status {
	case courier.StatusSent:
		return courier.OutcomeAccepted
	case courier.StatusUnknown:
		return courier.OutcomeUnknown
	case courier.StatusRejected:
		return courier.OutcomeRejected
	case courier.StatusCanceled:
		return courier.OutcomeCanceled
	case courier.StatusQueued, courier.StatusProcessing, courier.StatusDelivered, courier.StatusUndelivered,
		courier.StatusExpired, courier.StatusAbandoned:
	}
	return courier.OutcomeRetry
}

// settlement returns the end of an attempt of a claimed message.
func (k *kit) settlement(m *courier.Message, status courier.Status) store.Settlement {
	s := store.Settlement{
		ID: m.ID, Token: m.Lease.Token, Status: status, Attempt: k.attempt(m, outcomeFor(status)),
		RetryCount: m.RetryCount, At: k.now.Add(25 * time.Millisecond),
	}
	if status == courier.StatusQueued {
		s.RetryCount++
		s.NextAttemptAt = k.now.Add(time.Second)
	}
	return s
}

func (k *kit) settle(t *testing.T, settlements ...store.Settlement) []bool {
	t.Helper()
	applied, err := k.store.Settle(t.Context(), settlements)
	if err != nil {
		t.Fatalf("Settle: %v", err)
	}
	if len(applied) != len(settlements) {
		t.Fatalf("Settle answered %d times for %d settlements", len(applied), len(settlements))
	}
	return applied
}

// settleOne settles a claimed message, which must apply.
func (k *kit) settleOne(t *testing.T, m *courier.Message, status courier.Status) store.Settlement {
	t.Helper()
	s := k.settlement(m, status)
	if applied := k.settle(t, s); !applied[0] {
		t.Fatalf("settlement to %s did not apply", status)
	}
	return s
}

// in returns a message that has been brought into a status.
func (k *kit) in(t *testing.T, status courier.Status) *courier.Message {
	t.Helper()
	return k.bring(t, k.message(), status)
}

// bring stores a message, brings it into a status, and returns it as it is then.
func (k *kit) bring(t *testing.T, m *courier.Message, status courier.Status) *courier.Message {
	t.Helper()
	if status == courier.StatusQueued {
		return k.enqueue(t, m)[0]
	}
	leased := k.enqueue(t, k.leased(m))[0]
	switch status {
	case courier.StatusQueued, courier.StatusProcessing:
	case courier.StatusDelivered, courier.StatusUndelivered:
		k.settleOne(t, leased, courier.StatusSent)
		k.place(t, m.ID, status)
	case courier.StatusSent, courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned,
		courier.StatusCanceled, courier.StatusUnknown:
		k.settleOne(t, leased, status)
	}
	found, _ := k.read(t, m.ID)
	if found.Status != status {
		t.Fatalf("message is %s, want %s", found.Status, status)
	}
	return found
}

func (k *kit) place(t *testing.T, id courier.ID, status courier.Status) {
	t.Helper()
	placer, ok := k.store.(Placer)
	if !ok {
		t.Fatal("the store under test is no Placer")
	}
	if err := placer.Place(t.Context(), id, status); err != nil {
		t.Fatalf("Place: %v", err)
	}
}

func (k *kit) read(t *testing.T, id courier.ID) (*courier.Message, []courier.Attempt) {
	t.Helper()
	m, attempts, err := k.store.Message(t.Context(), id)
	if err != nil {
		t.Fatalf("Message: %v", err)
	}
	return m, attempts
}

// unchanged returns a check that a message and its attempts are as they are now.
func (k *kit) unchanged(t *testing.T, id courier.ID) func() {
	t.Helper()
	before, attemptsBefore := k.read(t, id)
	return func() {
		t.Helper()
		after, attempts := k.read(t, id)
		same(t, "message", after, before)
		same(t, "attempts", attempts, attemptsBefore)
	}
}

func (k *kit) stats(t *testing.T) store.Stats {
	t.Helper()
	stats, err := k.store.Stats(t.Context(), k.now)
	if err != nil {
		t.Fatalf("Stats: %v", err)
	}
	return stats
}

// reporter is a test, of package testing or of rapid.
type reporter interface {
	Helper()
	Errorf(format string, arguments ...any)
}

// caller is a reporter that calls a store.
type caller interface {
	reporter
	Fatalf(format string, arguments ...any)
	Context() context.Context
}

// same fails the test with what differs. An empty document and none are the same.
func same[T any](t reporter, what string, got, want T) {
	t.Helper()
	if reflect.DeepEqual(got, want) { // far quicker than to look for what differs
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

// isTransition fails the test unless err is a *store.TransitionError with these fields.
func isTransition(t *testing.T, err error, want store.TransitionError) {
	t.Helper()
	var got *store.TransitionError
	if !errors.As(err, &got) {
		t.Fatalf("error is %v, want a *store.TransitionError", err)
	}
	same(t, "transition error", *got, want)
}
