package postgres_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
	"courier/internal/store/storetest"
)

// wire is a store behind a proxy that can lose what it sends or its answers.
type wire struct {
	*postgres.Store
	proxy    *pgtest.Proxy
	direct   string
	follower *storetest.Follower
}

// openWire opens a store whose statements travel with their text, so that the
// proxy knows them.
func openWire(t *testing.T, retryFor time.Duration, parameters ...string) wire {
	t.Helper()
	shared := pgtest.Shared(t)
	proxy, direct := shared.NewProxy(t), shared.NewDatabase(t)
	s, err := postgres.Open(t.Context(), postgres.Options{
		DSN: through(proxy, shared, direct) + "&default_query_exec_mode=exec" + strings.Join(parameters, ""), RetryFor: retryFor,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return wire{Store: s, proxy: proxy, direct: direct, follower: storetest.Follow(t, s)}
}

// through returns the address of a database of a server by way of a proxy.
func through(proxy *pgtest.Proxy, server *pgtest.Databases, direct string) string {
	return strings.Replace(direct, server.Addr(), proxy.Addr(), 1)
}

// spoil gives the next statement with a text a verdict, and returns how many got it.
func (w wire) spoil(text string, verdict pgtest.Verdict) *atomic.Int32 {
	var spoiled atomic.Int32
	w.proxy.Watch(func(_ int, sent []byte) pgtest.Verdict {
		if bytes.Contains(sent, []byte(text)) && spoiled.CompareAndSwap(0, 1) {
			return verdict
		}
		return pgtest.Pass
	})
	return &spoiled
}

const (
	textInsert = "INSERT INTO courier.message"
	textClaim  = "AS first"
	textSettle = "settled_token = g.token"
)

func verdicts() map[string]pgtest.Verdict {
	return map[string]pgtest.Verdict{"StatementLost": pgtest.Drop, "AnswerLost": pgtest.Lose}
}

func newMessage(edit func(m *courier.Message)) *courier.Message {
	m := &courier.Message{
		Status: courier.StatusQueued, Channel: "sms", Gateway: "alpha", To: "+12065550199", From: "Example",
		Body: "Your code is 123456", Encoding: courier.EncodingGSM7, Segments: 1, CreatedAt: time.Now(),
	}
	_, _ = rand.Read(m.ID[:])
	if edit != nil {
		edit(m)
	}
	return m
}

func enqueue(t *testing.T, s store.Store, messages ...*courier.Message) []store.Enqueued {
	t.Helper()
	answers, err := s.Enqueue(t.Context(), messages)
	if err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
	return answers
}

func claimAll(t *testing.T, s store.Store, limit int) []*courier.Message {
	t.Helper()
	now := time.Now().Add(time.Second)
	claimed, err := s.Claim(t.Context(), store.Claim{
		Gateway: "alpha", Node: "node-a", Now: now, LeaseUntil: now.Add(time.Minute), Limit: limit,
	})
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return claimed
}

// hasCounts compares the counts with what is wanted and with the messages themselves.
func (w wire) hasCounts(t *testing.T, queued, processing int64) {
	t.Helper()
	w.follower.Check(t)
	stats, err := w.Stats(t.Context(), time.Now())
	if err != nil || stats.Queued != queued || stats.Processing != processing {
		t.Errorf("stats are %+v, %v, want %d queued and %d processing", stats, err, queued, processing)
	}
	for status, want := range map[courier.Status]int64{courier.StatusQueued: queued, courier.StatusProcessing: processing} {
		page, err := w.Messages(t.Context(), store.Query{Status: status, Limit: 1000})
		if err != nil || int64(len(page.Messages)) != want {
			t.Errorf("%d messages are %s, %v, want %d", len(page.Messages), status, err, want)
		}
	}
}

// TestStartAction_LostOnTheWay starts an action once, though a statement or its answer is lost.
func TestStartAction_LostOnTheWay(t *testing.T) {
	t.Parallel()
	for name, verdict := range verdicts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, 0)
			spoiled := w.spoil("INSERT INTO courier.action", verdict)
			err := w.StartAction(t.Context(), store.Action{ID: courier.ID{1}, Kind: store.ActionCancel, At: time.Now()})
			if err != nil || spoiled.Load() != 1 {
				t.Errorf("%v, %d statements were spoiled", err, spoiled.Load())
			}
			if found, err := w.Actions(t.Context(), 9); err != nil || len(found) != 1 {
				t.Errorf("actions are %+v, %v", found, err)
			}
		})
	}
}

