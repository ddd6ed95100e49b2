package postgres

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"courier/internal/store"
)

// Now implements store.Store: the clock of the database.
func (s *Store) Now() time.Time {
	if s.nowFunc != nil {
		return s.nowFunc()
	}
	return s.clock.now().UTC()
}

// asNode runs an operation of the node itself, which waits for none of those in
// the queue: a node that is busy is not dead.
func (s *Store) asNode(ctx context.Context, name string, run try) error {
	if s.queue.isClosed() {
		return store.ErrClosed
	}
	_, err := s.attempt(ctx, nodeWriter, run, false)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	s.metrics.Count(name, err)
	return err
}

// Beat implements store.Store.
func (s *Store) Beat(ctx context.Context, beat store.Beat) (store.Standing, error) {
	var standing store.Standing
	gateways := append([]string{}, beat.Gateways...) // NULL is none
	err := s.asNode(ctx, "beat", func(ctx context.Context, on *session, _ bool) error {
		standing = store.Standing{}
		err := on.read(ctx, "Beat", func(rows pgx.Rows) error {
			var name *string
			var keeper bool
			var theirs []string
			err := rows.Scan(&name, &keeper, &theirs)
			if name == nil {
				standing.Paused = theirs
				return err
			}
			standing.Nodes++
			standing.Keeper = standing.Keeper || keeper
			standing.Gateways = append(standing.Gateways, theirs...)
			return err
		}, beat.Node, beat.Host, beat.Version, store.Floor(beat.StartedAt), beat.Lapse.Microseconds(), small(beat.InFlight), gateways, beat.Unable, store.CleanText(beat.State))
		slices.Sort(standing.Gateways)
		standing.Gateways = slices.Compact(standing.Gateways)
		return err
	})
	if err != nil {
		return store.Standing{}, s.fault("beat", err)
	}
	select {
	case s.beaten <- standing.Keeper:
	default: // the maintenance after an earlier beat is under way
	}
	return standing, nil
}

// maxFold bounds the rows of the table tally that one round of maintenance adds up.
const maxFold = 20_000

// maintainAfterBeats does after each beat what a beat must neither wait for nor fail with: the
// node is alive all the same. What fails is tried again after the next beat.
func (s *Store) maintainAfterBeats(ctx context.Context) {
	failing, lookedAt := false, time.Now().Add(-store.ParkedFor)
	for {
		select {
		case <-ctx.Done():
			return
		case onDuty := <-s.beaten:
			began := time.Now()
			err := s.once(ctx, readWriter, func(ctx context.Context, on *session, _ bool) error {
				return s.maintain(ctx, on, onDuty, began.Sub(lookedAt))
			}, false)
			s.metrics.Count("maintain", err)
			if err != nil && !failing && !passing(err) && ctx.Err() == nil {
				s.logger.WarnContext(ctx, "maintenance of the database fails: the tables of nodes and counts grow until it works again",
					slog.String("database", s.target.name), slog.Any("error", s.fault("maintain database", err)))
			}
			failing = err != nil && !passing(err)
			if err == nil && onDuty {
				lookedAt = began
			}
		}
	}
}

// maintain returns the leases that nobody knows of, also on a node that claims
// nothing, measures the clock, and on the node that does the housekeeping keeps the
// tables small that each node and each transaction adds to and the plans of statements fresh, and
// looks at receipts that were parked since it last did.
func (s *Store) maintain(ctx context.Context, on *session, onDuty bool, since time.Duration) error {
	err := errors.Join(s.clock.measure(ctx, on), s.returnLostLeases(ctx, on), s.writeTallies(ctx, on))
	if onDuty {
		err = errors.Join(err, on.exec(ctx, "ForgetNodes"), on.exec(ctx, "FoldTally", int64(maxFold)), s.applyCrossed(ctx, on, int64(since.Seconds())+2),
			on.analyzeGrown(ctx))
	}
	return err
}

// analyzeGrown has the server look at tables that have grown. It keeps the plans of
// statements, and those that were made for few rows read whole tables; autovacuum comes
// once a minute only.
func (s *session) analyzeGrown(ctx context.Context) error {
	var name string
	var grown []string
	err := s.read(ctx, "GrownTables", func(rows pgx.Rows) error {
		err := rows.Scan(&name)
		grown = append(grown, name)
		return err
	})
	for _, name := range grown {
		if err == nil {
			_, err = s.on.Exec(ctx, "ANALYZE (SKIP_LOCKED) "+pgx.Identifier{"courier", name}.Sanitize())
		}
	}
	return err
}

// Leave implements store.Store.
func (s *Store) Leave(ctx context.Context, node string) error {
	err := s.asNode(ctx, "leave", func(ctx context.Context, on *session, _ bool) error {
		return on.exec(ctx, "Leave", node)
	})
	return s.fault("leave", err)
}

// Nodes implements store.Store.
func (s *Store) Nodes(ctx context.Context) ([]store.Node, error) {
	var nodes []store.Node
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		nodes = nil
		return on.read(ctx, "Nodes", func(rows pgx.Rows) error {
			var n store.Node
			err := rows.Scan(&n.Name, &n.Host, &n.Version, &n.StartedAt, &n.SeenAt, &n.Alive, &n.Keeper, &n.InFlight, &n.Gateways, &n.State)
			n.StartedAt, n.SeenAt = n.StartedAt.UTC(), n.SeenAt.UTC()
			nodes = append(nodes, n)
			return err
		})
	})
	return nodes, s.fault("list nodes", err)
}
