package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"courier/internal/store"
)

// Tallies implements store.Store: what is in memory is written first.
func (s *Store) Tallies(ctx context.Context, since time.Time) ([]store.Tally, error) {
	err := ctx.Err()
	if err == nil {
		err = s.writeTallies(context.WithoutCancel(ctx))
	}
	var found []store.Tally
	if err == nil {
		err = s.readers.read(ctx, "Minutes", func(rows *sql.Rows) error {
			var t store.Tally
			var minute int64
			err := rows.Scan(&minute, &t.Gateway, &t.Country, &t.Accepted, &t.Delivered, &t.Undelivered, &t.Slow)
			t.Minute = time.UnixMicro(minute).UTC()
			found = append(found, t)
			return err
		}, since.Truncate(time.Minute).UnixMicro())
	}
	return found, s.fault("read tallies", err)
}

func (s *Store) writeTallies(ctx context.Context) error {
	list := s.tallies.Take()
	if len(list) == 0 {
		return nil
	}
	err := s.writer.submit(ctx, &operation{name: "tally", rows: len(list), run: func(ctx context.Context, session *session) error {
		for _, t := range list {
			if _, err := session.exec(ctx, "AddMinute", t.Minute.UnixMicro(), t.Gateway, t.Country,
				t.Accepted, t.Delivered, t.Undelivered, t.Slow); err != nil {
				return err
			}
		}
		_, err := session.exec(ctx, "DeleteMinutes", list[len(list)-1].Minute.Add(-store.TalliesFor).UnixMicro())
		return err
	}})
	if err != nil {
		s.tallies.Add(list)
	}
	return err
}

// SetWeight implements store.Store.
func (s *Store) SetWeight(ctx context.Context, w store.Weight) error {
	err := s.writer.submit(ctx, &operation{name: "set weight", rows: 1, run: func(ctx context.Context, session *session) error {
		_, err := session.exec(ctx, "DeleteWeights", w.Route, w.Gateway, w.ChangedAt.Add(-store.WeightsFor).UnixMicro())
		if err == nil {
			_, err = session.exec(ctx, "InsertWeight", w.Route, w.Gateway, int64(w.Weight), w.Reason, w.ChangedAt.UnixMicro())
		}
		return err
	}})
	return s.fault("set weight", err)
}

// Weights implements store.Store.
func (s *Store) Weights(ctx context.Context) ([]store.Weight, error) {
	weights, err := s.weights(ctx, "Weights")
	slices.SortFunc(weights, func(a, b store.Weight) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Gateway, b.Gateway))
	})
	return weights, s.fault("read weights", err)
}

// WeightHistory implements store.Store.
func (s *Store) WeightHistory(ctx context.Context, route string, limit int) ([]store.Weight, error) {
	weights, err := s.weights(ctx, "WeightHistory", route, int64(max(limit, 0)))
	return weights, s.fault("read history of weights", err)
}

func (s *Store) weights(ctx context.Context, name string, arguments ...any) ([]store.Weight, error) {
	var found []store.Weight
	err := s.readers.read(ctx, name, func(rows *sql.Rows) error {
		var w store.Weight
		var changedAt int64
		err := rows.Scan(&w.Route, &w.Gateway, &w.Weight, &w.Reason, &changedAt)
		w.ChangedAt = time.UnixMicro(changedAt).UTC()
		found = append(found, w)
		return err
	}, arguments...)
	return found, err
}