// TestEnqueue_LostOnTheWay loses a statement or its answer: nothing is missing,
// and nothing is there twice.
func TestEnqueue_LostOnTheWay(t *testing.T) {
	t.Parallel()
	for name, verdict := range verdicts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, 0)
			enqueue(t, w, newMessage(func(m *courier.Message) { m.IdempotencyKey = "taken" }))
			spoiled := w.spoil(textInsert, verdict)
			plain := enqueue(t, w, newMessage(nil), newMessage(nil))
			if spoiled.Load() != 1 || plain[0].Duplicate || plain[1].Duplicate {
				t.Errorf("%d statements were spoiled, answers %+v", spoiled.Load(), plain)
			}
			spoiled = w.spoil(textInsert, verdict)
			keyed := enqueue(t, w, newMessage(func(m *courier.Message) { m.IdempotencyKey = "taken" }),
				newMessage(func(m *courier.Message) { m.IdempotencyKey = "free" }),
				newMessage(func(m *courier.Message) { m.IdempotencyKey = "free" }))
			if spoiled.Load() != 1 || !keyed[0].Duplicate || keyed[1].Duplicate || !keyed[2].Duplicate {
				t.Errorf("%d statements were spoiled, answers %+v", spoiled.Load(), keyed)
			}
			w.hasCounts(t, 4, 0)
		})
	}
}

// TestClaim_LostOnTheWay wants each message leased once, and by what was answered.
func TestClaim_LostOnTheWay(t *testing.T) {
	t.Parallel()
	for name, verdict := range verdicts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, 0)
			enqueue(t, w, newMessage(nil), newMessage(nil), newMessage(nil))
			spoiled := w.spoil(textClaim, verdict)
			claimed := claimAll(t, w, 2)
			if spoiled.Load() != 1 || len(claimed) != 2 {
				t.Errorf("%d statements were spoiled, %d messages claimed", spoiled.Load(), len(claimed))
			}
			w.hasCounts(t, 1, 2)
			for _, m := range claimed {
				found, _, err := w.Message(t.Context(), m.ID)
				if err != nil || found.Lease != m.Lease {
					t.Errorf("message has the lease %+v, %v, want %+v", found.Lease, err, m.Lease)
				}
			}
		})
	}
}

// TestClaim_AbandonedIsGivenBack ends the context of a claim that is under way.
func TestClaim_AbandonedIsGivenBack(t *testing.T) {
	t.Parallel()
	w := openWire(t, 0)
	enqueue(t, w, newMessage(nil), newMessage(nil))
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan struct{})
	w.proxy.Watch(func(_ int, sent []byte) pgtest.Verdict {
		if bytes.Contains(sent, []byte(textClaim)) {
			cancel()
			<-returned
		}
		return pgtest.Pass
	})
	now := time.Now().Add(time.Second)
	claim := store.Claim{Gateway: "alpha", Node: "node-a", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 2}
	if _, err := w.Claim(ctx, claim); !errors.Is(err, context.Canceled) {
		t.Errorf("Claim: %v, want context.Canceled", err)
	}
	close(returned)
	claimed := claimAll(t, w, 2)
	for len(claimed) == 0 { // until the answer is there, and tells that nobody waits for it
		claimed = claimAll(t, w, 2)
	}
	w.hasCounts(t, 0, 2)
}

// TestSettle_LostOnTheWay wants what the first try wrote to be answered as applied.
func TestSettle_LostOnTheWay(t *testing.T) {
	t.Parallel()
	for name, verdict := range verdicts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, 0)
			enqueue(t, w, newMessage(nil), newMessage(nil), newMessage(nil))
			claimed := claimAll(t, w, 3)
			settlements := []store.Settlement{
				{ID: claimed[0].ID, Token: claimed[0].Lease.Token, Status: courier.StatusSent, At: time.Now(), Attempt: attempt(courier.OutcomeAccepted)},
				{ID: claimed[1].ID, Token: claimed[1].Lease.Token, Status: courier.StatusQueued, At: time.Now(), Attempt: attempt(courier.OutcomeRetry)},
				{ID: claimed[2].ID, Token: claimed[2].Lease.Token + 1, Status: courier.StatusRejected, At: time.Now(), Attempt: attempt(courier.OutcomeRejected)},
			}
			spoiled := w.spoil(textSettle, verdict)
			applied, err := w.Settle(t.Context(), settlements)
			if err != nil || spoiled.Load() != 1 || fmt.Sprint(applied) != "[true true false]" {
				t.Errorf("%d statements were spoiled, applied %v, %v", spoiled.Load(), applied, err)
			}
			w.hasCounts(t, 1, 1)
			for i, want := range []int{1, 1, 0} {
				m, attempts, err := w.Message(t.Context(), claimed[i].ID)
				if err != nil || len(attempts) != want || m.SendCount != want {
					t.Errorf("message %d was sent %d times with %d attempts, %v, want %d", i, m.SendCount, len(attempts), err, want)
				}
			}
		})
	}
}

