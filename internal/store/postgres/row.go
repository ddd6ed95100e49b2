package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"courier"
	"courier/internal/store"
)

// messageRow takes apart the columns "message" and "last".
type messageRow struct {
	message     courier.Message
	content     string
	failure     string
	fingerprint []byte
	lastError   zeronull.Int4
	// accepted is the attempt that is kept in the row, attempt the one next to it.
	accepted, attempt attemptRow
	targets           []any
}

// attemptRow takes apart the columns "attempt", which are all NULL for none.
type attemptRow struct {
	attempt              courier.Attempt
	number, status       pgtype.Int4
	retryAfter, duration zeronull.Int8
}

func newMessageRow() *messageRow {
	r := &messageRow{}
	m, k, a := &r.message, &r.accepted, &r.attempt
	r.targets = []any{
		(*[16]byte)(&m.ID), (*string)(&m.Status), &m.Gateway, at(&m.NextAttemptAt),
		text(&m.Lease.Node), (*zeronull.Int8)(&m.Lease.Token), at(&m.Lease.Until),
		&m.SendCount, &m.RetryCount, &r.lastError, &m.UpdatedAt, at(&m.SentAt), at(&m.ExpiresAt), text(&m.GatewayMessageID),
		&k.status, at(&k.attempt.StartedAt), &k.duration, &m.CreatedAt, &m.Channel,
		&m.To, &m.From, &m.Body, &r.content, &m.Caller, text(&m.IdempotencyKey), &r.fingerprint, at(&m.ScrubbedAt), text(&r.failure),
		(*string)(&m.Lane), text(&m.SupersedeKey), (*zeronull.UUID)(&m.SupersededBy),
	}
	r.targets = append(r.targets, a.targets()...)
	return r
}

func (r *attemptRow) targets() []any {
	a := &r.attempt
	return []any{
		&r.number, text(&a.Gateway), (*zeronull.Text)(&a.Outcome), (*zeronull.Text)(&a.Class), text(&a.Code),
		text(&a.Message), &r.status, text(&a.Excerpt), text(&a.GatewayMessageID),
		&r.retryAfter, at(&a.StartedAt), &r.duration, text(&a.Warning),
	}
}

// text and at take NULL for the empty string and the zero time.
func text(target *string) *zeronull.Text         { return (*zeronull.Text)(target) }
func at(target *time.Time) *zeronull.Timestamptz { return (*zeronull.Timestamptz)(target) }

// scan reads a row and returns its message, with its last error when the attempt
// next to it is that.
func (r *messageRow) scan(rows pgx.Rows) (*courier.Message, error) {
	if err := rows.Scan(r.targets...); err != nil {
		return nil, err
	}
	m := r.message
	for _, t := range []*time.Time{
		&m.NextAttemptAt, &m.Lease.Until, &m.UpdatedAt, &m.SentAt, &m.ExpiresAt, &m.CreatedAt, &m.ScrubbedAt,
	} {
		*t = t.UTC()
	}
	copy(m.Fingerprint[:], r.fingerprint)
	store.DecodeContent(&m, r.content)
	if r.attempt.number.Valid && r.attempt.number.Int32 == int32(r.lastError) {
		attempt := r.attempt.value()
		m.LastError = &attempt
	}
	store.DecodeFailure(&m, r.failure)
	store.NoteEnd(&m)
	return &m, nil
}

// acceptedAttempt returns the attempt that is kept in the row of a message, or nil.
func (r *messageRow) acceptedAttempt() *courier.Attempt {
	if !r.accepted.status.Valid {
		return nil
	}
	a, m := r.accepted.value(), &r.message
	a.Number, a.Gateway, a.Outcome, a.GatewayMessageID = m.SendCount, m.Gateway, courier.OutcomeAccepted, m.GatewayMessageID
	return &a
}

func (r *attemptRow) value() courier.Attempt {
	a := r.attempt
	a.Number, a.HTTPStatus, a.StartedAt = int(r.number.Int32), int(r.status.Int32), a.StartedAt.UTC()
	a.RetryAfter, a.Duration = time.Duration(r.retryAfter)*time.Microsecond, time.Duration(r.duration)*time.Microsecond
	return a
}

// column returns one argument of a statement that takes many rows.
func column[R, T any](rows []R, value func(R) T) []T {
	values := make([]T, len(rows))
	for i, row := range rows {
		values[i] = value(row)
	}
	return values
}

// stamp returns a time as the database keeps it, NULL for the zero time.
func stamp(t time.Time) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: store.Floor(t), Valid: !t.IsZero()}
}

// uuid returns an identifier as an argument.
func uuid(id courier.ID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// optionalUUID returns an identifier as an argument, NULL for none.
func optionalUUID(id courier.ID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: !id.IsZero()} }

func uuids(ids []courier.ID) []pgtype.UUID { return column(ids, uuid) }

// small returns a count as a column of 4 bytes takes it.
func small(n int) int32 { return int32(n) } //nolint:gosec // counts of attempts and of messages in flight, statuses of HTTP
