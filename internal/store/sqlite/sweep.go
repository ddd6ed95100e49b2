package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"time"

	"courier"
	"courier/internal/store"
)

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
	var gateways any
	if len(reclaim.Gateways) > 0 {
		list, _ := json.Marshal(reclaim.Gateways) // texts can be encoded
		gateways = string(list)
	}
	tallies := &store.Tallies{}
	taken, err := s.sweep(ctx, "reclaim", func(ctx context.Context, session *session) (int64, error) {
		tallies.Take() // of an earlier run
		parked, err := session.parked(ctx, "ParkedOfProcessing")
		if err != nil {
			return 0, err
		}
		if _, err := session.exec(ctx, "ReclaimAttempts", reclaim.Node, store.ReclaimText, lapsed, gateways, reclaim.Except); err != nil {
			return 0, err
		}
		ended, err := session.move(ctx, courier.StatusProcessing, courier.StatusCanceled, "ReclaimSuperseded",
			reclaim.Node, reclaim.Now.UnixMicro(), lapsed, gateways, reclaim.Except)
		if err != nil {
			return 0, err
		}
		n, err := session.move(ctx, courier.StatusProcessing, status, "ReclaimMessages",
			reclaim.Node, string(status), next, reclaim.Now.UnixMicro(), lapsed, gateways, reclaim.Except)
		if err != nil {
			return 0, err
		}
		return ended + n, session.unpark(ctx, parked, tallies)
	})
	s.tallies.Add(tallies.Take())
	return taken, s.fault("reclaim messages", err)
}

// Expire implements store.Store.
func (s *Store) Expire(ctx context.Context, now time.Time, limit int) (int, error) {
	gateways := map[string]int{}
	expired, err := s.sweep(ctx, "expire", func(ctx context.Context, session *session) (count int64, err error) {
		clear(gateways)
		err = session.read(ctx, "ExpireMessages", func(rows *sql.Rows) error {
			var gateway string
			err := rows.Scan(&gateway)
			gateways[gateway]++
			count++
			return err
		}, now.UnixMicro(), int64(max(limit, 0)))
		session.change.Move(courier.StatusQueued, courier.StatusExpired, count)
		return count, err
	})
	if err == nil {
		s.tallies.Expired(gateways, now)
	}
	return expired, s.fault("expire messages", err)
}

// Scrub implements store.Store.
func (s *Store) Scrub(ctx context.Context, sweep store.Sweep) (int, error) {
	scrubbed, err := s.sweep(ctx, "scrub", func(ctx context.Context, session *session) (int64, error) {
		documents := map[int64]string{}
		var seq int64
		var document string
		err := session.read(ctx, "OldContents", func(rows *sql.Rows) error {
			err := rows.Scan(&seq, &document)
			documents[seq] = store.ScrubContent(document)
			return err
		}, sweep.Before.UnixMicro(), int64(max(sweep.Limit, 0)))
		for seq, document := range documents {
			if err == nil {
				_, err = session.exec(ctx, "ScrubMessage", seq, sweep.Now.UnixMicro(), document)
			}
		}
		return int64(len(documents)), err
	})
	return scrubbed, s.fault("scrub messages", err)
}

// Purge implements store.Store: what was never scrubbed first, as it says more.
func (s *Store) Purge(ctx context.Context, sweep store.Sweep) (int, error) {
	purged, err := s.sweep(ctx, "purge", func(ctx context.Context, session *session) (int64, error) {
		limit := int64(max(sweep.Limit, 0))
		n, err := session.exec(ctx, "PurgeMessages", sweep.Before.UnixMicro(), limit)
		if err != nil || n == limit {
			return n, err
		}
		more, err := session.exec(ctx, "PurgeScrubbed", sweep.Before.UnixMicro(), limit-n)
		return n + more, err
	})
	return purged, s.fault("purge messages", err)
}

// Reroute implements store.Store, maxBatchRows messages a transaction.
func (s *Store) Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error) {
	waiting, err := s.waiting(ctx, 1)
	moved := 0
	if err == nil {
		moved, err = store.RerouteAll(waiting, known, to, maxBatchRows, func(from store.Waiting) (int, error) {
			return s.sweep(ctx, "reroute", func(ctx context.Context, session *session) (int64, error) {
				return session.exec(ctx, "RerouteMessages", from.Gateway, to, now.UnixMicro(), int64(maxBatchRows), string(from.Lane))
			})
		})
	}
	return moved, s.fault("reroute messages", err)
}

// sweep runs an operation that changes what rows it finds and returns how many those were.
func (s *Store) sweep(
	ctx context.Context, name string, run func(ctx context.Context, s *session) (int64, error),
) (int, error) {
	var count int64
	err := s.writer.submit(ctx, &operation{
		name: name, rows: maxBatchRows / 2,
		run: func(ctx context.Context, session *session) (err error) {
			count, err = run(ctx, session)
			return err
		},
	})
	if err != nil {
		return 0, err
	}
	return int(count), nil
}
