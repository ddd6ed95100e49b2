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
	if err := store.CheckSettlements(settlements); err != nil {
		return nil, s.fault(operationName, err)
	}
	// The caller may use its slice again as soon as its context ends, while the
	// operation is still under way.
	settlements = slices.Clone(settlements)
	applied := make([]bool, len(settlements))
	tallies := &store.Tallies{}
	err := s.writer.submit(ctx, &operation{
		name: "settle", rows: len(settlements),
		run: func(ctx context.Context, session *session) error {
			segment, err := s.segments.Take(len(settlements), func() (int64, error) { s.lastSegment++; return s.lastSegment, nil })
			if err != nil {
				return err
			}
			for i := range settlements {
				if applied[i], err = session.settle(ctx, &settlements[i], segment); err != nil {
					return err
				}
				if err := s.writer.places.release(ctx, session, &settlements[i], applied[i]); err != nil {
					return err
				}
			}
			tallies.Take() // of an earlier run
			return session.unparkSettled(ctx, settlements, applied, tallies)
		},
	})
	if err != nil {
		return nil, s.fault(operationName, err)
	}
	tallies.Settled(settlements, applied)
	s.tallies.Add(tallies.Take())
	return applied, nil
}

// settle writes one settlement and reports whether the lease was still held. The key of
// its message is of a segment.
func (s *session) settle(ctx context.Context, t *store.Settlement, segment int64) (bool, error) {
	row, key := t.Settled(), any(nil)
	if low := t.LowKey(); low >= 0 {
		key = segment<<store.KeyBits | low
	}
	if t.IsPlain() {
		a, at := t.Attempt, t.At.UnixMicro()
		changed, err := s.move(ctx, courier.StatusProcessing, courier.StatusSent, "SettleSent",
			int64(t.RetryCount), at, at, int64(a.Number), a.Gateway, optional(row.GatewayMessageID),
			int64(a.HTTPStatus), micros(a.StartedAt), a.Duration.Microseconds(), key, t.ID[:], t.Token)
		return changed == 1, err
	}
	var tried, failed any
	if t.Attempt != nil {
		tried, failed = int64(t.Attempt.Number), t.Attempt.Outcome != courier.OutcomeAccepted
	}
	// A row of 0 means that the lease was lost; count is the number of the attempt.
	var seq, count int64
	var status courier.Status
	err := s.read(ctx, "SettleMessage", func(rows *sql.Rows) error {
		return rows.Scan(&seq, &count, (*string)(&status))
	}, t.ID[:], t.Token, string(t.Status), int64(t.RetryCount), t.At.UnixMicro(), micros(row.NextAttemptAt),
		optional(row.Gateway), micros(row.SentAt), tried, failed, optional(row.GatewayMessageID), key)
	if err != nil || seq == 0 {
		return false, err
	}
	s.change.Move(courier.StatusProcessing, status, 1)
	a := t.Attempt
	if a == nil {
		return true, nil
	}
	_, err = s.exec(ctx, "InsertAttempt", seq, count, a.Gateway, string(a.Outcome), optional(string(a.Class)),
		optional(a.Code), optional(a.Message), int64(a.HTTPStatus), optional(a.Excerpt), optional(store.CleanID(a.GatewayMessageID)),
		a.RetryAfter.Microseconds(), micros(a.StartedAt), a.Duration.Microseconds(), optional(a.Warning))
	for i, id := range store.PartIDs(a) {
		if err == nil {
			_, err = s.exec(ctx, "InsertPart", seq, count, int64(i+1), a.Gateway, id)
		}
	}
	return true, err
}
