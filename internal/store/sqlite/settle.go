package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"courier"
	"courier/internal/store"
)

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error) {
	const operationName = "settle messages"
	if len(settlements) == 0 {
		return nil, nil
	}
	for _, t := range settlements {
		if !courier.StatusProcessing.CanBecome(t.Status) {
			err := &store.TransitionError{ID: t.ID, From: courier.StatusProcessing, To: t.Status}
			return nil, s.fault(operationName, err)
		}
	}
	// The caller may use its slice again as soon as its context ends, while the
	// operation is still under way.
	settlements = slices.Clone(settlements)
	applied := make([]bool, len(settlements))
	err := s.writer.submit(ctx, &operation{
		name: "settle", rows: len(settlements),
		run: func(ctx context.Context, session *session) (change tally, err error) {
			for i := range settlements {
				if applied[i], err = session.settle(ctx, &settlements[i]); err != nil {
					return tally{}, err
				}
				if applied[i] {
					change.move(courier.StatusProcessing, settlements[i].Status, 1)
				}
			}
			return change, nil
		},
	})
	if err != nil {
		return nil, s.fault(operationName, err)
	}
	return applied, nil
}

// settle writes one settlement and reports whether the lease was still held.
func (s *session) settle(ctx context.Context, t *store.Settlement) (bool, error) {
	if t.Status == courier.StatusSent && isPlain(t.Attempt) {
		return s.settleSent(ctx, t)
	}
	seq, number, err := s.settleMessage(ctx, t)
	if err != nil || seq == 0 {
		return false, err
	}
	if t.Attempt == nil {
		return true, nil
	}
	_, err = s.exec(ctx, queryInsertAttempt, attemptArguments(seq, number, t.Attempt)...)
	return true, err
}

// isPlain reports whether an attempt fits into the row of its message.
func isPlain(a *courier.Attempt) bool {
	return a != nil && a.Outcome == courier.OutcomeAccepted &&
		a.Class == "" && a.Code == "" && a.Message == "" && a.Excerpt == "" && a.RetryAfter == 0
}

func (s *session) settleSent(ctx context.Context, t *store.Settlement) (bool, error) {
	a := t.Attempt
	at := t.At.UnixMicro()
	changed, err := s.exec(ctx, querySettleSent,
		int64(t.RetryCount), at, at, int64(a.Number), a.Gateway, optional(a.GatewayMessageID),
		int64(a.HTTPStatus), micros(a.StartedAt), a.Duration.Microseconds(), t.ID[:], t.Token)
	return changed == 1, err
}

// settleMessage writes any settlement but its attempt, and returns the row and
// the number of the attempt; a row of 0 means that the lease was lost.
func (s *session) settleMessage(ctx context.Context, t *store.Settlement) (seq, number int64, err error) {
	arguments := settleArguments(t)
	err = s.query(ctx, querySettleMessage, func(rows *sql.Rows) error {
		return rows.Scan(&seq, &number)
	}, arguments...)
	return seq, number, err
}

func settleArguments(t *store.Settlement) []any {
	var next, gateway, sentAt, number, failed, gatewayMessageID any
	if t.Attempt != nil {
		gateway, number, failed = t.Attempt.Gateway, int64(t.Attempt.Number), int64(1)
		if t.Attempt.Outcome == courier.OutcomeAccepted {
			failed, gatewayMessageID = int64(0), optional(t.Attempt.GatewayMessageID)
		}
	}
	if t.Status == courier.StatusSent {
		sentAt = t.At.UnixMicro()
	}
	if t.Status == courier.StatusQueued {
		// A queued message goes where the settlement says, or stays where it was.
		gateway, next = optional(t.Gateway), t.At.UnixMicro()
		if !t.NextAttemptAt.IsZero() {
			next = t.NextAttemptAt.UnixMicro()
		}
	}
	return []any{
		t.ID[:], t.Token, string(t.Status), int64(t.RetryCount), t.At.UnixMicro(), next, gateway, sentAt,
		number, failed, gatewayMessageID,
	}
}
