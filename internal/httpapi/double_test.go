package httpapi_test

import (
	"context"
	"encoding/binary"
	"strings"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/memory"
)

// double is an Engine and a Store over the store in memory. It remembers what it was
// asked for, and fails on demand.
type double struct {
	*memory.Store
	mu      sync.Mutex
	woken   int
	requeue store.Requeue
	query   store.Query
	resolve store.Resolve
	// err is what every call answers.
	err error
	// hook runs at the start of each Enqueue.
	hook func(ctx context.Context)
}

func newDouble() *double { return &double{Store: memory.New(memory.Options{NowFunc: now})} }

// Enqueue implements httpapi.Engine.
func (d *double) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hook != nil {
		d.hook(ctx)
	}
	if d.err != nil {
		return nil, d.err
	}
	return d.Store.Enqueue(ctx, messages)
}

// Wake implements httpapi.Engine.
func (d *double) Wake() { d.woken++ }

// Message implements httpapi.Store.
func (d *double) Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	if d.err != nil {
		return nil, nil, d.err
	}
	return d.Store.Message(ctx, id)
}

// Messages implements httpapi.Store.
func (d *double) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	d.query = query
	if d.err != nil {
		return store.Page{}, d.err
	}
	return d.Store.Messages(ctx, query)
}

// Cancel implements httpapi.Store.
func (d *double) Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error) {
	if d.err != nil {
		return nil, d.err
	}
	return d.Store.Cancel(ctx, id, now)
}

// Requeue implements httpapi.Store.
func (d *double) Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error) {
	d.requeue = requeue
	if d.err != nil {
		return nil, d.err
	}
	return d.Store.Requeue(ctx, requeue)
}

// Resolve implements httpapi.Store.
func (d *double) Resolve(ctx context.Context, resolve store.Resolve) (*courier.Message, error) {
	d.resolve = resolve
	if d.err != nil {
		return nil, d.err
	}
	return d.Store.Resolve(ctx, resolve)
}

// Nodes implements httpapi.Store.
func (d *double) Nodes(ctx context.Context) ([]store.Node, error) {
	if d.err != nil {
		return nil, d.err
	}
	return d.Store.Nodes(ctx)
}

// all returns every message, the newest first.
func (d *double) all(tb testing.TB) []*courier.Message {
	tb.Helper()
	page, err := d.Store.Messages(tb.Context(), store.Query{Limit: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	return page.Messages
}

// attempt takes the message that is due first, and settles it.
func (d *double) attempt(tb testing.TB, status courier.Status, attempt courier.Attempt) {
	tb.Helper()
	claimed, err := d.Claim(tb.Context(), store.Claim{Gateway: "main", Node: "n", Now: now().Add(time.Hour), LeaseUntil: now().Add(2 * time.Hour), Limit: 1})
	if err != nil || len(claimed) != 1 {
		tb.Fatalf("claimed %d messages: %v", len(claimed), err)
	}
	at := now().Add(time.Second)
	applied, err := d.Settle(tb.Context(), []store.Settlement{{
		ID: claimed[0].ID, Token: claimed[0].Lease.Token, Status: status, Attempt: &attempt, RetryCount: 1, NextAttemptAt: at, At: at,
	}})
	if err != nil || !applied[0] {
		tb.Fatalf("settled %v: %v", applied, err)
	}
}

// judge is an Intake that takes what is a number and has a text.
type judge struct {
	mu    sync.Mutex
	last  uint32
	draft courier.Draft
}

// Accept implements httpapi.Intake.
func (j *judge) Accept(draft courier.Draft) (*courier.Message, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.draft = draft
	to, err := j.Recipient(draft.To)
	if err != nil {
		return nil, err
	}
	if strings.Contains(draft.IdempotencyKey, " ") {
		return nil, &courier.Error{Code: courier.CodeInvalidRequest, Field: "idempotency_key", Message: "no spaces"}
	}
	j.last++
	id := courier.ID{0: 1}
	binary.BigEndian.PutUint32(id[12:], j.last)
	return &courier.Message{
		ID: id, Status: courier.StatusQueued, Channel: "sms", Gateway: "main", To: to, From: "Shop",
		Body: draft.Body, Subject: draft.Subject, TemplateType: draft.TemplateType, TemplateData: draft.TemplateData,
		RequestHeaders: draft.RequestHeaders, Metadata: draft.Metadata, Encoding: courier.EncodingGSM7, Segments: 1,
		CreatedAt: now(), UpdatedAt: now(), NextAttemptAt: now(),
		Caller: draft.Caller, IdempotencyKey: draft.IdempotencyKey, Fingerprint: digest(draft), TraceParent: draft.TraceParent,
	}, nil
}

func digest(draft courier.Draft) (sum [32]byte) {
	copy(sum[:], draft.To+draft.Body)
	return sum
}

// Expiry implements httpapi.Intake.
func (j *judge) Expiry(lifetime courier.Lifetime) (time.Time, error) {
	if lifetime.TTL == "" {
		return time.Time{}, nil
	}
	ttl, err := time.ParseDuration(lifetime.TTL)
	if err != nil {
		return time.Time{}, &courier.Error{Code: courier.CodeInvalidRequest, Field: "ttl", Message: "it is not a duration"}
	}
	return now().Add(ttl), nil
}

// Recipient implements httpapi.Intake.
func (j *judge) Recipient(text string) (string, error) {
	if len(text) != 12 || text[0] != '+' {
		return "", &courier.Error{Code: courier.CodeInvalidRecipient, Field: "to", Message: "it is no number"}
	}
	return text, nil
}

// Gateway implements httpapi.Intake.
func (j *judge) Gateway(string) (string, error) { return "main", nil }

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC) }
