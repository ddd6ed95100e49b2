package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// insertLimited is insert for messages of which some have limits. Those that these leave
// no room for are answered, and not stored. It runs in a transaction, which holds the
// subjects of the limits until its end.
func (n *inserting) insertLimited(ctx context.Context, in *session, now time.Time) (map[courier.ID]bool, error) {
	usages, err := n.lockUsages(ctx, in)
	if err != nil {
		return nil, err
	}
	repeats, err := n.knownKeys(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, p := range n.places {
		k := keyOf(p.Message)
		if len(p.Limits) == 0 || k.name != "" && repeats[k] {
			continue
		}
		if refused := usages.Take(p.Message, now); refused != nil {
			*p.answer = store.Enqueued{Err: refused}
			continue
		}
		repeats[k] = true
	}
	stored, err := n.insert(ctx, in)
	if err != nil {
		return nil, err
	}
	var subjects, times [][]byte
	var untils []pgtype.Timestamptz
	_ = usages.Changed(func(subject store.Subject, until time.Time, stored []byte) error {
		subjects, untils, times = append(subjects, subject[:]), append(untils, stamp(until)), append(times, stored)
		return nil
	})
	if len(subjects) == 0 {
		return stored, nil
	}
	return stored, in.exec(ctx, "SetUsage", subjects, untils, times)
}

// lockUsages reads what is counted of the subjects of the limits.
func (n *inserting) lockUsages(ctx context.Context, in *session) (*store.Usages, error) {
	var limits []courier.Limit
	for _, p := range n.places {
		limits = append(limits, p.Limits...)
	}
	var subjects [][]byte
	for _, subject := range store.Subjects(limits) {
		subjects = append(subjects, subject[:])
	}
	usages := &store.Usages{}
	err := in.read(ctx, "Usage", func(rows pgx.Rows) error {
		var subject, times []byte
		if err := rows.Scan(&subject, &times); err != nil {
			return err
		}
		return usages.Set(store.Subject(subject), times)
	}, subjects)
	return usages, err
}

// knownKeys returns the keys of messages with limits that others had before.
func (n *inserting) knownKeys(ctx context.Context, in *session) (map[key]bool, error) {
	known := map[key]bool{}
	var callers, names []string
	for _, p := range n.places {
		if len(p.Limits) > 0 && p.IdempotencyKey != "" {
			callers, names = append(callers, p.Caller), append(names, p.IdempotencyKey)
		}
	}
	if len(names) == 0 {
		return known, nil
	}
	found, err := in.messages(ctx, "MessageByKey", callers, names)
	for _, m := range found {
		known[keyOf(m)] = true
	}
	return known, err
}

// refusedBefore answers for a message that was refused by a try whose answer was lost.
func refusedBefore(m *courier.Message) store.Enqueued {
	l := m.Limits[0]
	return store.Enqueued{Err: &courier.LimitError{By: l.By, Count: l.Count, Per: l.Per, RetryAfter: l.Per}}
}

// PurgeUsage implements store.Store.
func (s *Store) PurgeUsage(ctx context.Context, now time.Time, limit int) (int, error) {
	purged, err := s.sweep(ctx, "purge", "PurgeUsage", store.Floor(now), int64(max(limit, 0)))
	return purged, s.fault("purge limits", err)
}
