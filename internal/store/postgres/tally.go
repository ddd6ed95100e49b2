package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier/internal/store"
)

// Tallies implements store.Store.
func (s *Store) Tallies(ctx context.Context, since time.Time) ([]store.Tally, error) {
	found, err := readTallied(ctx, s, "Minutes", func(rows pgx.Rows) (t store.Tally, err error) {
		err = rows.Scan(&t.Minute, &t.Gateway, &t.Country, &t.Accepted, &t.Delivered, &t.Undelivered, &t.Slow)
		t.Minute = t.Minute.UTC()
		return t, err
	}, since.Truncate(time.Minute))
	return found, s.fault("read tallies", err)
}

// CountryTallies implements store.Store.
func (s *Store) CountryTallies(ctx context.Context, since time.Time) ([]store.Tally, error) {
	found, err := readTallied(ctx, s, "MinutesOfCountries", func(rows pgx.Rows) (t store.Tally, err error) {
		return t, rows.Scan(&t.Gateway, &t.Country, &t.Accepted, &t.Delivered, &t.Undelivered, &t.Slow)
	}, since.Truncate(time.Minute))
	return found, s.fault("read tallies of countries", err)
}

// Series implements store.Store.
func (s *Store) Series(ctx context.Context, since, until time.Time) ([]store.Point, error) {
	found, err := readTallied(ctx, s, "Points", func(rows pgx.Rows) (p store.Point, err error) {
		var numbers []int64
		err = rows.Scan(&p.At, &p.Gateway, &numbers)
		p.At, p.Traffic = p.At.UTC(), store.TrafficOf(numbers)
		return p, err
	}, since, until)
	return found, s.fault("read series", err)
}

// Faults implements store.Store.
func (s *Store) Faults(ctx context.Context, since time.Time) ([]store.Fault, error) {
	found, err := readTallied(ctx, s, "Faults", func(rows pgx.Rows) (f store.Fault, err error) {
		err = rows.Scan(&f.At, &f.Gateway, &f.Class, &f.Count)
		f.At = f.At.UTC()
		return f, err
	}, since)
	return found, s.fault("read faults", err)
}

// readTallied reads what was added up; what this node has in memory is written first.
func readTallied[T any](ctx context.Context, s *Store, name string, scan func(rows pgx.Rows) (T, error), arguments ...any) ([]T, error) {
	if err := s.reading(ctx, s.writeTallies); err != nil {
		return nil, err
	}
	return readAs(ctx, s, name, scan, arguments...)
}

// writeTallies writes what is in memory only. Where an answer is lost it may be
// written twice: it is statistics.
func (s *Store) writeTallies(ctx context.Context, on *session) error {
	s.tallying.Lock()
	defer s.tallying.Unlock()
	sums := s.tallies.Take()
	if len(sums.Tallies)+len(sums.Points)+len(sums.Faults) == 0 {
		return nil
	}
	err := on.addTallies(ctx, sums.Tallies)
	if err == nil {
		sums.Tallies = nil
		err = on.addPoints(ctx, sums.Points)
	}
	if err == nil {
		sums.Points = nil
		err = on.addFaults(ctx, sums.Faults)
	}
	if err != nil {
		s.tallies.Add(sums)
		return err
	}
	return s.thin(ctx, on, sums.Newest)
}

func (s *session) addTallies(ctx context.Context, list []store.Tally) error {
	type row = store.Tally
	if len(list) == 0 {
		return nil
	}
	return s.exec(ctx, "AddMinute",
		column(list, func(t row) pgtype.Timestamptz { return stamp(t.Minute) }),
		column(list, func(t row) string { return t.Gateway }), column(list, func(t row) string { return t.Country }),
		column(list, func(t row) int64 { return t.Accepted }), column(list, func(t row) int64 { return t.Delivered }),
		column(list, func(t row) int64 { return t.Undelivered }), column(list, func(t row) int64 { return t.Slow }))
}

func (s *session) addPoints(ctx context.Context, list []store.Point) error {
	type row = store.Point
	if len(list) == 0 {
		return nil
	}
	var numbers []int64
	for i := range list {
		numbers = append(numbers, list[i].Numbers()...)
	}
	return s.exec(ctx, "AddPoint", column(list, func(p row) pgtype.Timestamptz { return stamp(p.At) }),
		column(list, func(p row) string { return p.Gateway }), numbers, int64(len(numbers)/len(list)))
}

func (s *session) addFaults(ctx context.Context, list []store.Fault) error {
	type row = store.Fault
	if len(list) == 0 {
		return nil
	}
	return s.exec(ctx, "AddFault", column(list, func(f row) pgtype.Timestamptz { return stamp(f.At) }),
		column(list, func(f row) string { return f.Gateway }), column(list, func(f row) string { return string(f.Class) }),
		column(list, func(f row) int64 { return f.Count }))
}

// thin adds up what is old, and deletes what is older, now and then.
func (s *Store) thin(ctx context.Context, on *session, now time.Time) error {
	series, tallies, due := s.thinner.Due(now)
	if !due {
		return nil
	}
	step := store.Coarse().Microseconds()
	err := errors.Join(on.exec(ctx, "FoldMinutes", tallies, step), on.exec(ctx, "FoldPoints", series, step))
	for statement, kept := range map[string]time.Duration{
		"DeleteMinutes": store.TalliesFor, "DeletePoints": store.SeriesFor, "DeleteFaults": store.SeriesFor,
	} {
		err = errors.Join(err, on.exec(ctx, statement, now.Add(-kept)))
	}
	return err
}

// SetWeight implements store.Store.
func (s *Store) SetWeight(ctx context.Context, w store.Weight) error {
	err := s.write(ctx, "set weight", func(ctx context.Context, on *session) error {
		return on.inTx(ctx, func(in *session) error {
			if err := in.exec(ctx, "DeleteWeights", w.Route, w.Gateway, store.Floor(w.ChangedAt.Add(-store.WeightsFor))); err != nil {
				return err
			}
			return in.exec(ctx, "InsertWeight", w.Route, w.Gateway, small(w.Weight), w.Reason, store.Floor(w.ChangedAt))
		})
	})
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
	return readAs(ctx, s, name, func(rows pgx.Rows) (w store.Weight, err error) {
		err = rows.Scan(&w.Route, &w.Gateway, &w.Weight, &w.Reason, &w.ChangedAt)
		w.ChangedAt = w.ChangedAt.UTC()
		return w, err
	}, arguments...)
}
