package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier/internal/store"
)

// Tallies implements store.Store: what this node has in memory is written first.
func (s *Store) Tallies(ctx context.Context, since time.Time) ([]store.Tally, error) {
	var found []store.Tally
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		if err := s.writeTallies(ctx, on); err != nil {
			return err
		}
		found = nil
		return on.read(ctx, "Minutes", func(rows pgx.Rows) error {
			var t store.Tally
			err := rows.Scan(&t.Minute, &t.Gateway, &t.Country, &t.Accepted, &t.Delivered, &t.Undelivered, &t.Slow)
			t.Minute = t.Minute.UTC()
			found = append(found, t)
			return err
		}, since.Truncate(time.Minute))
	})
	return found, s.fault("read tallies", err)
}

// writeTallies writes what is in memory only. Where an answer is lost it may be
// written twice: it is statistics.
func (s *Store) writeTallies(ctx context.Context, on *session) error {
	type row = store.Tally
	s.tallying.Lock()
	defer s.tallying.Unlock()
	list := s.tallies.Take()
	if len(list) == 0 {
		return nil
	}
	err := on.exec(ctx, "AddMinute",
		column(list, func(t row) pgtype.Timestamptz { return stamp(t.Minute) }),
		column(list, func(t row) string { return t.Gateway }), column(list, func(t row) string { return t.Country }),
		column(list, func(t row) int64 { return t.Accepted }), column(list, func(t row) int64 { return t.Delivered }),
		column(list, func(t row) int64 { return t.Undelivered }), column(list, func(t row) int64 { return t.Slow }))
	if err != nil {
		s.tallies.Add(list)
		return err
	}
	return on.exec(ctx, "DeleteMinutes", list[len(list)-1].Minute.Add(-store.TalliesFor))
}

// SetWeight implements store.Store.
func (s *Store) SetWeight(ctx context.Context, w store.Weight) error {
	err := s.queue.submit(ctx, &job{name: "set weight", run: func(ctx context.Context, on *session, _ bool) error {
		return on.inTx(ctx, func(in *session) error {
			if err := in.exec(ctx, "DeleteWeights", w.Route, w.Gateway, store.Floor(w.ChangedAt.Add(-store.WeightsFor))); err != nil {
				return err
			}
			return in.exec(ctx, "InsertWeight", w.Route, w.Gateway, small(w.Weight), w.Reason, store.Floor(w.ChangedAt))
		})
	}})
	return s.fault("set weight", err)
}

// Weights implements store.Store.
func (s *Store) Weights(ctx context.Context) ([]store.Weight, error) {
	weights, err := s.weights(ctx, "Weights")
	return weights, s.fault("read weights", err)
}

// WeightHistory implements store.Store.
func (s *Store) WeightHistory(ctx context.Context, route string, limit int) ([]store.Weight, error) {
	weights, err := s.weights(ctx, "WeightHistory", route, int64(max(limit, 0)))
	return weights, s.fault("read history of weights", err)
}

func (s *Store) weights(ctx context.Context, name string, arguments ...any) ([]store.Weight, error) {
	var found []store.Weight
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		found = nil
		return on.read(ctx, name, func(rows pgx.Rows) error {
			var w store.Weight
			err := rows.Scan(&w.Route, &w.Gateway, &w.Weight, &w.Reason, &w.ChangedAt)
			w.ChangedAt = w.ChangedAt.UTC()
			found = append(found, w)
			return err
		}, arguments...)
	})
	return found, err
}
