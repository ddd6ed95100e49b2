package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"courier"
	"courier/internal/store"
)

// The numbers of sessions that count nothing: those that read, and those with which
// the node says that it is alive.
const (
	readWriter = -1
	nodeWriter = -2
)

// reading runs a function on a connection, again when the connection is lost: one
// that changes nothing, or that does no harm twice.
func (s *Store) reading(ctx context.Context, read func(ctx context.Context, on *session) error) error {
	if s.queue.isClosed() {
		return store.ErrClosed
	}
	select {
	case s.queue.reads <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return store.ErrClosed
	}
	defer func() { <-s.queue.reads }()
	_, err := s.attempt(ctx, readWriter, func(ctx context.Context, on *session, _ bool) error { return read(ctx, on) })
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Message implements store.Store.
func (s *Store) Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	var message *courier.Message
	var attempts []courier.Attempt
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		message, attempts, err = on.whole(ctx, id)
		return err
	})
	if err == nil && message == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, nil, s.fault("read message", err)
	}
	return message, attempts, nil
}

// whole returns a message with its attempts, nil when there is none.
func (s *session) whole(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	var message *courier.Message
	var attempts []courier.Attempt
	var accepted *courier.Attempt
	row := newMessageRow()
	err := s.read(ctx, "Message", func(rows pgx.Rows) error {
		found, err := row.scan(rows)
		if err != nil {
			return err
		}
		if message == nil || found.LastError != nil {
			message, accepted = found, row.acceptedAttempt()
		}
		if row.attempt.number.Valid {
			attempts = append(attempts, row.attempt.value())
		}
		return nil
	}, uuid(id))
	if accepted != nil {
		attempts = append(attempts, *accepted)
	}
	return message, attempts, err
}

// messages returns the messages that a statement finds, with their last errors.
func (s *session) messages(ctx context.Context, name string, arguments ...any) ([]*courier.Message, error) {
	var found []*courier.Message
	row := newMessageRow()
	err := s.read(ctx, name, func(rows pgx.Rows) error {
		m, err := row.scan(rows)
		found = append(found, m)
		return err
	}, arguments...)
	return found, err
}

// NextDue implements store.Store.
func (s *Store) NextDue(ctx context.Context, gateway string) (time.Time, error) {
	var due time.Time
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		due = time.Time{}
		return on.read(ctx, "NextDue", func(rows pgx.Rows) error { return rows.Scan(at(&due)) }, gateway)
	})
	if err != nil {
		return time.Time{}, s.fault("find next due message", err)
	}
	return due.UTC(), nil
}

// waiting returns the gateways that queued messages wait for.
func (s *Store) waiting(ctx context.Context) ([]store.Waiting, error) {
	var found []store.Waiting
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		found, err = on.waiting(ctx)
		return err
	})
	return found, err
}

func (s *session) waiting(ctx context.Context) ([]store.Waiting, error) {
	var found []store.Waiting
	err := s.read(ctx, "WaitingGateways", func(rows pgx.Rows) error {
		var w store.Waiting
		err := rows.Scan(&w.Gateway, at(&w.Due))
		w.Due = w.Due.UTC()
		found = append(found, w)
		return err
	})
	return found, err
}

// Stats implements store.Store.
func (s *Store) Stats(ctx context.Context, now time.Time) (store.Stats, error) {
	var stats store.Stats
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		counts, err := on.counts(ctx)
		if err != nil {
			return err
		}
		waiting, err := on.waiting(ctx)
		stats = counts.Stats(waiting, now)
		return err
	})
	if err != nil {
		return store.Stats{}, s.fault("read state of queue", err)
	}
	return stats, nil
}
