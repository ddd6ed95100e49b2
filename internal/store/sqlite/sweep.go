package sqlite

import (
	"context"
	"math"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// reclaimText tells an operator about an attempt that a crash cut off.
const reclaimText = "the courier ended while this attempt was under way, so nobody knows whether the gateway took the message; " +
	"look it up at the gateway before retrying it by hand"

// Reclaim implements store.Store. As one process holds the file, every lease of
// another node was left behind by a crash, and so was every one that Open found.
func (s *Store) Reclaim(ctx context.Context, reclaim store.Reclaim) (int, error) {
	status, next := courier.StatusQueued, micros(reclaim.Now)
	if reclaim.Hold {
		status, next = courier.StatusUnknown, nil
	}
	lapsed := int64(math.MinInt64) // no lease lapses before it
	if reclaim.Lapsed {
		lapsed = reclaim.Now.UnixMicro()
	}
	taken, err := s.sweep(ctx, "reclaim", func(ctx context.Context, session *session) (n int64, change tally, err error) {
		_, err = session.exec(ctx, queryReclaimAttempts, reclaim.Node, reclaimText, lapsed)
		if err != nil {
			return 0, tally{}, err
		}
		n, err = session.exec(ctx, queryReclaimMessages, reclaim.Node, string(status), next, reclaim.Now.UnixMicro(), lapsed)
		change.move(courier.StatusProcessing, status, n)
		return n, change, err
	})
	return taken, s.fault("reclaim messages", err)
}

// Expire implements store.Store.
func (s *Store) Expire(ctx context.Context, now time.Time, limit int) (int, error) {
	if limit < 1 {
		return 0, nil
	}
	expired, err := s.sweep(ctx, "expire", func(ctx context.Context, session *session) (n int64, change tally, err error) {
		n, err = session.exec(ctx, queryExpireMessages, now.UnixMicro(), int64(limit))
		change.move(courier.StatusQueued, courier.StatusExpired, n)
		return n, change, err
	})
	return expired, s.fault("expire messages", err)
}

// Scrub implements store.Store.
func (s *Store) Scrub(ctx context.Context, sweep store.Sweep) (int, error) {
	if sweep.Limit < 1 {
		return 0, nil
	}
	scrubbed, err := s.sweep(ctx, "scrub", func(ctx context.Context, session *session) (int64, tally, error) {
		n, err := session.exec(ctx, queryScrubMessages, sweep.Now.UnixMicro(), sweep.Before.UnixMicro(), int64(sweep.Limit))
		return n, tally{}, err
	})
	return scrubbed, s.fault("scrub messages", err)
}

// Purge implements store.Store: what was never scrubbed first, as it says more.
func (s *Store) Purge(ctx context.Context, sweep store.Sweep) (int, error) {
	if sweep.Limit < 1 {
		return 0, nil
	}
	purged, err := s.sweep(ctx, "purge", func(ctx context.Context, session *session) (int64, tally, error) {
		n, err := session.exec(ctx, queryPurgeMessages, sweep.Before.UnixMicro(), int64(sweep.Limit))
		if err != nil || n == int64(sweep.Limit) {
			return n, tally{}, err
		}
		more, err := session.exec(ctx, queryPurgeScrubbed, sweep.Before.UnixMicro(), int64(sweep.Limit)-n)
		return n + more, tally{}, err
	})
	return purged, s.fault("purge messages", err)
}

// Reroute implements store.Store, maxBatchRows messages a transaction.
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
		moved, err := s.rerouteAll(ctx, gateway.name, to, now)
		total += moved
		if err != nil {
			return total, s.fault(operationName, err)
		}
	}
	return total, nil
}

func (s *Store) rerouteAll(ctx context.Context, from, to string, now time.Time) (int, error) {
	for total := 0; ; {
		moved, err := s.sweep(ctx, "reroute", func(ctx context.Context, session *session) (int64, tally, error) {
			n, err := session.exec(ctx, queryRerouteMessages, from, to, now.UnixMicro(), int64(maxBatchRows))
			return n, tally{}, err
		})
		total += moved
		if err != nil || moved < maxBatchRows {
			return total, err
		}
	}
}

// sweep runs an operation that changes what rows it finds and returns how many those were.
func (s *Store) sweep(
	ctx context.Context, name string, run func(ctx context.Context, s *session) (int64, tally, error),
) (int, error) {
	var count int64
	err := s.writer.submit(ctx, &operation{
		name: name, rows: maxBatchRows / 2,
		run: func(ctx context.Context, session *session) (change tally, err error) {
			count, change, err = run(ctx, session)
			return change, err
		},
	})
	if err != nil {
		return 0, err
	}
	return int(count), nil
}
