package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"time"

	"courier"
	"courier/internal/store"
)

// Message implements store.Store.
func (s *Store) Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	message, attempts, err := s.whole(ctx, id)
	return message, attempts, s.fault("read message", err)
}

// whole returns a message with its attempts, all of one state of the database.
func (s *Store) whole(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	tx, err := s.readDB.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	// Nothing was written, so there is nothing to commit.
	defer func() { _ = tx.Rollback() }()
	on := statements{}
	for _, name := range []string{"Message", "Attempts", "Attempt", "Parts"} {
		on[name] = tx.StmtContext(ctx, s.readers[name])
	}
	found, err := on.rows(ctx, "Message", id[:])
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, store.ErrNotFound
	}
	attempts, err := on.allAttempts(ctx, found[0])
	if err != nil {
		return nil, nil, err
	}
	return decode(found)[0], attempts, nil
}

// allAttempts returns the attempts of a message with the ids of their parts.
func (s statements) allAttempts(ctx context.Context, row messageRow) ([]courier.Attempt, error) {
	if row.accepted != nil && row.accepted.Number == 1 {
		return []courier.Attempt{*row.accepted}, nil
	}
	attempts, err := s.attempts(ctx, "Attempts", row.seq)
	if err != nil {
		return nil, err
	}
	parts := map[int][]string{}
	var number int
	var id string
	err = s.read(ctx, "Parts", func(rows *sql.Rows) error {
		err := rows.Scan(&number, &id)
		parts[number] = append(parts[number], id)
		return err
	}, row.seq)
	for i := range attempts {
		if ids := parts[attempts[i].Number]; len(ids) > 1 {
			attempts[i].GatewayMessageIDs = ids
		}
	}
	if row.accepted != nil {
		attempts = append(attempts, *row.accepted)
	}
	return attempts, err
}

// message returns the one message that a statement finds, or nil.
func (s statements) message(ctx context.Context, name string, arguments ...any) (*courier.Message, error) {
	found, err := s.messages(ctx, name, arguments...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// messages returns the messages that a statement finds.
func (s statements) messages(ctx context.Context, name string, arguments ...any) ([]*courier.Message, error) {
	found, err := s.rows(ctx, name, arguments...)
	return decode(found), err
}

// decode completes the messages of rows by their contents.
func decode(rows []messageRow) []*courier.Message {
	messages := make([]*courier.Message, len(rows))
	for i, row := range rows {
		store.DecodeContent(row.message, row.content)
		messages[i] = row.message
	}
	return messages
}

// rows returns the rows that a statement finds, with their last errors and
// without their contents.
func (s statements) rows(ctx context.Context, name string, arguments ...any) ([]messageRow, error) {
	var found []messageRow
	scanner := newRowScanner(messageColumns)
	err := s.read(ctx, name, func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		if err == nil {
			found = append(found, scanner.message())
		}
		return err
	}, arguments...)
	for _, row := range found {
		store.DecodeFailure(row.message, row.failure)
		store.NoteEnd(row.message)
		if row.lastError == 0 || row.message.LastError != nil || err != nil {
			continue
		}
		var failed []courier.Attempt
		if failed, err = s.attempts(ctx, "Attempt", row.seq, int64(row.lastError)); len(failed) > 0 {
			row.message.LastError = &failed[0]
		}
	}
	return found, err
}

func (s statements) attempts(ctx context.Context, name string, arguments ...any) ([]courier.Attempt, error) {
	var attempts []courier.Attempt
	scanner := newRowScanner(attemptColumns)
	err := s.read(ctx, name, func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		if err == nil {
			attempts = append(attempts, scanner.attempt())
		}
		return err
	}, arguments...)
	return attempts, err
}

// NextDue implements store.Store.
func (s *Store) NextDue(ctx context.Context, gateway string, lane courier.Lane) (time.Time, error) {
	var due time.Time
	scanner := newRowScanner(1)
	err := s.readers.read(ctx, "NextDue", func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		due = scanner.time(0)
		return err
	}, gateway, laneOf(lane))
	return due, s.fault("find next due message", err)
}

// Waiting implements store.Store.
func (s *Store) Waiting(ctx context.Context, query store.WaitingQuery) ([]*courier.Message, error) {
	from := int64(math.MinInt64)
	if !query.DueFrom.IsZero() {
		from = query.DueFrom.UnixMicro()
	}
	page, err := s.readers.messages(ctx, "Waiting", query.Gateway, from, query.After[:], int64(max(query.Limit, 0)), laneOf(query.Lane))
	return page, s.fault("read queue", err)
}

// laneOf is a lane as the statements have it.
func laneOf(lane courier.Lane) string { return string(cmp.Or(lane, courier.LaneNormal)) }

// waiting returns the queues in which messages wait, which are counted up to a number.
func (s *Store) waiting(ctx context.Context, most int) ([]store.Waiting, error) {
	var found []store.Waiting
	scanner := newRowScanner(4)
	err := s.readers.read(ctx, "WaitingQueues", func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		found = append(found, store.Waiting{
			Gateway: scanner.text(0), Lane: courier.Lane(scanner.text(1)), Due: scanner.time(2), Count: int(scanner.integer(3)),
		})
		return err
	}, int64(most))
	return found, err
}

// Stats implements store.Store.
func (s *Store) Stats(ctx context.Context, now time.Time) (store.Stats, error) {
	waiting, err := s.waiting(ctx, store.CountedMost)
	if err != nil {
		return store.Stats{}, s.fault("read state of queue", err)
	}
	return s.counts.read().Stats(waiting, now), nil
}

// Messages implements store.Store.
func (s *Store) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	page, err := store.List(query, lister{s, ctx})
	return page, s.fault("list messages", err)
}

// lister implements store.Lister for one call.
type lister struct {
	store *Store
	ctx   context.Context //nolint:containedctx // of the one call
}

func (l lister) Counts() (store.Counts, error) { return l.store.counts.read(), nil }

func (l lister) List(statement string, r store.Range) ([]*courier.Message, error) {
	templateType, country, class := r.Fragments()
	return l.store.readers.messages(l.ctx, statement, r.Below[:], r.Least[:], int64(r.Limit), optional(string(r.Status)), optional(r.Gateway), r.To,
		templateType[0], templateType[1], country[0], country[1], class[0], string(r.Class))
}

func (l lister) Floor(statement string, below courier.ID, rows int, key string) (*courier.ID, error) {
	var floor []byte
	err := l.store.readers.read(l.ctx, statement, func(found *sql.Rows) error { return found.Scan(&floor) }, below[:], int64(rows), key)
	if floor == nil {
		return nil, err
	}
	id := courier.ID(floor)
	return &id, err
}
