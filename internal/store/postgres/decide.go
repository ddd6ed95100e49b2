package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// Cancel implements store.Store.
func (s *Store) Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error) {
	canceled, err := s.decide(ctx, "cancel", id, func(m *courier.Message, _ bool) (bool, error) { return store.Cancel(m, now) })
	return canceled, s.fault("cancel message", err)
}

// Requeue implements store.Store.
func (s *Store) Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error) {
	now := store.Floor(requeue.Now)
	queued, err := s.decide(ctx, "requeue", requeue.ID, func(m *courier.Message, again bool) (bool, error) {
		if again && m.Status == courier.StatusQueued && m.UpdatedAt.Equal(now) && m.NextAttemptAt.Equal(now) {
			return false, nil // by the try whose answer was lost
		}
		return true, requeue.Apply(m)
	})
	if err == nil {
		s.notifier.add(store.Wake{Gateway: queued.Gateway, Lane: queued.Lane})
	}
	return queued, s.fault("requeue message", err)
}

// Resolve implements store.Store.
func (s *Store) Resolve(ctx context.Context, resolve store.Resolve) (*courier.Message, error) {
	now := store.Floor(resolve.Now)
	resolved, err := s.decide(ctx, "resolve", resolve.ID, func(m *courier.Message, again bool) (bool, error) {
		if again && m.Status != courier.StatusUnknown && m.UpdatedAt.Equal(now) {
			return false, nil // by the try whose answer was lost
		}
		return true, resolve.Apply(m)
	})
	if err == nil && resolved.Status == courier.StatusQueued {
		s.notifier.add(store.Wake{Gateway: resolved.Gateway, Lane: resolved.Lane})
	}
	return resolved, s.fault("resolve message", err)
}

// Move implements store.Store.
func (s *Store) Move(ctx context.Context, moves []store.Move, now time.Time) (int, error) {
	if len(moves) == 0 {
		return 0, nil
	}
	// In the order of their ids, so that two nodes wait for each other at most one way.
	moves = slices.SortedFunc(slices.Values(moves), func(a, b store.Move) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	moved, err := s.sweep(ctx, "move", "MoveMessage", column(moves, func(m store.Move) pgtype.UUID { return uuid(m.ID) }),
		column(moves, func(m store.Move) string { return m.From }), column(moves, func(m store.Move) string { return m.To }), store.Floor(now))
	for _, m := range moves {
		if err == nil {
			s.notifier.add(store.Wake{Gateway: m.To})
		}
	}
	return moved, s.fault("move messages", err)
}

// decide changes one message by a rule, which reports whether it changes it, and
// returns it as it is then. Again is true when a try before may have changed it.
func (s *Store) decide(
	ctx context.Context, name string, id courier.ID, rule func(m *courier.Message, again bool) (bool, error),
) (*courier.Message, error) {
	var decided *courier.Message
	var from courier.Status
	err := s.queue.submit(ctx, &job{name: name, decides: true, run: func(ctx context.Context, on *session, again bool) error {
		return on.inTx(ctx, func(in *session) error {
			found, err := in.messages(ctx, "LockMessage", uuid(id))
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return store.ErrNotFound
			}
			m := found[0]
			from = m.Status
			changed, err := rule(m, again)
			if err != nil {
				return err
			}
			decided = m
			err = in.writeDecision(ctx, m, from, changed)
			if err == nil && changed && store.IsNoted(m) {
				if found, err = in.messages(ctx, "LockMessage", uuid(id)); len(found) > 0 {
					decided = found[0]
				}
			}
			return err
		})
	}})
	if err != nil {
		return nil, err
	}
	s.tallies.Decided(decided, from)
	return decided, nil
}

// writeDecision writes what became of a message that is locked. The counts are
// written also when nothing changed, see confirm.
func (s *session) writeDecision(ctx context.Context, m *courier.Message, from courier.Status, changed bool) error {
	if !changed {
		return s.confirm(ctx)
	}
	for _, name := range []string{"KeepID", "KeepAccepted"} {
		if err := s.exec(ctx, name, uuid(m.ID)); err != nil {
			return err
		}
	}
	err := s.exec(ctx, "DecideMessage", uuid(m.ID), string(from), string(m.Status), m.Gateway, stamp(m.NextAttemptAt),
		stamp(m.UpdatedAt), small(m.RetryCount), stamp(m.ExpiresAt), stamp(m.SentAt), m.GatewayMessageID, optionalUUID(m.SupersededBy))
	if err != nil {
		return err
	}
	var change store.Counts
	change.Move(from, m.Status, 1)
	return s.add(ctx, change)
}
