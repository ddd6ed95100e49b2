package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// reclaimText tells an operator about an attempt that a crash cut off.
const reclaimText = "the courier ended while this attempt was under way, so nobody knows whether the gateway took the message; " +
	"look it up at the gateway before retrying it by hand"

// maxSweepRows bounds the messages of one transaction of those sweeps that have no limit.
const maxSweepRows = 1000

// Reclaim implements store.Store. What another node takes back or settles at
// the same time is left to it.
func (s *Store) Reclaim(ctx context.Context, reclaim store.Reclaim) (int, error) {
	now := floor(reclaim.Now)
	status, next, lapsed := courier.StatusQueued, stamp(now), pgtype.Timestamptz{}
	if reclaim.Hold {
		status, next = courier.StatusUnknown, pgtype.Timestamptz{}
	}
	if reclaim.Lapsed {
		lapsed = stamp(now)
	}
	taken, err := s.sweepAll(ctx, "reclaim", func(ctx context.Context, on *session) (int, error) {
		return on.count(ctx, queryReclaimMessages,
			on.tallied(reclaim.Node, now, lapsed, string(status), next, int64(maxSweepRows), reclaimText)...)
	})
	return taken, s.fault("reclaim messages", err)
}

// Expire implements store.Store.
func (s *Store) Expire(ctx context.Context, now time.Time, limit int) (int, error) {
	if limit < 1 {
		return 0, nil
	}
	expired, err := s.sweep(ctx, "expire", func(ctx context.Context, on *session) (int, error) {
		return on.count(ctx, queryExpireMessages, on.tallied(floor(now), int64(limit))...)
	})
	return expired, s.fault("expire messages", err)
}

// Scrub implements store.Store.
func (s *Store) Scrub(ctx context.Context, sweep store.Sweep) (int, error) {
	if sweep.Limit < 1 {
		return 0, nil
	}
	scrubbed, err := s.sweep(ctx, "scrub", func(ctx context.Context, on *session) (int, error) {
		return on.count(ctx, queryScrubMessages, floor(sweep.Now), floor(sweep.Before), int64(sweep.Limit))
	})
	return scrubbed, s.fault("scrub messages", err)
}

// Purge implements store.Store: what was never scrubbed first, as it says more.
func (s *Store) Purge(ctx context.Context, sweep store.Sweep) (int, error) {
	if sweep.Limit < 1 {
		return 0, nil
	}
	purged, err := s.sweep(ctx, "purge", func(ctx context.Context, on *session) (int, error) {
		return on.count(ctx, queryPurgeMessages, floor(sweep.Before), int64(sweep.Limit))
	})
	if err == nil && purged < sweep.Limit {
		var more int
		more, err = s.sweep(ctx, "purge", func(ctx context.Context, on *session) (int, error) {
			return on.count(ctx, queryPurgeScrubbed, floor(sweep.Before), int64(sweep.Limit-purged))
		})
		purged += more
	}
	return purged, s.fault("purge messages", err)
}

// Reroute implements store.Store, maxSweepRows messages a transaction.
func (s *Store) Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error) {
	const operationName = "reroute messages"
	gateways, err := s.waiting(ctx)
	if err != nil {
		return 0, s.fault(operationName, err)
	}
	total := 0
	for _, gateway := range gateways {
		if gateway.name == to || slices.Contains(known, gateway.name) {
			continue
		}
		moved, err := s.sweepAll(ctx, "reroute", func(ctx context.Context, on *session) (int, error) {
			return on.count(ctx, queryRerouteMessages, gateway.name, to, floor(now), int64(maxSweepRows))
		})
		total += moved
		if err != nil {
			return total, s.fault(operationName, err)
		}
	}
	return total, nil
}

// sweepAll runs sweeps of maxSweepRows until one finds fewer.
func (s *Store) sweepAll(ctx context.Context, name string, run func(ctx context.Context, on *session) (int, error)) (int, error) {
	for total := 0; ; {
		count, err := s.sweep(ctx, name, run)
		total += count
		if err != nil || count < maxSweepRows {
			return total, err
		}
	}
}

// sweep runs an operation that changes what rows it finds and returns how many
// those were. When an answer is lost, what it changed is not counted.
func (s *Store) sweep(ctx context.Context, name string, run func(ctx context.Context, on *session) (int, error)) (int, error) {
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
