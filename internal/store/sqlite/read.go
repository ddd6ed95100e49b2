package sqlite

import (
	"context"
	"database/sql"
	"time"

	"courier"
	"courier/internal/store"
)

// Message implements store.Store.
func (s *Store) Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	var message *courier.Message
	var attempts []courier.Attempt
	err := s.snapshot(ctx, func(on statements) (err error) {
		message, attempts, err = readWhole(ctx, on, id)
		return err
	})
	if err != nil {
		return nil, nil, s.fault("read message", err)
	}
	return message, attempts, nil
}

// snapshot runs a function on statements that all see one state of the database.
func (s *Store) snapshot(ctx context.Context, read func(on statements) error) error {
	if s.writer.isClosed() {
		return store.ErrClosed
	}
	tx, err := s.readDB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	// Nothing was written, so there is nothing to commit.
	defer func() { _ = tx.Rollback() }()
	on := make(statements, 2)
	for _, name := range []query{queryMessage, queryAttempts, queryAttempt} {
		on[name] = tx.StmtContext(ctx, s.readers[name])
	}
	return read(on)
}

// readWhole returns a message with its attempts.
func readWhole(ctx context.Context, on statements, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	found, err := readMessages(ctx, on, queryMessage, id[:])
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, store.ErrNotFound
	}
	attempts, err := readAttempts(ctx, on, found[0].seq)
	if err != nil {
		return nil, nil, err
	}
	if accepted := found[0].accepted; accepted != nil {
		attempts = append(attempts, *accepted)
	}
	return found[0].message, attempts, nil
}

func readAttempts(ctx context.Context, on statements, seq int64) ([]courier.Attempt, error) {
	var attempts []courier.Attempt
	scanner := newRowScanner(attemptColumns)
	err := queryAll(ctx, on[queryAttempts], queryAttempts, func(rows *sql.Rows) error {
		if err := scanner.scan(rows); err != nil {
			return err
		}
		attempts = append(attempts, scanner.attempt())
		return nil
	}, seq)
	return attempts, err
}

// NextDue implements store.Store.
func (s *Store) NextDue(ctx context.Context, gateway string) (time.Time, error) {
	var due time.Time
	scanner := newRowScanner(1)
	err := queryAll(ctx, s.readers[queryNextDue], queryNextDue, func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		due = scanner.time(0)
		return err
	}, gateway)
	if err != nil {
		return time.Time{}, s.fault("find next due message", err)
	}
	return due, nil
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
	scanner := newRowScanner(2)
	err := queryAll(ctx, s.readers[queryWaitingGateways], queryWaitingGateways, func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		found = append(found, waitingGateway{name: scanner.text(0), due: scanner.time(1)})
		return err
	})
	return found, err
}

// Stats implements store.Store.
func (s *Store) Stats(ctx context.Context, now time.Time) (store.Stats, error) {
	gateways, err := s.waiting(ctx)
	if err != nil {
		return store.Stats{}, s.fault("read state of queue", err)
	}
	counts := s.census.read()
	stats := store.Stats{Queued: counts.queued, Processing: counts.processing, Unknown: counts.unknown}
	for _, gateway := range gateways {
		if gateway.due.After(now) {
			continue
		}
		if stats.OldestDueAt.IsZero() || gateway.due.Before(stats.OldestDueAt) {
			stats.OldestDueAt = gateway.due
		}
	}
	return stats, nil
}
