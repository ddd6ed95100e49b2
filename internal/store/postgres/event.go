package postgres

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// eventsFile makes the triggers that leave events, for {statuses}. They are the
// one place that sees every change of a status, whatever node or program makes it.
//
//go:embed events.sql
var eventsFile string

// The triggers go when nobody listens. A change of them waits for the transactions
// that write messages, and they for it: those of programs may be long, so it waits
// for a moment only and is tried again.
const (
	boundLock    = "SET LOCAL lock_timeout = '200ms'"
	dropTriggers = `DROP TRIGGER IF EXISTS message_inserted ON courier.message;
DROP TRIGGER IF EXISTS message_changed ON courier.message`
)

// Listen implements store.Store.
func (s *Store) Listen(ctx context.Context, listener string, statuses []courier.Status) error {
	statuses = slices.Clone(statuses)
	err := store.CheckListener(listener, statuses)
	if err != nil {
		return s.fault("listen to messages", err)
	}
	err = s.queue.submit(ctx, &job{name: "listen", decides: true, run: func(ctx context.Context, on *session, _ bool) error {
		return on.inTx(ctx, func(in *session) error { return in.listen(ctx, listener, statuses) })
	}})
	return s.fault("listen to messages", err)
}

func (s *session) listen(ctx context.Context, listener string, statuses []courier.Status) error {
	// One node at a time, as with migrations.
	if _, err := s.on.Exec(ctx, lockSetup); err != nil {
		return err
	}
	before, err := s.listened(ctx)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "ReplaceListener", listener, column(statuses, func(s courier.Status) string { return string(s) })); err != nil {
		return err
	}
	after, err := s.listened(ctx)
	if err != nil {
		return err
	}
	if len(statuses) == 0 {
		if err := s.exec(ctx, "DeleteEventsOf", listener); err != nil {
			return err
		}
	}
	if before == after {
		return nil
	}
	text := dropTriggers
	if after != "" {
		text = strings.ReplaceAll(eventsFile, "{statuses}", after)
	}
	for _, text := range []string{boundLock, text} {
		if _, err := s.on.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("make triggers: %w", err)
		}
	}
	return nil
}

// listened returns the statuses that somebody listens to, as a list of SQL.
func (s *session) listened(ctx context.Context) (string, error) {
	var statuses []courier.Status
	err := s.read(ctx, "ListenedStatuses", func(rows pgx.Rows) error {
		var status string
		err := rows.Scan(&status)
		statuses = append(statuses, courier.Status(status))
		return err
	})
	return store.StatusList(statuses), err
}

// Listeners implements store.Store.
func (s *Store) Listeners(ctx context.Context) ([]string, error) {
	var names []string
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		names = nil
		return on.read(ctx, "ListenerNames", func(rows pgx.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		})
	})
	return names, s.fault("read listeners", err)
}

// Events implements store.Store.
func (s *Store) Events(ctx context.Context, listener string, after int64, limit int) ([]store.Event, error) {
	var events []store.Event
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		events = nil
		return on.read(ctx, "Events", func(rows pgx.Rows) error {
			var e store.Event
			err := rows.Scan(&e.Seq, (*[16]byte)(&e.MessageID), (*string)(&e.From), (*string)(&e.To), &e.At)
			e.At = e.At.UTC()
			events = append(events, e)
			return err
		}, listener, after, int64(max(limit, 0)))
	})
	return events, s.fault("read events", err)
}

// Forget implements store.Store.
func (s *Store) Forget(ctx context.Context, events []store.Event) error {
	numbers := column(events, func(e store.Event) int64 { return e.Seq })
	err := s.queue.submit(ctx, &job{name: "forget", run: func(ctx context.Context, on *session, _ bool) error {
		return on.exec(ctx, "DeleteEvents", numbers)
	}})
	return s.fault("forget events", err)
}

// RecordNotices implements store.Store.
func (s *Store) RecordNotices(ctx context.Context, notices []store.Notice) error {
	type row = store.Notice
	waiting, ended := store.CleanNotices(notices)
	seq := func(n row) int64 { return n.Seq }
	tries := func(n row) int32 { return small(n.Tries) }
	triedAt := func(n row) pgtype.Timestamptz { return stamp(n.TriedAt) }
	fault := func(n row) string { return n.Fault }
	err := s.queue.submit(ctx, &job{name: "record notices", run: func(ctx context.Context, on *session, _ bool) (err error) {
		if len(waiting) > 0 {
			err = on.exec(ctx, "SetTries", column(waiting, seq), column(waiting, tries), column(waiting, triedAt), column(waiting, fault))
		}
		if err == nil && len(ended) > 0 {
			err = on.exec(ctx, "KeepNotices", column(ended, seq), column(ended, func(n row) string { return string(n.State) }),
				column(ended, tries), column(ended, triedAt), column(ended, fault))
		}
		return err
	}})
	return s.fault("record notices", err)
}

// Notices implements store.Store.
func (s *Store) Notices(ctx context.Context, id courier.ID) ([]store.Notice, error) {
	var found []store.Notice
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		found = nil
		return on.read(ctx, "Notices", func(rows pgx.Rows) error {
			var n store.Notice
			var triedAt pgtype.Timestamptz
			err := rows.Scan(&n.Seq, &n.Listener, (*string)(&n.To), &n.At, (*string)(&n.State), &n.Tries, &triedAt, &n.Fault)
			if n.At = n.At.UTC(); triedAt.Valid {
				n.TriedAt = triedAt.Time.UTC()
			}
			found = append(found, n)
			return err
		}, uuid(id))
	})
	return store.SortNotices(found), s.fault("read notices", err)
}
