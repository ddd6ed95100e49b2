package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// lockUsages reads what is counted of the subjects of limits, and holds it until the end
// of the transaction.
func lockUsages(usages *store.Usages, limits []courier.Limit) query {
	subjects := [][]byte{}
	for _, subject := range store.Subjects(limits) {
		subjects = append(subjects, subject[:])
	}
	return query{"Usage", []any{subjects}, func(rows pgx.Rows) error {
		var subject, times []byte
		if err := rows.Scan(&subject, &times); err != nil {
			return err
		}
		return usages.Set(store.Subject(subject), times)
	}}
}

// setUsages writes what messages that were taken change of it, nil for nothing.
func setUsages(usages *store.Usages) *query {
	var subjects, times [][]byte
	var untils []pgtype.Timestamptz
	_ = usages.Changed(func(subject store.Subject, until time.Time, stored []byte) error {
		subjects, untils, times = append(subjects, subject[:]), append(untils, stamp(until)), append(times, stored)
		return nil
	})
	if len(subjects) == 0 {
		return nil
	}
	return &query{"SetUsage", []any{subjects, untils, times}, nothing}
}

// PurgeUsage implements store.Store.
func (s *Store) PurgeUsage(ctx context.Context, now time.Time, limit int) (int, error) {
	purged, err := s.sweep(ctx, "purge", "PurgeUsage", store.Floor(now), int64(max(limit, 0)))
	return purged, s.fault("purge limits", err)
}
