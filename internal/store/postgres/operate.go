package postgres

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// write runs statements as one job.
func (s *Store) write(ctx context.Context, name string, run func(ctx context.Context, on *session) error) error {
	return s.queue.submit(ctx, &job{name: name, run: func(ctx context.Context, on *session, _ bool) error { return run(ctx, on) }})
}

// Pause implements store.Store.
func (s *Store) Pause(ctx context.Context, p store.Pause) error {
	err := s.write(ctx, "pause", func(ctx context.Context, on *session) error {
		return on.exec(ctx, "SetPause", p.Gateway, store.CleanText(p.Reason), p.Who, store.Floor(p.At))
	})
	return s.fault("pause gateway", err)
}

// Resume implements store.Store.
func (s *Store) Resume(ctx context.Context, gateway string) (bool, error) {
	gone, err := s.sweeping(ctx, "resume", func(ctx context.Context, on *session) (int, error) {
		return on.count(ctx, "DeletePause", gateway)
	})
	return gone > 0, s.fault("resume gateway", err)
}

// Pauses implements store.Store.
func (s *Store) Pauses(ctx context.Context) ([]store.Pause, error) {
	found, err := readAs(ctx, s, "Pauses", func(rows pgx.Rows) (p store.Pause, err error) {
		err = rows.Scan(&p.Gateway, &p.Reason, &p.Who, &p.At)
		p.At = p.At.UTC()
		return p, err
	})
	return found, s.fault("read pauses", err)
}

// readAs reads what a statement finds.
func readAs[T any](ctx context.Context, s *Store, name string, scan func(rows pgx.Rows) (T, error), arguments ...any) ([]T, error) {
	var found []T
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		found = nil
		return on.read(ctx, name, func(rows pgx.Rows) error {
			row, err := scan(rows)
			found = append(found, row)
			return err
		}, arguments...)
	})
	return found, err
}

// Audit implements store.Store.
func (s *Store) Audit(ctx context.Context, e store.Entry) error {
	err := s.write(ctx, "audit", func(ctx context.Context, on *session) error {
		if err := on.exec(ctx, "ForgetEntries", store.Floor(e.At.Add(-store.AuditFor))); err != nil {
			return err
		}
		return on.exec(ctx, "InsertEntry", store.Floor(e.At), e.Who, e.Action, store.CleanText(e.Target), store.CleanText(e.Reason), store.CleanText(e.Detail))
	})
	return s.fault("enter in audit log", err)
}

// Audits implements store.Store.
func (s *Store) Audits(ctx context.Context, query store.AuditQuery) ([]store.Entry, error) {
	before, statement := query.Before, query.Statement()
	if before == 0 {
		before = math.MaxInt64
	}
	arguments := []any{before, int64(max(query.Limit, 0)), query.Action, query.Target}
	found, err := readAs(ctx, s, statement, func(rows pgx.Rows) (e store.Entry, err error) {
		err = rows.Scan(&e.Seq, &e.At, &e.Who, &e.Action, &e.Target, &e.Reason, &e.Detail)
		e.At = e.At.UTC()
		return e, err
	}, arguments[:map[string]int{"Entries": 2, "EntriesOfAction": 3, "EntriesOfTarget": 4}[statement]]...)
	return found, s.fault("read audit log", err)
}

// StartAction implements store.Store.
func (s *Store) StartAction(ctx context.Context, a store.Action) error {
	err := s.write(ctx, "start action", func(ctx context.Context, on *session) error {
		if err := on.exec(ctx, "ForgetActions", store.Floor(a.At.Add(-store.AuditFor))); err != nil {
			return err
		}
		return on.exec(ctx, "InsertAction", uuid(a.ID), string(a.Kind), string(a.As), store.CleanText(store.EncodeFilter(&a.Filter)),
			store.CleanText(a.Reason), a.Who, store.Floor(a.At))
	})
	return s.fault("start action", err)
}

// TakeAction implements store.Store.
func (s *Store) TakeAction(ctx context.Context, node string, now, until time.Time) (*store.Action, error) {
	var taken []store.Action
	err := s.write(ctx, "take action", func(ctx context.Context, on *session) error {
		taken = nil
		return on.read(ctx, "TakeAction", func(rows pgx.Rows) error {
			a, err := scanAction(rows)
			taken = append(taken, a)
			return err
		}, node, store.Floor(now), store.Floor(until))
	})
	if err != nil { // it may still run, and write what it takes
		return nil, s.fault("take action", err)
	}
	return store.FirstAction(taken), nil
}

// SaveAction implements store.Store.
func (s *Store) SaveAction(ctx context.Context, node string, a store.Action, until time.Time) (bool, error) {
	var doneTo pgtype.UUID
	if a.Filter.After != nil {
		doneTo = uuid(*a.Filter.After)
	}
	saved, err := s.sweeping(ctx, "save action", func(ctx context.Context, on *session) (int, error) {
		return on.count(ctx, "SaveAction", uuid(a.ID), node, string(a.Status), store.Floor(a.UpdatedAt), stamp(a.EndedAt), doneTo,
			a.Examined, a.Changed, a.Skipped, store.CleanText(a.Fault), store.Floor(until))
	})
	return saved == 1, s.fault("save action", err)
}

// StopAction implements store.Store.
func (s *Store) StopAction(ctx context.Context, id courier.ID, now time.Time) (*store.Action, error) {
	err := s.write(ctx, "stop action", func(ctx context.Context, on *session) error {
		return on.exec(ctx, "StopAction", uuid(id), store.Floor(now))
	})
	if err != nil {
		return nil, s.fault("stop action", err)
	}
	return s.Action(ctx, id)
}

// Action implements store.Store.
func (s *Store) Action(ctx context.Context, id courier.ID) (*store.Action, error) {
	found, err := readAs(ctx, s, "Action", scanAction, uuid(id))
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	return store.FirstAction(found), s.fault("read action", err)
}

// Actions implements store.Store.
func (s *Store) Actions(ctx context.Context, limit int) ([]store.Action, error) {
	found, err := readAs(ctx, s, "Actions", scanAction, int64(max(limit, 0)))
	return found, s.fault("read actions", err)
}

func scanAction(rows pgx.Rows) (a store.Action, err error) {
	var id, doneTo pgtype.UUID
	var ended pgtype.Timestamptz
	var filter string
	err = rows.Scan(&id, &a.Status, &a.Kind, &a.As, &filter, &a.Reason, &a.Who, &a.At, &a.UpdatedAt, &ended, &doneTo,
		&a.Examined, &a.Changed, &a.Skipped, &a.Fault)
	if err != nil {
		return a, err
	}
	a.Filter, err = store.DecodeFilter(filter)
	a.ID, a.At, a.UpdatedAt = id.Bytes, a.At.UTC(), a.UpdatedAt.UTC()
	if ended.Valid {
		a.EndedAt = ended.Time.UTC()
	}
	if doneTo.Valid {
		at := courier.ID(doneTo.Bytes)
		a.Filter.After = &at
	}
	return a, err
}
