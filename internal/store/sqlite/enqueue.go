package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"courier"
	"courier/internal/store"
)

// enqueueing is the state of one call of Enqueue. What needs no transaction is
// done before it enters the queue of the writer.
type enqueueing struct {
	messages  []*courier.Message
	arguments [][]any
	answers   []store.Enqueued
}

// Enqueue implements store.Store.
func (s *Store) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	const operationName = "enqueue messages"
	if len(messages) == 0 {
		return nil, nil
	}
	e := &enqueueing{
		messages: make([]*courier.Message, len(messages)), arguments: make([][]any, len(messages)),
		answers: make([]store.Enqueued, len(messages)),
	}
	for i, m := range messages {
		stored, err := s.accept(m)
		if err != nil {
			return nil, s.fault(fmt.Sprintf("%s: message %d", operationName, i), err)
		}
		e.messages[i], e.arguments[i] = stored, insertArguments(stored)
	}
	err := s.writer.submit(ctx, &operation{name: "enqueue", rows: len(messages), run: e.run})
	if err != nil {
		return nil, s.fault(operationName, err)
	}
	return e.answers, nil
}

// accept returns the message as it will be stored.
func (s *Store) accept(m *courier.Message) (*courier.Message, error) {
	stored := *m
	stored.SendCount, stored.RetryCount, stored.LastError = 0, 0, nil
	stored.SentAt, stored.ScrubbedAt, stored.GatewayMessageID = time.Time{}, time.Time{}, ""
	if stored.CreatedAt.IsZero() {
		stored.CreatedAt = s.nowFunc()
	}
	stored.CreatedAt, stored.UpdatedAt = floor(stored.CreatedAt), floor(stored.UpdatedAt)
	stored.ExpiresAt, stored.NextAttemptAt = floor(stored.ExpiresAt), floor(stored.NextAttemptAt)
	if stored.UpdatedAt.IsZero() {
		stored.UpdatedAt = stored.CreatedAt
	}
	if stored.NextAttemptAt.IsZero() {
		stored.NextAttemptAt = stored.CreatedAt
	}
	if err := s.acceptLease(&stored); err != nil {
		return nil, err
	}
	if stored.ID.IsZero() {
		return nil, fmt.Errorf("%w: it has no id", store.ErrInvalid)
	}
	return &stored, nil
}

func (s *Store) acceptLease(m *courier.Message) error {
	leased := m.Lease.Node != "" && !m.Lease.Until.IsZero()
	switch {
	case m.Status == courier.StatusQueued && m.Lease == courier.Lease{}:
		return nil
	case m.Status == courier.StatusProcessing && leased:
		if m.Lease.Token == 0 {
			m.Lease.Token = s.token()
		}
		s.heed(m.Lease.Token)
		m.Lease.Until = floor(m.Lease.Until)
		return nil
	}
	return fmt.Errorf("%w: status %q does not fit its lease", store.ErrInvalid, m.Status)
}

// run stores the messages but for those whose idempotency key is known.
func (e *enqueueing) run(ctx context.Context, s *session) (tally, error) {
	var change tally
	firsts := map[string]*courier.Message{}
	for i, m := range e.messages {
		first, err := e.first(ctx, s, firsts, m.IdempotencyKey)
		if err != nil {
			return tally{}, err
		}
		if first != nil {
			e.answers[i] = repeated(m, first)
			continue
		}
		if _, err := s.exec(ctx, queryInsertMessage, e.arguments[i]...); err != nil {
			return tally{}, insertFault(m, err)
		}
		e.answers[i] = store.Enqueued{Message: m}
		change.add(m.Status, 1)
		if m.IdempotencyKey != "" {
			firsts[m.IdempotencyKey] = m
		}
	}
	return change, nil
}

// first returns the message that had the key first, in its present state, or nil.
func (e *enqueueing) first(
	ctx context.Context, s *session, firsts map[string]*courier.Message, key string,
) (*courier.Message, error) {
	if key == "" {
		return nil, nil
	}
	if first, ok := firsts[key]; ok {
		return first, nil
	}
	return s.message(ctx, queryMessageByKey, key)
}

// repeated answers for a message whose key was known.
func repeated(m, first *courier.Message) store.Enqueued {
	if m.Fingerprint != first.Fingerprint {
		return store.Enqueued{Message: first, Err: store.ErrIdempotencyConflict}
	}
	return store.Enqueued{Message: first, Duplicate: true}
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

// message returns the one message that a statement finds, or nil.
func (s *session) message(ctx context.Context, name query, argument any) (*courier.Message, error) {
	found, err := readMessages(ctx, s.statements, name, argument)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0].message, nil
}

// readMessages returns the messages that a statement finds, with their last errors.
func readMessages(ctx context.Context, on statements, name query, arguments ...any) ([]messageRow, error) {
	var found []messageRow
	scanner := newRowScanner(messageColumns)
	err := queryAll(ctx, on[name], name, func(rows *sql.Rows) error {
		if err := scanner.scan(rows); err != nil {
			return err
		}
		found = append(found, scanner.message())
		return nil
	}, arguments...)
	if err != nil {
		return nil, err
	}
	return found, readLastErrors(ctx, on, found)
}

// readLastErrors adds to messages the attempts that failed last.
func readLastErrors(ctx context.Context, on statements, found []messageRow) error {
	scanner := newRowScanner(attemptColumns)
	for _, row := range found {
		if row.lastError == 0 {
			continue
		}
		err := queryAll(ctx, on[queryAttempt], queryAttempt, func(rows *sql.Rows) error {
			err := scanner.scan(rows)
			attempt := scanner.attempt()
			row.message.LastError = &attempt
			return err
		}, row.seq, int64(row.lastError))
		if err != nil {
			return err
		}
	}
	return nil
}
