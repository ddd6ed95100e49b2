package httpapi_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"courier"
	"courier/internal/store"
)

// memory is an Engine and a Store in memory, with the answers of the real ones.
type memory struct {
	mu       sync.Mutex
	messages map[courier.ID]*courier.Message
	keys     map[[2]string]courier.ID
	attempts []courier.Attempt
	woken    int
	requeue  store.Requeue
	query    store.Query
	nodes    []store.Node
	// err is what every call answers.
	err error
	// hook runs at the start of each Enqueue.
	hook func(ctx context.Context)
}

func newMemory() *memory {
	return &memory{messages: make(map[courier.ID]*courier.Message), keys: make(map[[2]string]courier.ID)}
}

// forget drops every message.
func (s *memory) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.messages)
	clear(s.keys)
}

// Enqueue implements httpapi.Engine.
func (s *memory) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hook != nil {
		s.hook(ctx)
	}
	if s.err != nil {
		return nil, s.err
	}
	results := make([]store.Enqueued, len(messages))
	for i, m := range messages {
		results[i] = s.put(m)
	}
	return results, nil
}

func (s *memory) put(m *courier.Message) store.Enqueued {
	key := [2]string{m.Caller, m.IdempotencyKey}
	if first, ok := s.keys[key]; ok && m.IdempotencyKey != "" {
		if s.messages[first].Fingerprint != m.Fingerprint {
			return store.Enqueued{Err: store.ErrIdempotencyConflict}
		}
		return store.Enqueued{Message: s.messages[first], Duplicate: true}
	}
	s.messages[m.ID] = m
	s.keys[key] = m.ID
	return store.Enqueued{Message: m}
}

// Wake implements httpapi.Engine.
func (s *memory) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken++
}

// Message implements httpapi.Store.
func (s *memory) Message(_ context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, nil, s.err
	}
	m, ok := s.messages[id]
	if !ok {
		return nil, nil, store.ErrNotFound
	}
	return m, s.attempts, nil
}

// Messages implements httpapi.Store.
func (s *memory) Messages(_ context.Context, query store.Query) (store.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.query = query
	if s.err != nil {
		return store.Page{}, s.err
	}
	var page store.Page
	for _, m := range s.newestFirst() {
		if query.After != nil && m.ID.String() >= query.After.String() {
			continue
		}
		if len(page.Messages) == query.Limit {
			last := page.Messages[len(page.Messages)-1].ID
			page.Next = &last
			break
		}
		page.Messages = append(page.Messages, m)
	}
	return page, nil
}

func (s *memory) newestFirst() []*courier.Message {
	var all []*courier.Message
	for _, m := range s.messages {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *courier.Message) int { return slices.Compare(b.ID[:], a.ID[:]) })
	return all
}

// Cancel implements httpapi.Store.
func (s *memory) Cancel(_ context.Context, id courier.ID, now time.Time) (*courier.Message, error) {
	return s.move(id, courier.StatusCanceled, now)
}

// Requeue implements httpapi.Store.
func (s *memory) Requeue(_ context.Context, requeue store.Requeue) (*courier.Message, error) {
	s.requeue = requeue
	return s.move(requeue.ID, courier.StatusQueued, requeue.Now)
}

// Nodes implements httpapi.Store.
func (s *memory) Nodes(context.Context) ([]store.Node, error) { return s.nodes, s.err }

func (s *memory) move(id courier.ID, to courier.Status, now time.Time) (*courier.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	m, ok := s.messages[id]
	if !ok {
		return nil, store.ErrNotFound
	}
	if !m.Status.CanBecome(to) {
		return nil, &store.TransitionError{ID: id, From: m.Status, To: to}
	}
	m.Status, m.UpdatedAt = to, now
	return m, nil
}

// only returns the one message there is.
func (s *memory) only() *courier.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if len(s.messages) == 1 {
			return m
		}
	}
	return nil
}

func (s *memory) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// judge is an Intake that takes what is a number and has a text.
type judge struct {
	mu    sync.Mutex
	last  byte
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
	return &courier.Message{
		ID: courier.ID{0: 1, 15: j.last}, Status: courier.StatusQueued, Channel: "sms", Gateway: "main", To: to, From: "Shop",
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
