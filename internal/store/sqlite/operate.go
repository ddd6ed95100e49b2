package sqlite

import (
	"context"
	"database/sql"
	"math"
	"time"

	"courier"
	"courier/internal/store"
)

// write runs an operation of a name and a few statements.
func (s *Store) write(ctx context.Context, name string, run func(ctx context.Context, s *session) error) error {
	return s.promise(ctx, &operation{name: name, rows: 1, run: run})
}

// Pause implements store.Store.
func (s *Store) Pause(ctx context.Context, p store.Pause) error {
	_, err := s.changePauses(ctx, "pause", "SetPause", p.Gateway, store.CleanText(p.Reason), p.Who, p.At.UnixMicro())
	return s.fault("pause gateway", err)
}

// Resume implements store.Store.
func (s *Store) Resume(ctx context.Context, gateway string) (bool, error) {
	gone, err := s.changePauses(ctx, "resume", "DeletePause", gateway)
	return gone > 0, s.fault("resume gateway", err)
}

// changePauses changes a pause, and tells the node of those that there are then, also when
// nobody waits for the answer any more.
func (s *Store) changePauses(ctx context.Context, name, statement string, arguments ...any) (int64, error) {
	var changed int64
	var pauses []store.Pause
	err := s.promise(ctx, &operation{name: name, rows: 1, run: func(ctx context.Context, session *session) (err error) {
		if changed, err = session.exec(ctx, statement, arguments...); err == nil {
			pauses, err = session.pauses(ctx)
		}
		return err
	}, committed: func() { s.setPaused(pauses) }})
	if err != nil { // it may still run
		return 0, err
	}
	return changed, nil
}

// Pauses implements store.Store.
func (s *Store) Pauses(ctx context.Context) ([]store.Pause, error) {
	found, err := s.readers.pauses(ctx)
	return found, s.fault("read pauses", err)
}

func (s statements) pauses(ctx context.Context) ([]store.Pause, error) {
	return readAs(ctx, s, "Pauses", func(rows *sql.Rows) (p store.Pause, err error) {
		var at int64
		err = rows.Scan(&p.Gateway, &p.Reason, &p.Who, &at)
		p.At = time.UnixMicro(at).UTC()
		return p, err
	})
}

// readAs reads what a statement finds.
func readAs[T any](ctx context.Context, from statements, name string, scan func(rows *sql.Rows) (T, error), arguments ...any) ([]T, error) {
	var found []T
	err := from.read(ctx, name, func(rows *sql.Rows) error {
		row, err := scan(rows)
		found = append(found, row)
		return err
	}, arguments...)
	return found, err
}

// setPaused has the next beats tell the node of pauses.
func (r *registry) setPaused(pauses []store.Pause) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.paused = nil
	for _, p := range pauses {
		r.paused = append(r.paused, p.Gateway)
	}
}

