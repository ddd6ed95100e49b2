package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// The triggers that leave events, for a list of statuses. They are the one place
// that sees every change of a status.
const (
	dropTriggers  = `DROP TRIGGER IF EXISTS message_inserted; DROP TRIGGER IF EXISTS message_changed`
	createTrigger = `
CREATE TRIGGER message_%s AFTER %s ON message WHEN %s NEW.status IN (%s) BEGIN
    INSERT INTO event (listener, message_id, from_status, to_status, changed_at)
    SELECT name, NEW.id, %s, NEW.status, NEW.updated_at FROM listener WHERE status = NEW.status;
END`
)

func createTriggers(statuses []courier.Status) string {
	list := store.StatusList(statuses)
	return fmt.Sprintf(createTrigger, "inserted", "INSERT", "", list, "''") + ";" +
		fmt.Sprintf(createTrigger, "changed", "UPDATE", "NEW.status <> OLD.status AND", list, "OLD.status")
}

// Listen implements store.Store.
func (s *Store) Listen(ctx context.Context, listener string, statuses []courier.Status) error {
	statuses = slices.Clone(statuses)
	err := store.CheckListener(listener, statuses)
	if err == nil {
		err = s.writer.submit(ctx, &operation{name: "listen", rows: 1, run: func(ctx context.Context, session *session) error {
			return session.listen(ctx, listener, statuses)
		}})
	}
	return s.fault("listen to messages", err)
}

func (s *session) listen(ctx context.Context, listener string, statuses []courier.Status) error {
	if _, err := s.exec(ctx, "DeleteListener", listener); err != nil {
		return err
	}
	for _, status := range statuses {
		if _, err := s.exec(ctx, "InsertListener", listener, string(status)); err != nil {
			return err
		}
	}
	if len(statuses) == 0 {
		if _, err := s.exec(ctx, "DeleteEventsOf", listener); err != nil {
			return err
		}
	}
	var all []courier.Status
	var status courier.Status
	if err := s.read(ctx, "ListenedStatuses", func(rows *sql.Rows) error {
		err := rows.Scan(&status)
		all = append(all, status)
		return err
	}); err != nil {
		return err
	}
	text := dropTriggers
	if len(all) > 0 {
		text += ";" + createTriggers(all)
	}
	if _, err := s.conn.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("make triggers: %w", err)
	}
	return nil
}

// Listeners implements store.Store.
func (s *Store) Listeners(ctx context.Context) ([]string, error) {
	var names []string
	err := s.readers.read(ctx, "ListenerNames", func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, s.fault("read listeners", err)
}

// Events implements store.Store.
func (s *Store) Events(ctx context.Context, listener string, after int64, limit int) ([]store.Event, error) {
	var events []store.Event
	var id []byte
	var changedAt int64
	err := s.readers.read(ctx, "Events", func(rows *sql.Rows) error {
		var e store.Event
		err := rows.Scan(&e.Seq, &id, &e.From, &e.To, &changedAt)
		copy(e.MessageID[:], id)
		e.At = time.UnixMicro(changedAt).UTC()
		events = append(events, e)
		return err
	}, listener, after, int64(max(limit, 0)))
	return events, s.fault("read events", err)
}

// Forget implements store.Store.
func (s *Store) Forget(ctx context.Context, events []store.Event) error {
	events = slices.Clone(events)
	err := s.writer.submit(ctx, &operation{name: "forget", rows: len(events), run: func(ctx context.Context, session *session) error {
		for _, e := range events {
			if _, err := session.exec(ctx, "DeleteEvent", e.Seq); err != nil {
				return err
			}
		}
		return nil
	}})
	return s.fault("forget events", err)
}

// RecordNotices implements store.Store.
func (s *Store) RecordNotices(ctx context.Context, notices []store.Notice) error {
	waiting, ended := store.CleanNotices(notices)
	err := s.writer.submit(ctx, &operation{name: "record notices", rows: len(notices), run: func(ctx context.Context, session *session) error {
		for _, n := range waiting {
			if _, err := session.exec(ctx, "SetTries", n.Seq, n.Tries, micros(n.TriedAt), optional(n.Fault)); err != nil {
				return err
			}
		}
		for _, n := range ended {
			if _, err := session.exec(ctx, "KeepNotices", n.Seq, string(n.State), n.Tries, micros(n.TriedAt), optional(n.Fault)); err != nil {
				return err
			}
			if _, err := session.exec(ctx, "DeleteEvent", n.Seq); err != nil {
				return err
			}
		}
		return nil
	}})
	return s.fault("record notices", err)
}

// Notices implements store.Store.
func (s *Store) Notices(ctx context.Context, id courier.ID) ([]store.Notice, error) {
	var found []store.Notice
	scanner := newRowScanner(8)
	err := s.readers.read(ctx, "Notices", func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		found = append(found, store.Notice{
			Seq: scanner.integer(0), Listener: scanner.text(1), To: courier.Status(scanner.text(2)), At: scanner.time(3),
			State: store.NoticeState(scanner.text(4)), Tries: int(scanner.integer(5)), TriedAt: scanner.time(6), Fault: scanner.text(7),
		})
		return err
	}, id[:])
	return store.SortNotices(found), s.fault("read notices", err)
}