func attempt(outcome courier.Outcome) *courier.Attempt {
	return &courier.Attempt{Number: 1, Gateway: "alpha", Outcome: outcome, HTTPStatus: 200, StartedAt: time.Now(), Excerpt: excerpt(outcome)}
}

// excerpt is text that the database cannot hold, as a gateway may answer it.
func excerpt(outcome courier.Outcome) string {
	if outcome == courier.OutcomeAccepted {
		return ""
	}
	return "no\x00 text \xff"
}

// TestStore_ServerAway takes the server away for longer than operations are tried.
func TestStore_ServerAway(t *testing.T) {
	t.Parallel()
	w := openWire(t, 50*time.Millisecond)
	enqueue(t, w, newMessage(nil))
	w.proxy.Refuse(true)
	w.proxy.Cut()
	if _, err := w.Enqueue(t.Context(), []*courier.Message{newMessage(nil)}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Enqueue: %v, want store.ErrUnavailable", err)
	}
	if err := w.Check(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Check: %v, want store.ErrUnavailable", err)
	}
	w.proxy.Refuse(false)
	enqueue(t, w, newMessage(nil))
	w.hasCounts(t, 2, 0)
}

// TestStore_SerializationFailure lets the database refuse each operation twice.
func TestStore_SerializationFailure(t *testing.T) {
	t.Parallel()
	w := openWire(t, 0)
	execute(t, w.direct, `CREATE SEQUENCE tries;
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tries') % 3 <> 0 THEN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER refuse AFTER INSERT OR UPDATE ON courier.message FOR EACH STATEMENT EXECUTE FUNCTION refuse()`)
	enqueue(t, w, newMessage(nil))
	claimed := claimAll(t, w, 1)
	if len(claimed) != 1 {
		t.Fatalf("%d messages were claimed", len(claimed))
	}
	applied, err := w.Settle(t.Context(), []store.Settlement{
		{ID: claimed[0].ID, Token: claimed[0].Lease.Token, Status: courier.StatusSent, At: time.Now(), Attempt: attempt(courier.OutcomeAccepted)},
	})
	if err != nil || !applied[0] {
		t.Errorf("Settle: %v, %v", applied, err)
	}
	w.hasCounts(t, 0, 0)
}

// TestStore_ReadOnly wants the word for a server that takes no writes.
func TestStore_ReadOnly(t *testing.T) {
	t.Parallel()
	w := openWire(t, 50*time.Millisecond)
	execute(t, w.direct, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$")
	w.proxy.Cut()
	_, err := w.Enqueue(t.Context(), []*courier.Message{newMessage(nil)})
	if !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Enqueue: %v, want store.ErrReadOnly", err)
	}
}

// TestEnqueue_AbandonedLeaseIsGivenBack ends the context of an enqueue of a leased
// message: nobody would send it.
func TestEnqueue_AbandonedLeaseIsGivenBack(t *testing.T) {
	t.Parallel()
	w := openWire(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan struct{})
	w.proxy.Watch(func(_ int, sent []byte) pgtest.Verdict {
		if bytes.Contains(sent, []byte(textInsert)) {
			cancel()
			<-returned
		}
		return pgtest.Pass
	})
	leased := newMessage(func(m *courier.Message) {
		m.Status, m.Lease = courier.StatusProcessing, courier.Lease{Node: "node-a", Until: time.Now().Add(time.Minute)}
	})
	if _, err := w.Enqueue(ctx, []*courier.Message{leased}); !errors.Is(err, context.Canceled) {
		t.Errorf("Enqueue: %v, want context.Canceled", err)
	}
	close(returned)
	claimed := claimAll(t, w, 1)
	for len(claimed) == 0 { // until the answer is there, and tells that nobody waits for it
		claimed = claimAll(t, w, 1)
	}
	if claimed[0].ID != leased.ID {
		t.Errorf("message %s was claimed, want %s", claimed[0].ID, leased.ID)
	}
	w.hasCounts(t, 0, 1)
}
