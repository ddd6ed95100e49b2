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
	accepted, err := store.Accept(messages, s.nowFunc(), s.token())
	if err != nil {
		return nil, s.fault(operationName, err)
	}
	e := &enqueueing{now: s.nowFunc(), messages: accepted, arguments: make([][]any, len(messages)), answers: make([]store.Enqueued, len(messages))}
	for i, m := range accepted {
		s.passToken(m.Lease.Token)
		e.arguments[i] = insertArguments(m)
	}
	if err := s.promise(ctx, &operation{name: "enqueue", rows: len(messages), run: e.run}); err != nil {
		return nil, s.fault(operationName, err)
	}
	s.tallies.Enqueued(e.answers)
	return e.answers, nil
}

// run stores the messages except those whose idempotency key is known.
func (e *enqueueing) run(ctx context.Context, s *session) error {
	usages, err := s.usages(ctx, e.messages)
	if err != nil {
		return err
	}
	for i, m := range e.messages {
		if m.IdempotencyKey != "" {
			first, err := s.message(ctx, "MessageByKey", m.Caller, m.IdempotencyKey)
			if err != nil {
				return err
			}
			if first != nil {
				e.answers[i] = store.Repeat(m.Message, first)
				continue
			}
		}
		if refused := usages.Take(m.Message, e.now); refused != nil {
			e.answers[i] = store.Enqueued{Err: refused}
			continue
		}
		if _, err := s.exec(ctx, "InsertMessage", e.arguments[i]...); err != nil {
			return insertFault(m.Message, err)
		}
		s.change.Add(m.Status, 1)
		e.answers[i] = store.Enqueued{Message: m.Message}
	}
	return s.setUsages(ctx, usages)
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
