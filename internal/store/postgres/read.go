package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// The numbers of sessions that write no tally: those that read, and those with which
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
		message, attempts, err = readWhole(ctx, on, id)
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

// readWhole returns a message with its attempts, nil when there is none.
func readWhole(ctx context.Context, on *session, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	var message *courier.Message
	var attempts []courier.Attempt
	var accepted *courier.Attempt
	row := newMessageRow()
	err := on.read(ctx, queryMessage, func(rows pgx.Rows) error {
		if err := row.scan(rows); err != nil {
			return err
		}
		if beside := row.value(); message == nil || beside.LastError != nil {
			message, accepted = beside, row.acceptedAttempt()
		}
		if row.attempt.number.Valid {
			attempts = append(attempts, row.attempt.value())
		}
		return nil
	}, uuids([]courier.ID{id})[0])
	if accepted != nil {
		attempts = append(attempts, *accepted)
	}
	return message, attempts, err
}

// NextDue implements store.Store.
func (s *Store) NextDue(ctx context.Context, gateway string) (time.Time, error) {
	var due pgtype.Timestamptz
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		due = pgtype.Timestamptz{}
		return on.read(ctx, queryNextDue, func(rows pgx.Rows) error { return rows.Scan(&due) }, gateway)
	})
	if err != nil {
		return time.Time{}, s.fault("find next due message", err)
	}
	return moment(due), nil
}

// waitingGateway is a gateway that queued messages wait for.
type waitingGateway struct {
	name string
	// due is when the first of them is due.
	due time.Time
}

// waiting returns the gateways that queued messages wait for.
func (s *Store) waiting(ctx context.Context) ([]waitingGateway, error) {
	var found []waitingGateway
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		found, err = readWaiting(ctx, on)
		return err
	})
	return found, err
}

func readWaiting(ctx context.Context, on *session) ([]waitingGateway, error) {
	var found []waitingGateway
	err := on.read(ctx, queryWaitingGateways, func(rows pgx.Rows) error {
		var gateway waitingGateway
		var due pgtype.Timestamptz
		err := rows.Scan(&gateway.name, &due)
		gateway.due = moment(due)
		found = append(found, gateway)
		return err
	})
	return found, err
}

// readTally returns how many messages are in the statuses that are watched.
func readTally(ctx context.Context, on *session) (tally, error) {
	var sums tally
	err := on.read(ctx, queryReadTally, func(rows pgx.Rows) error {
		return rows.Scan(&sums.queued, &sums.processing, &sums.unknown)
	})
	return sums, err
}

// Stats implements store.Store.
func (s *Store) Stats(ctx context.Context, now time.Time) (store.Stats, error) {
	var gateways []waitingGateway
	var sums tally
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		if sums, err = readTally(ctx, on); err == nil {
			gateways, err = readWaiting(ctx, on)
		}
		return err
	})
	if err != nil {
		return store.Stats{}, s.fault("read state of queue", err)
	}
	stats := store.Stats{Queued: sums.queued, Processing: sums.processing, Unknown: sums.unknown}
	for _, gateway := range gateways {
		if gateway.due.IsZero() || gateway.due.After(now) {
			continue
		}
		if stats.OldestDueAt.IsZero() || gateway.due.Before(stats.OldestDueAt) {
			stats.OldestDueAt = gateway.due
		}
	}
	return stats, nil
}
