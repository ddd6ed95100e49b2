package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

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
	_, err := s.attempt(ctx, readWriter, func(ctx context.Context, on *session, _ bool) error { return read(ctx, on) }, false)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Message implements store.Store.
func (s *Store) Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	var message *courier.Message
	var attempts []courier.Attempt
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		var accepted *courier.Attempt
		message, attempts = nil, nil
		row := newMessageRow()
		err := on.read(ctx, "Message", func(rows pgx.Rows) error {
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
		if err == nil && len(attempts) > 0 {
			found := parts{}
			err = on.read(ctx, "Parts", found.read, uuids([]courier.ID{id}))
			found.fill(id, attempts)
		}
		if accepted != nil {
			attempts = append(attempts, *accepted)
		}
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

// parts are the ids of the parts of attempts that have several.
type parts map[partPlace][]string

type partPlace struct {
	id     courier.ID
	number int
}

// read reads a row of Parts.
func (p parts) read(rows pgx.Rows) error {
	var at partPlace
	var name string
	err := rows.Scan((*[16]byte)(&at.id), &at.number, &name)
	p[at] = append(p[at], name)
	return err
}

// fill gives the attempts of a message their ids.
func (p parts) fill(id courier.ID, attempts []courier.Attempt) {
	for i := range attempts {
		if names := p[partPlace{id, attempts[i].Number}]; len(names) > 1 {
			attempts[i].GatewayMessageIDs = names
		}
	}
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
func (s *Store) NextDue(ctx context.Context, gateway string, lane courier.Lane) (time.Time, error) {
	var due time.Time
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		due = time.Time{}
		return on.read(ctx, "NextDue", func(rows pgx.Rows) error { return rows.Scan(at(&due)) }, gateway, laneOf(lane))
	})
	return due.UTC(), s.fault("find next due message", err)
}

// Waiting implements store.Store.
func (s *Store) Waiting(ctx context.Context, query store.WaitingQuery) ([]*courier.Message, error) {
	from := stamp(query.DueFrom)
	if query.DueFrom.IsZero() {
		from = pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	var page []*courier.Message
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		page, err = on.messages(ctx, "Waiting", query.Gateway, from, uuid(query.After), int64(max(query.Limit, 0)), laneOf(query.Lane))
		return err
	})
	return page, s.fault("read queue", err)
}

// laneOf is a lane as the statements have it.
func laneOf(lane courier.Lane) string { return string(cmp.Or(lane, courier.LaneNormal)) }

// waiting returns the queues in which messages wait, without counting these.
func (s *Store) waiting(ctx context.Context) (found []store.Waiting, err error) {
	err = s.reading(ctx, func(ctx context.Context, on *session) error {
		found, err = on.waiting(ctx)
		return err
	})
	return found, err
}

func (s *session) waiting(ctx context.Context) ([]store.Waiting, error) {
	var found []store.Waiting
	err := s.read(ctx, "WaitingQueues", func(rows pgx.Rows) error {
		var w store.Waiting
		err := rows.Scan(&w.Gateway, (*string)(&w.Lane), at(&w.Due))
		w.Due = w.Due.UTC()
		found = append(found, w)
		return err
	})
	return found, err
}

// countWaiting counts what waits, up to store.CountedMost each, and leaves out what waits
// no more.
func (s *session) countWaiting(ctx context.Context, waiting []store.Waiting) ([]store.Waiting, error) {
	counts := make([]query, len(waiting))
	for i := range waiting {
		w := &waiting[i]
		counts[i] = query{
			name: "CountWaiting", arguments: []any{w.Gateway, string(w.Lane), w.Due, int64(store.CountedMost)},
			read: func(rows pgx.Rows) error { return rows.Scan(&w.Count) },
		}
	}
	if len(counts) == 0 {
		return nil, nil
	}
	err := s.readTogether(ctx, counts...)
	return slices.DeleteFunc(waiting, func(w store.Waiting) bool { return w.Count == 0 }), err
}

// Stats implements store.Store.
func (s *Store) Stats(ctx context.Context, now time.Time) (store.Stats, error) {
	var waiting []store.Waiting
	var counts store.Counts
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		if waiting, err = on.waiting(ctx); err == nil {
			waiting, err = on.countWaiting(ctx, waiting)
		}
		if err == nil {
			counts, err = on.counts(ctx)
		}
		return err
	})
	if err != nil {
		return store.Stats{}, s.fault("read state of queue", err)
	}
	return counts.Stats(waiting, now), nil
}

// Messages implements store.Store.
func (s *Store) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	var page store.Page
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		page, err = store.List(query, lister{on, ctx})
		return err
	})
	return page, s.fault("list messages", err)
}

// lister implements store.Lister for one call.
type lister struct {
	on  *session
	ctx context.Context //nolint:containedctx // of the one call
}

func (l lister) Counts() (store.Counts, error) { return l.on.counts(l.ctx) }

func (l lister) List(statement string, r store.Range) ([]*courier.Message, error) {
	templateType, country, class := r.Fragments()
	return l.on.messages(l.ctx, statement, uuid(r.Below), uuid(r.Least), int64(r.Limit), string(r.Status), r.Gateway, r.To,
		templateType[0], templateType[1], country[0], country[1], class[0], string(r.Class))
}

func (l lister) Floor(statement string, below courier.ID, rows int, key string) (*courier.ID, error) {
	var floor *courier.ID
	err := l.on.read(l.ctx, statement, func(rows pgx.Rows) error {
		var id pgtype.UUID
		err := rows.Scan(&id)
		found := courier.ID(id.Bytes)
		floor = &found
		return err
	}, uuid(below), int64(rows), key)
	return floor, err
}
