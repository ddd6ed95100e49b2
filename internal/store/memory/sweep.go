package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// sweep changes up to limit messages that a condition holds for, by an order unless
// that is nil, and returns how many.
func (s *Store) sweep(
	ctx context.Context, name string, limit int, condition func(m *courier.Message) bool,
	order func(a, b *courier.Message) int, apply func(m *courier.Message),
) (int, error) {
	return get(ctx, s, name, func() (int, error) {
		found := s.find(condition)
		if order != nil {
			slices.SortStableFunc(found, order)
		}
		found = found[:min(max(limit, 0), len(found))]
		for _, m := range found {
			s.change(m, func() { apply(m) })
		}
		s.unpark()
		return len(found), nil
	})
}

// unbounded is the limit of a sweep that has none.
const unbounded = 1 << 62

// Reclaim implements store.Store.
func (s *Store) Reclaim(ctx context.Context, r store.Reclaim) (int, error) {
	now := store.Floor(r.Now)
	return s.sweep(ctx, "reclaim messages", unbounded, func(m *courier.Message) bool {
		lapsed := r.Lapsed && !m.Lease.Until.After(now)
		return m.Status == courier.StatusProcessing && r.Concerns(m.Gateway) && (lapsed || m.Lease.Node != r.Node && !s.isAlive(m.Lease.Node))
	}, nil, func(m *courier.Message) {
		s.attempted(m, &courier.Attempt{
			Gateway: m.Gateway, Outcome: courier.OutcomeUnknown, Class: courier.ClassOutcomeUnknown,
			Message: store.ReclaimText, StartedAt: m.UpdatedAt,
		})
		m.Status, m.NextAttemptAt, m.UpdatedAt, m.Lease = courier.StatusQueued, now, now, courier.Lease{}
		if r.Hold {
			m.Status, m.NextAttemptAt = courier.StatusUnknown, time.Time{}
		}
		s.endSuperseded(m, m.Gateway)
	})
}

// Expire implements store.Store.
func (s *Store) Expire(ctx context.Context, now time.Time, limit int) (int, error) {
	now = store.Floor(now)
	gateways := map[string]int{}
	defer func() { s.tallies.Expired(gateways, now) }()
	return s.sweep(ctx, "expire messages", limit,
		func(m *courier.Message) bool { return m.Status == courier.StatusQueued && m.Expired(now) },
		func(a, b *courier.Message) int { return a.ExpiresAt.Compare(b.ExpiresAt) },
		func(m *courier.Message) {
			m.Status, m.NextAttemptAt, m.UpdatedAt = courier.StatusExpired, time.Time{}, now
			gateways[m.Gateway]++
		})
}

// Reroute implements store.Store.
func (s *Store) Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error) {
	return s.sweep(ctx, "reroute messages", unbounded, func(m *courier.Message) bool {
		return m.Status == courier.StatusQueued && m.Gateway != to && !slices.Contains(known, m.Gateway)
	}, nil, func(m *courier.Message) { m.Gateway, m.UpdatedAt = to, store.Floor(now) })
}

// Scrub implements store.Store.
func (s *Store) Scrub(ctx context.Context, sweep store.Sweep) (int, error) {
	return s.sweep(ctx, "scrub messages", sweep.Limit, func(m *courier.Message) bool {
		return m.ScrubbedAt.IsZero() && isOld(m, sweep.Before)
	}, byAge, func(m *courier.Message) { store.Scrub(m, sweep.Now) })
}

// Purge implements store.Store: what was never scrubbed first, as it says more.
func (s *Store) Purge(ctx context.Context, sweep store.Sweep) (int, error) {
	return s.sweep(ctx, "purge messages", sweep.Limit, func(m *courier.Message) bool { return isOld(m, sweep.Before) }, byAge,
		func(m *courier.Message) {
			s.rows = slices.DeleteFunc(slices.Clone(s.rows), func(row *courier.Message) bool { return row == m })
			delete(s.byID, m.ID)
			delete(s.attempts, m.ID)
			delete(s.receipts, m.ID)
			delete(s.notices, m.ID)
			if s.byKey[keyOf(m)] == m {
				delete(s.byKey, keyOf(m))
			}
		})
}

// isOld reports whether a message has ended and was changed, or scrubbed, before a time.
func isOld(m *courier.Message, before time.Time) bool {
	return store.Ended(m.Status) && cmp.Or(m.ScrubbedAt, m.UpdatedAt).Before(store.Floor(before))
}

// byAge puts the oldest first, and those that were scrubbed after the others.
func byAge(a, b *courier.Message) int {
	return cmp.Or(a.ScrubbedAt.Compare(b.ScrubbedAt), a.UpdatedAt.Compare(b.UpdatedAt))
}
