package sqlite

import (
	"context"
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

// decide changes one message by a rule, which reports whether it changes it, and
// returns it as it is then.
func (s *Store) decide(
	ctx context.Context, name string, id courier.ID, rule func(m *courier.Message) (bool, error),
) (*courier.Message, error) {
	var decided *courier.Message
	err := s.promise(ctx, &operation{name: name, rows: 1, run: func(ctx context.Context, session *session) error {
		m, err := session.message(ctx, "Message", id[:])
		if err != nil {
			return err
		}
		if m == nil {
			return refusal{store.ErrNotFound}
		}
		from := m.Status
		changed, err := rule(m)
		if err != nil {
			return refusal{err}
		}
		decided = m
		if !changed {
			return nil
		}
		if _, err := session.exec(ctx, "KeepAccepted", id[:]); err != nil {
			return err
		}
		_, err = session.move(ctx, from, m.Status, "DecideMessage", id[:], string(from), string(m.Status), m.Gateway,
			micros(m.NextAttemptAt), m.UpdatedAt.UnixMicro(), int64(m.RetryCount), micros(m.ExpiresAt), micros(m.SentAt), optional(m.GatewayMessageID))
		return err
	}})
	if err != nil {
		return nil, err
	}
	return decided, nil
}
