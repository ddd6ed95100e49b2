package sqlite

import (
	"context"
	"database/sql"
	"time"

	"courier"
	"courier/internal/store"
)

// usages reads what is counted of the subjects of limits, unless it was read before.
func (s *session) usages(ctx context.Context, usages *store.Usages, limits []courier.Limit) error {
	for _, subject := range store.Subjects(limits) {
		if usages.Counts(subject) {
			continue
		}
		var times []byte
		err := s.read(ctx, "Usage", func(rows *sql.Rows) error { return rows.Scan(&times) }, subject[:])
		if err == nil {
			err = usages.Set(subject, times)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setUsages writes what messages that were taken change of it.
func (s *session) setUsages(ctx context.Context, usages *store.Usages) error {
	return usages.Changed(func(subject store.Subject, until time.Time, times []byte) error {
		_, err := s.exec(ctx, "SetUsage", subject[:], until.UnixMicro(), times)
		return err
	})
}

// PurgeUsage implements store.Store.
func (s *Store) PurgeUsage(ctx context.Context, now time.Time, limit int) (int, error) {
	purged, err := s.sweep(ctx, "purge", func(ctx context.Context, session *session) (int64, error) {
		return session.exec(ctx, "PurgeUsage", now.UnixMicro(), int64(max(limit, 0)))
	})
	return purged, s.fault("purge limits", err)
}