// Audit implements store.Store.
func (s *Store) Audit(ctx context.Context, e store.Entry) error {
	err := s.write(ctx, "audit", func(ctx context.Context, session *session) error {
		_, err := session.exec(ctx, "ForgetEntries", e.At.Add(-store.AuditFor).UnixMicro())
		if err == nil {
			_, err = session.exec(ctx, "InsertEntry", e.At.UnixMicro(), e.Who, e.Action, e.Target, e.Reason, e.Detail)
		}
		return err
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
	found, err := readAs(ctx, s.readers, statement, func(rows *sql.Rows) (e store.Entry, err error) {
		var at int64
		err = rows.Scan(&e.Seq, &at, &e.Who, &e.Action, &e.Target, &e.Reason, &e.Detail)
		e.At = time.UnixMicro(at).UTC()
		return e, err
	}, arguments[:map[string]int{"Entries": 2, "EntriesOfAction": 3, "EntriesOfTarget": 4}[statement]]...)
	return found, s.fault("read audit log", err)
}

// StartAction implements store.Store.
func (s *Store) StartAction(ctx context.Context, a store.Action) error {
	err := s.write(ctx, "start action", func(ctx context.Context, session *session) error {
		_, err := session.exec(ctx, "ForgetActions", a.At.Add(-store.AuditFor).UnixMicro())
		if err == nil {
			_, err = session.exec(ctx, "InsertAction", a.ID[:], string(a.Kind), string(a.As), store.EncodeFilter(&a.Filter), a.Reason, a.Who, a.At.UnixMicro())
		}
		return err
	})
	return s.fault("start action", err)
}

// TakeAction implements store.Store.
func (s *Store) TakeAction(ctx context.Context, node string, now, until time.Time) (*store.Action, error) {
	var taken []store.Action
	err := s.write(ctx, "take action", func(ctx context.Context, session *session) (err error) {
		taken, err = session.actions(ctx, "TakeAction", node, now.UnixMicro(), until.UnixMicro())
		return err
	})
	if err != nil { // it may still run, and write what it takes
		return nil, s.fault("take action", err)
	}
	return store.FirstAction(taken), nil
}

// SaveAction implements store.Store.
func (s *Store) SaveAction(ctx context.Context, node string, a store.Action, until time.Time) (bool, error) {
	var saved int64
	var doneTo any
	if a.Filter.After != nil {
		doneTo = a.Filter.After[:]
	}
	err := s.write(ctx, "save action", func(ctx context.Context, session *session) (err error) {
		saved, err = session.exec(ctx, "SaveAction", a.ID[:], node, string(a.Status), a.UpdatedAt.UnixMicro(), micros(a.EndedAt), doneTo,
			a.Examined, a.Changed, a.Skipped, a.Fault, until.UnixMicro())
		return err
	})
	if err != nil {
		return false, s.fault("save action", err)
	}
	return saved == 1, nil
}

// StopAction implements store.Store.
func (s *Store) StopAction(ctx context.Context, id courier.ID, now time.Time) (*store.Action, error) {
	err := s.write(ctx, "stop action", func(ctx context.Context, session *session) error {
		_, err := session.exec(ctx, "StopAction", id[:], now.UnixMicro())
		return err
	})
	if err != nil {
		return nil, s.fault("stop action", err)
	}
	return s.Action(ctx, id)
}

// Action implements store.Store.
func (s *Store) Action(ctx context.Context, id courier.ID) (*store.Action, error) {
	found, err := s.readers.actions(ctx, "Action", id[:])
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	return store.FirstAction(found), s.fault("read action", err)
}

// Actions implements store.Store.
func (s *Store) Actions(ctx context.Context, limit int) ([]store.Action, error) {
	found, err := s.readers.actions(ctx, "Actions", int64(max(limit, 0)))
	return found, s.fault("read actions", err)
}

func (s statements) actions(ctx context.Context, name string, arguments ...any) ([]store.Action, error) {
	scanner := newRowScanner(15)
	return readAs(ctx, s, name, func(rows *sql.Rows) (store.Action, error) {
		if err := scanner.scan(rows); err != nil {
			return store.Action{}, err
		}
		filter, err := store.DecodeFilter(scanner.text(4))
		a := store.Action{
			Status: store.ActionStatus(scanner.text(1)), Kind: store.ActionKind(scanner.text(2)), As: store.Resolution(scanner.text(3)), Filter: filter,
			Reason: scanner.text(5), Who: scanner.text(6), At: scanner.time(7), UpdatedAt: scanner.time(8), EndedAt: scanner.time(9),
			Examined: scanner.integer(11), Changed: scanner.integer(12), Skipped: scanner.integer(13), Fault: scanner.text(14),
		}
		copy(a.ID[:], scanner.blob(0))
		if doneTo := scanner.blob(10); doneTo != nil {
			a.Filter.After = (*courier.ID)(doneTo)
		}
		return a, err
	}, arguments...)
}
