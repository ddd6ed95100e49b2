package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// Receive implements store.Store.
func (s *Store) Receive(ctx context.Context, receipts []courier.Receipt) ([]store.Received, error) {
	return get(ctx, s, "receive receipts", func() ([]store.Received, error) {
		receipts := store.CleanReceipts(receipts, s.nowFunc())
		answers, named := s.judge(receipts)
		for i, r := range receipts {
			if answers[i].Result == store.ReceiptParked {
				s.park(r, answers[i].MessageID)
			}
		}
		if named {
			s.unpark()
		}
		return answers, nil
	})
}

// park keeps a receipt until the outcome of an attempt is written.
func (d *database) park(r courier.Receipt, about courier.ID) {
	if !about.IsZero() {
		r.MessageID = about
	}
	d.parked = slices.DeleteFunc(d.parked, func(p courier.Receipt) bool { return !p.ReceivedAt.After(r.ReceivedAt.Add(-store.ParkedFor)) })
	if !slices.ContainsFunc(d.parked, func(p courier.Receipt) bool {
		return p.Gateway == r.Gateway && p.GatewayMessageID == r.GatewayMessageID && p.MessageID == r.MessageID && p.Status == r.Status
	}) {
		d.parked = append(d.parked, r)
	}
	d.parked = d.parked[max(len(d.parked)-store.MaxParked, 0):]
}

// unpark looks at all that is parked again, and once more when names became known.
func (d *database) unpark() {
	for named := true; named; {
		var answers []store.Received
		answers, named = d.judge(d.parked)
		var waiting []courier.Receipt
		for i, r := range d.parked {
			if answers[i].Result == store.ReceiptParked {
				waiting = append(waiting, r)
			}
		}
		d.parked = waiting
	}
}

// judge applies receipts, and reports whether any told the name of a message.
func (d *database) judge(receipts []courier.Receipt) ([]store.Received, bool) {
	deliveries := make([]*store.Delivery, len(receipts))
	known := map[courier.ID]*store.Delivery{}
	for i := range receipts {
		m := d.messageOf(&receipts[i])
		if m == nil {
			continue
		}
		if known[m.ID] == nil {
			known[m.ID] = store.NewDelivery(clone(m), d.attempts[m.ID], d.receipts[m.ID])
		}
		deliveries[i] = known[m.ID]
	}
	answers := store.Judge(receipts, deliveries, &d.tallies)
	for id, delivery := range known {
		d.receipts[id] = delivery.Receipts
		for _, step := range delivery.Steps() {
			d.change(d.byID[id], func() {
				*d.byID[id] = *delivery.Message
				d.byID[id].Status = step.To
			})
		}
	}
	return answers, len(store.Named(known)) > 0
}

// messageOf returns the message that a receipt belongs to: the newest that has its id.
func (d *database) messageOf(r *courier.Receipt) *courier.Message {
	for _, m := range slices.Backward(d.rows) {
		if r.GatewayMessageID == "" {
			break
		}
		if m.Gateway == r.Gateway && m.GatewayMessageID == r.GatewayMessageID ||
			slices.ContainsFunc(d.attempts[m.ID], func(a courier.Attempt) bool { return a.Gateway == r.Gateway && store.HasID(&a, r.GatewayMessageID) }) {
			return m
		}
	}
	return d.byID[r.MessageID]
}

// Receipts implements store.Store.
func (s *Store) Receipts(ctx context.Context, id courier.ID) ([]courier.Receipt, error) {
	return get(ctx, s, "read receipts", func() ([]courier.Receipt, error) { return slices.Clone(s.receipts[id]), nil })
}

// tallied returns what was added up.
func (s *Store) tallied() store.Sums {
	var sums store.Tallies
	sums.Add(s.written)
	sums.Add(s.tallies.Take())
	s.written = sums.Take()
	s.written.Thin()
	return s.written
}

// Tallies implements store.Store.
func (s *Store) Tallies(ctx context.Context, since time.Time) ([]store.Tally, error) {
	return get(ctx, s, "read tallies", func() ([]store.Tally, error) {
		return slices.DeleteFunc(slices.Clone(s.tallied().Tallies), func(t store.Tally) bool { return t.Minute.Before(since.Truncate(time.Minute)) }), nil
	})
}

// CountryTallies implements store.Store.
func (s *Store) CountryTallies(ctx context.Context, since time.Time) ([]store.Tally, error) {
	all, err := s.Tallies(ctx, since)
	var sums store.Tallies
	for i := range all {
		all[i].Minute = time.Time{}
	}
	sums.Add(store.Sums{Tallies: all})
	return sums.Take().Tallies, err
}

// Series implements store.Store.
func (s *Store) Series(ctx context.Context, since, until time.Time) ([]store.Point, error) {
	return get(ctx, s, "read series", func() ([]store.Point, error) {
		return slices.DeleteFunc(slices.Clone(s.tallied().Points), func(p store.Point) bool { return p.At.Before(since) || !p.At.Before(until) }), nil
	})
}

// Faults implements store.Store.
func (s *Store) Faults(ctx context.Context, since time.Time) ([]store.Fault, error) {
	return get(ctx, s, "read faults", func() ([]store.Fault, error) {
		return slices.DeleteFunc(slices.Clone(s.tallied().Faults), func(f store.Fault) bool { return f.At.Before(since) }), nil
	})
}

// SetWeight implements store.Store.
func (s *Store) SetWeight(ctx context.Context, weight store.Weight) error {
	return s.do(ctx, "set weight", func() error {
		weight.ChangedAt = store.Floor(weight.ChangedAt)
		s.weights = append(s.weights, weight)
		return nil
	})
}

// Weights implements store.Store.
func (s *Store) Weights(ctx context.Context) ([]store.Weight, error) {
	return get(ctx, s, "read weights", func() (latest []store.Weight, _ error) {
		for _, w := range slices.Backward(s.weights) {
			if !slices.ContainsFunc(latest, func(other store.Weight) bool { return other.Route == w.Route && other.Gateway == w.Gateway }) {
				latest = append(latest, w)
			}
		}
		slices.SortFunc(latest, func(a, b store.Weight) int {
			return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Gateway, b.Gateway))
		})
		return latest, nil
	})
}

// WeightHistory implements store.Store.
func (s *Store) WeightHistory(ctx context.Context, route string, limit int) ([]store.Weight, error) {
	return get(ctx, s, "read history of weights", func() (history []store.Weight, _ error) {
		for _, w := range slices.Backward(s.weights) {
			if w.Route == route && len(history) < limit {
				history = append(history, w)
			}
		}
		return history, nil
	})
}
