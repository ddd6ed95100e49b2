package sqlite

import (
	"context"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"courier"
	"courier/internal/store"
)

// enqueueing is the state of one call of Enqueue. What needs no transaction is
// done before it enters the queue of the writer.
type enqueueing struct {
	// places is nil where none takes the place of another, and none has limits.
	places    *places
	now       time.Time
	messages  []store.Row
	arguments [][]any
	answers   []store.Enqueued
}

// Enqueue implements store.Store.
func (s *Store) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	const operationName = "enqueue messages"
	if len(messages) == 0 {
		return nil, nil
	}
	now := s.nowFunc()
	accepted, err := store.Accept(messages, now, s.token())
	if err != nil {
		return nil, s.fault(operationName, err)
	}
	e := &enqueueing{now: now, messages: accepted, arguments: make([][]any, len(messages)), answers: make([]store.Enqueued, len(messages))}
	for i, m := range accepted {
		s.passToken(m.Lease.Token)
		e.arguments[i] = insertArguments(m)
		if m.SupersedeKey != "" || len(m.Limits) > 0 {
			e.places = &s.writer.places
		}
	}
	if err := s.promise(ctx, &operation{name: "enqueue", rows: len(messages), run: e.run, awaited: true}); err != nil {
		return nil, s.fault(operationName, err)
	}
	s.tallies.Enqueued(e.answers)
	return e.answers, nil
}

// run stores the messages except those whose idempotency key is known, and those that
// repeat another.
func (e *enqueueing) run(ctx context.Context, s *session) error {
	if e.places != nil {
		return e.runKeyed(ctx, s)
	}
	for i, m := range e.messages {
		known, err := e.isKnown(ctx, s, i)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		if err := s.insert(ctx, m, e.arguments[i]); err != nil {
			return err
		}
		e.answers[i] = store.Enqueued{Message: m.Message}
	}
	return nil
}

func (s *session) insert(ctx context.Context, row store.Row, arguments []any) error {
	if _, err := s.exec(ctx, "InsertMessage", arguments...); err != nil {
		return insertFault(row.Message, err)
	}
	s.change.Add(row.Status, 1)
	return nil
}

// isKnown answers for a message whose idempotency key is known.
func (e *enqueueing) isKnown(ctx context.Context, s *session, i int) (bool, error) {
	m := e.messages[i]
	if m.IdempotencyKey == "" {
		return false, nil
	}
	first, err := s.message(ctx, "MessageByKey", m.Caller, m.IdempotencyKey)
	if first != nil {
		e.answers[i] = store.Repeat(m.Message, first)
	}
	return first != nil, err
}

// insertFault tells a message that cannot be stored from a fault of the database.
func insertFault(m *courier.Message, err error) error {
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return fmt.Errorf("%w: %s: %w", store.ErrDuplicateID, m.ID, err)
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		return fmt.Errorf("%w: %s: %w", store.ErrInvalid, m.ID, err)
	}
	return err
}
