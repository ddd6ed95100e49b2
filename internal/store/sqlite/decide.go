package sqlite

import (
	"context"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// Cancel implements store.Store.
func (s *Store) Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error) {
	canceled, err := s.decide(ctx, "cancel", id, func(m *courier.Message) (bool, error) { return store.Cancel(m, now) })
	return canceled, s.fault("cancel message", err)
}

// Requeue implements store.Store.
func (s *Store) Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error) {
	queued, err := s.decide(ctx, "requeue", requeue.ID, func(m *courier.Message) (bool, error) { return true, requeue.Apply(m) })
	return queued, s.fault("requeue message", err)
}

// Resolve implements store.Store.
func (s *Store) Resolve(ctx context.Context, resolve store.Resolve) (*courier.Message, error) {
	resolved, err := s.decide(ctx, "resolve", resolve.ID, func(m *courier.Message) (bool, error) { return true, resolve.Apply(m) })
	return resolved, s.fault("resolve message", err)
}

// Move implements store.Store.
func (s *Store) Move(ctx context.Context, moves []store.Move, now time.Time) (int, error) {
	if len(moves) == 0 {
		return 0, nil
	}
	moves, moved := slices.Clone(moves), int64(0)
	err := s.writer.submit(ctx, &operation{name: "move", rows: len(moves), run: func(ctx context.Context, session *session) error {
		moved = 0
		for _, m := range moves {
			n, err := session.exec(ctx, "MoveMessage", m.ID[:], m.From, m.To, now.UnixMicro())
			if err != nil {
				return err
			}
			moved += n
		}
		return nil
	}})
	if err != nil {
		return 0, s.fault("move messages", err)
	}
	return int(moved), nil
}

// decide changes one message by a rule, which reports whether it changes it, and
// returns it as it is then.
func (s *Store) decide(
	ctx context.Context, name string, id courier.ID, rule func(m *courier.Message) (bool, error),
) (*courier.Message, error) {
	var decided *courier.Message
	var from courier.Status
	err := s.promise(ctx, &operation{name: name, rows: 1, run: func(ctx context.Context, session *session) error {
		m, err := session.message(ctx, "Message", id[:])
		if err != nil {
			return err
		}
		if m == nil {
			return refusal{store.ErrNotFound}
		}
		from = m.Status
		changed, err := rule(m)
		if err != nil {
			return refusal{err}
		}
		decided = m
		if !changed {
			return nil
		}
		for _, name := range []string{"KeepID", "KeepAccepted"} {
			if _, err := session.exec(ctx, name, id[:]); err != nil {
				return err
			}
		}
		_, err = session.move(ctx, from, m.Status, "DecideMessage", id[:], string(from), string(m.Status), m.Gateway,
			micros(m.NextAttemptAt), m.UpdatedAt.UnixMicro(), int64(m.RetryCount), micros(m.ExpiresAt), micros(m.SentAt), optional(m.GatewayMessageID), optionalID(m.SupersededBy))
		if err == nil && store.IsNoted(m) {
			decided, err = session.message(ctx, "Message", id[:])
		}
		return err
	}})
	if err != nil {
		return nil, err
	}
	s.tallies.Decided(decided, from)
	return decided, nil
}
