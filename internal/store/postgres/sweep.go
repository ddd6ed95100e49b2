package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// maxSweepRows bounds the messages of one transaction of those sweeps that have no limit.
const maxSweepRows = 1000

// Reclaim implements store.Store. What another node takes back or settles at
// the same time is left to it.
func (s *Store) Reclaim(ctx context.Context, reclaim store.Reclaim) (int, error) {
	now := store.Floor(reclaim.Now)
	status, next, lapsed := courier.StatusQueued, stamp(now), pgtype.Timestamptz{}
	if reclaim.Hold {
		status, next = courier.StatusUnknown, pgtype.Timestamptz{}
	}
	if reclaim.Lapsed {
		lapsed = stamp(now)
	}
	tallies := &store.Tallies{}
	taken, err := store.InBatches(maxSweepRows, func() (int, error) {
		return s.sweeping(ctx, "reclaim", func(ctx context.Context, on *session) (count int, err error) {
			err = on.inTx(ctx, func(in *session) error {
				taken, err := ids(ctx, in, "ReclaimMessages", in.counted(
					reclaim.Node, now, lapsed, string(status), next, int64(maxSweepRows), store.ReclaimText,
					append([]string{}, reclaim.Gateways...), reclaim.Except)...)
				if count = len(taken); err != nil || count == 0 {
					return err
				}
				// Receipts that came while the attempts were under way.
				parked, err := in.parked(ctx, "ParkedOf", uuids(slices.Collect(maps.Keys(taken))), []string{})
				if err != nil {
					return err
				}
				return in.unpark(ctx, parked, tallies)
			})
			return count, err
		})
	})
	s.tallies.Add(tallies.Take())
	return taken, s.fault("reclaim messages", err)
}

// Expire implements store.Store.
func (s *Store) Expire(ctx context.Context, now time.Time, limit int) (int, error) {
	gateways := map[string]int{}
	expired, err := s.sweeping(ctx, "expire", func(ctx context.Context, on *session) (total int, err error) {
		clear(gateways)
		err = on.read(ctx, "ExpireMessages", func(rows pgx.Rows) error {
			var gateway string
			var count int
			err := rows.Scan(&gateway, &count)
			gateways[gateway] = count
			total += count
			return err
		}, on.counted(store.Floor(now), int64(max(limit, 0)))...)
		return total, err
	})
	if err == nil {
		s.tallies.Expired(gateways, now)
	}
	return expired, s.fault("expire messages", err)
}

// Scrub implements store.Store.
func (s *Store) Scrub(ctx context.Context, sweep store.Sweep) (int, error) {
	scrubbed, err := s.sweeping(ctx, "scrub", func(ctx context.Context, on *session) (count int, err error) {
		err = on.inTx(ctx, func(in *session) error {
			var ids []pgtype.UUID
			var documents []string
			var id pgtype.UUID
			var document string
			err := in.read(ctx, "OldContents", func(rows pgx.Rows) error {
				err := rows.Scan(&id, &document)
				ids, documents = append(ids, id), append(documents, store.ScrubContent(document))
				return err
			}, store.Floor(sweep.Before), int64(max(sweep.Limit, 0)))
			if count = len(ids); err != nil || count == 0 {
				return err
			}
			return in.exec(ctx, "ScrubMessages", store.Floor(sweep.Now), ids, documents)
		})
		return count, err
	})
	return scrubbed, s.fault("scrub messages", err)
}

// Purge implements store.Store: what was never scrubbed first, as it says more.
func (s *Store) Purge(ctx context.Context, sweep store.Sweep) (int, error) {
	before, limit := store.Floor(sweep.Before), max(sweep.Limit, 0)
	purged, err := s.sweep(ctx, "purge", "PurgeMessages", before, int64(limit))
	if err == nil && purged < limit {
		var more int
		more, err = s.sweep(ctx, "purge", "PurgeScrubbed", before, int64(limit-purged))
		purged += more
	}
	return purged, s.fault("purge messages", err)
}

// Reroute implements store.Store, maxSweepRows messages a transaction.
func (s *Store) Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error) {
	waiting, err := s.waiting(ctx)
	moved := 0
	if err == nil {
		moved, err = store.RerouteAll(waiting, known, to, maxSweepRows, func(from store.Waiting) (int, error) {
			return s.sweep(ctx, "reroute", "RerouteMessages", from.Gateway, to, store.Floor(now), int64(maxSweepRows), string(from.Lane))
		})
	}
	return moved, s.fault("reroute messages", err)
}

// sweep runs a statement that changes what rows it finds and returns how many
// those were. When an answer is lost, what it changed is not counted.
func (s *Store) sweep(ctx context.Context, name, statement string, arguments ...any) (int, error) {
	return s.sweeping(ctx, name, func(ctx context.Context, on *session) (int, error) {
		return on.count(ctx, statement, arguments...)
	})
}

func (s *Store) sweeping(ctx context.Context, name string, run func(ctx context.Context, on *session) (int, error)) (int, error) {
	var count int
	err := s.queue.submit(ctx, &job{name: name, run: func(ctx context.Context, on *session, _ bool) (err error) {
		count, err = run(ctx, on)
		return err
	}})
	if err != nil {
		return 0, err
	}
	return count, nil
}
