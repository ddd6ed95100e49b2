package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"courier/internal/store"
)

// Tallies implements store.Store.
func (s *Store) Tallies(ctx context.Context, since time.Time) ([]store.Tally, error) {
	found, err := readTallied(ctx, s, "Minutes", func(rows *sql.Rows) (t store.Tally, err error) {
		var minute int64
		err = rows.Scan(&minute, &t.Gateway, &t.Country, &t.Accepted, &t.Delivered, &t.Undelivered, &t.Slow)
		t.Minute = time.UnixMicro(minute).UTC()
		return t, err
	}, since.Truncate(time.Minute).UnixMicro())
	return found, s.fault("read tallies", err)
}

// CountryTallies implements store.Store.
func (s *Store) CountryTallies(ctx context.Context, since time.Time) ([]store.Tally, error) {
	found, err := readTallied(ctx, s, "MinutesOfCountries", func(rows *sql.Rows) (t store.Tally, err error) {
		return t, rows.Scan(&t.Gateway, &t.Country, &t.Accepted, &t.Delivered, &t.Undelivered, &t.Slow)
	}, since.Truncate(time.Minute).UnixMicro())
	slices.SortFunc(found, func(a, b store.Tally) int {
		return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Country, b.Country))
	})
	return found, s.fault("read tallies of countries", err)
}

// Series implements store.Store.
func (s *Store) Series(ctx context.Context, since, until time.Time) ([]store.Point, error) {
	found, err := readTallied(ctx, s, "Points", scanPoint, since.UnixMicro(), until.UnixMicro())
	return found, s.fault("read series", err)
}

// Faults implements store.Store.
func (s *Store) Faults(ctx context.Context, since time.Time) ([]store.Fault, error) {
	found, err := readTallied(ctx, s, "Faults", func(rows *sql.Rows) (f store.Fault, err error) {
		var at int64
		err = rows.Scan(&at, &f.Gateway, &f.Class, &f.Count)
		f.At = time.UnixMicro(at).UTC()
		return f, err
	}, since.UnixMicro())
	return found, s.fault("read faults", err)
}

// readTallied reads what was added up; what is in memory is written first.
func readTallied[T any](ctx context.Context, s *Store, name string, scan func(rows *sql.Rows) (T, error), arguments ...any) ([]T, error) {
	err := ctx.Err()
	if err == nil {
		err = s.writeTallies(context.WithoutCancel(ctx))
	}
	if err != nil {
		return nil, err
	}
	return readAs(ctx, s.readers, name, scan, arguments...)
}

func scanPoint(rows *sql.Rows) (p store.Point, err error) {
	var at int64
	var list sql.RawBytes
	if err = rows.Scan(&at, &p.Gateway, &list); err == nil {
		p.At, p.Traffic = time.UnixMicro(at).UTC(), store.TrafficOf(numbersOf(list))
	}
	return p, err
}

// numbersOf reads a list of whole numbers. A day has thousands of them, which
// encoding/json takes ten times as long for.
func numbersOf(list []byte) []int64 {
	numbers, number, sign, digits := make([]int64, 0, 30), int64(0), int64(1), false
	for _, c := range list {
		switch {
		case c == '-':
			sign = -1
		case c >= '0' && c <= '9':
			number, digits = 10*number+int64(c-'0'), true
		case digits:
			numbers = append(numbers, sign*number)
			number, sign, digits = 0, 1, false
		}
	}
	return numbers
}

func (s *Store) writeTallies(ctx context.Context) error {
	sums := s.tallies.Take()
	rows := len(sums.Tallies) + len(sums.Points) + len(sums.Faults)
	if rows == 0 {
		return nil
	}
	err := s.writer.submit(ctx, &operation{name: "tally", rows: rows, run: func(ctx context.Context, session *session) error {
		if err := session.addSums(ctx, &sums); err != nil {
			return err
		}
		return session.thin(ctx, sums.Newest)
	}})
	if err != nil {
		s.tallies.Add(sums)
	}
	return err
}

// talliesEach is how often what is in memory is written: a crash loses no more.
const talliesEach = 10 * time.Second

// keepTallies writes what is in memory now and then until ctx ends. What fails is written later.
func (s *Store) keepTallies(ctx context.Context) {
	ticker := time.NewTicker(talliesEach)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = s.writeTallies(ctx)
		}
	}
}

func (s *session) addSums(ctx context.Context, sums *store.Sums) error {
	for _, t := range sums.Tallies {
		if _, err := s.exec(ctx, "AddMinute", t.Minute.UnixMicro(), t.Gateway, t.Country,
			t.Accepted, t.Delivered, t.Undelivered, t.Slow); err != nil {
			return err
		}
	}
	for i := range sums.Points {
		if err := s.addPoint(ctx, &sums.Points[i]); err != nil {
			return err
		}
	}
	for _, f := range sums.Faults {
		if _, err := s.exec(ctx, "AddFault", f.At.UnixMicro(), f.Gateway, string(f.Class), f.Count); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) addPoint(ctx context.Context, p *store.Point) error {
	numbers, _ := json.Marshal(p.Numbers()) // numbers can be encoded
	_, err := s.exec(ctx, "AddPoint", p.At.UnixMicro(), p.Gateway, string(numbers))
	return err
}

// thin adds up what is old, and deletes what is older, now and then.
func (s *session) thin(ctx context.Context, now time.Time) error {
	series, tallies, due := s.thinner.Due(now)
	if !due {
		return nil
	}
	step := store.Coarse().Microseconds()
	for _, statement := range []string{"FoldMinutes", "DeleteFoldedMinutes"} {
		if _, err := s.exec(ctx, statement, tallies.UnixMicro(), step); err != nil {
			return err
		}
	}
	var old []store.Point
	err := s.read(ctx, "OldPoints", func(rows *sql.Rows) error {
		p, err := scanPoint(rows)
		p.At = p.At.Truncate(store.Coarse())
		old = append(old, p)
		return err
	}, series.UnixMicro(), step)
	if err == nil {
		_, err = s.exec(ctx, "DeleteOldPoints", series.UnixMicro(), step)
	}
	for i := range old {
		if err == nil {
			err = s.addPoint(ctx, &old[i])
		}
	}
	for statement, kept := range map[string]time.Duration{
		"DeleteMinutes": store.TalliesFor, "DeletePoints": store.SeriesFor, "DeleteFaults": store.SeriesFor,
	} {
		if err == nil {
			_, err = s.exec(ctx, statement, now.Add(-kept).UnixMicro())
		}
	}
	return err
}

// SetWeight implements store.Store.
func (s *Store) SetWeight(ctx context.Context, w store.Weight) error {
	err := s.write(ctx, "set weight", func(ctx context.Context, session *session) error {
		_, err := session.exec(ctx, "DeleteWeights", w.Route, w.Gateway, w.ChangedAt.Add(-store.WeightsFor).UnixMicro())
		if err == nil {
			_, err = session.exec(ctx, "InsertWeight", w.Route, w.Gateway, int64(w.Weight), w.Reason, w.ChangedAt.UnixMicro())
		}
		return err
	})
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
	return readAs(ctx, s.readers, name, func(rows *sql.Rows) (w store.Weight, err error) {
		var changedAt int64
		err = rows.Scan(&w.Route, &w.Gateway, &w.Weight, &w.Reason, &changedAt)
		w.ChangedAt = time.UnixMicro(changedAt).UTC()
		return w, err
	}, arguments...)
}
