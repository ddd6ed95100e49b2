package postgres

import (
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
)

// messageRow takes apart the columns "message" and "last".
type messageRow struct {
	id                                            pgtype.UUID
	status, gateway, channel, to, from, body      string
	leaseNode, gatewayMessageID, subject, kind    pgtype.Text
	data, headers, metadata, encoding, key, trace pgtype.Text
	leaseToken, acceptedDuration                  pgtype.Int8
	lastError, acceptedStatus                     pgtype.Int4
	sendCount, retryCount, segments               int32
	created, updated                              time.Time
	nextAttempt, leaseUntil, sent, expires        pgtype.Timestamptz
	acceptedStarted, scrubbed                     pgtype.Timestamptz
	fingerprint, exact                            []byte
	attempt                                       attemptRow
	targets                                       []any
}

// attemptRow takes apart the columns "attempt", which are all NULL for none.
type attemptRow struct {
	number, httpStatus                                       pgtype.Int4
	gateway, outcome, class, code, message, excerpt, foreign pgtype.Text
	retryAfter, duration                                     pgtype.Int8
	started                                                  pgtype.Timestamptz
}

func newMessageRow() *messageRow {
	r := &messageRow{}
	a := &r.attempt
	r.targets = []any{
		&r.id, &r.status, &r.gateway, &r.nextAttempt, &r.leaseNode, &r.leaseToken, &r.leaseUntil,
		&r.sendCount, &r.retryCount, &r.lastError, &r.updated, &r.sent, &r.expires, &r.gatewayMessageID,
		&r.acceptedStatus, &r.acceptedStarted, &r.acceptedDuration, &r.created, &r.channel,
		&r.to, &r.from, &r.body, &r.subject, &r.kind, &r.data, &r.headers, &r.metadata,
		&r.encoding, &r.segments, &r.key, &r.fingerprint, &r.trace, &r.scrubbed, &r.exact,
		&a.number, &a.gateway, &a.outcome, &a.class, &a.code, &a.message, &a.httpStatus, &a.excerpt,
		&a.foreign, &a.retryAfter, &a.started, &a.duration,
	}
	return r
}

func (r *messageRow) scan(rows pgx.Rows) error { return rows.Scan(r.targets...) }

// value returns the message of the row, with its last error when the attempt
// beside it is that.
func (r *messageRow) value() *courier.Message {
	m := &courier.Message{
		ID: r.id.Bytes, Status: courier.Status(r.status), Gateway: r.gateway, NextAttemptAt: moment(r.nextAttempt),
		Lease:     courier.Lease{Node: r.leaseNode.String, Token: r.leaseToken.Int64, Until: moment(r.leaseUntil)},
		SendCount: int(r.sendCount), RetryCount: int(r.retryCount),
		UpdatedAt: r.updated.UTC(), SentAt: moment(r.sent), ExpiresAt: moment(r.expires), GatewayMessageID: r.gatewayMessageID.String,
		CreatedAt: r.created.UTC(), Channel: r.channel, To: r.to, From: r.from, Body: r.body,
		Subject: r.subject.String, TemplateType: r.kind.String, TemplateData: document(r.data),
		RequestHeaders: document(r.headers), Metadata: document(r.metadata),
		Encoding: courier.Encoding(r.encoding.String), Segments: int(r.segments),
		IdempotencyKey: r.key.String, TraceParent: r.trace.String, ScrubbedAt: moment(r.scrubbed),
	}
	copy(m.Fingerprint[:], r.fingerprint)
	if r.exact != nil {
		m.Body, m.Subject = splitExact(r.exact)
	}
	if m.Encoding == "" && m.Segments == 0 && m.ScrubbedAt.IsZero() {
		// SQL stored it, which does not know the alphabets.
		m.Encoding, m.Segments = courier.CountSegments(m.Body)
	}
	if r.attempt.number.Valid && r.attempt.number == r.lastError {
		attempt := r.attempt.value()
		m.LastError = &attempt
	}
	return m
}

// accepted returns the attempt that is kept in the row of a message, or nil.
func (r *messageRow) accepted() *courier.Attempt {
	if !r.acceptedStatus.Valid {
		return nil
	}
	return &courier.Attempt{
		Number: int(r.sendCount), Gateway: r.gateway, Outcome: courier.OutcomeAccepted, HTTPStatus: int(r.acceptedStatus.Int32),
		GatewayMessageID: r.gatewayMessageID.String, StartedAt: moment(r.acceptedStarted),
		Duration: time.Duration(r.acceptedDuration.Int64) * time.Microsecond,
	}
}

func (r *attemptRow) value() courier.Attempt {
	return courier.Attempt{
		Number: int(r.number.Int32), Gateway: r.gateway.String, Outcome: courier.Outcome(r.outcome.String),
		Class: courier.Class(r.class.String), Code: r.code.String, Message: r.message.String,
		HTTPStatus: int(r.httpStatus.Int32), Excerpt: r.excerpt.String, GatewayMessageID: r.foreign.String,
		RetryAfter: time.Duration(r.retryAfter.Int64) * time.Microsecond, StartedAt: moment(r.started),
		Duration: time.Duration(r.duration.Int64) * time.Microsecond,
	}
}

// moment returns a time of the database, the zero time for NULL.
func moment(t pgtype.Timestamptz) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

// stamp returns a time as the database keeps it, NULL for the zero time.
func stamp(t time.Time) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: floor(t), Valid: !t.IsZero()}
}

// floor rounds a time down to microseconds UTC, as the database does.
func floor(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

func document(text pgtype.Text) []byte {
	if !text.Valid {
		return nil
	}
	return []byte(text.String)
}

// uuids returns identifiers as an argument.
func uuids(ids []courier.ID) []pgtype.UUID {
	list := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		list[i] = pgtype.UUID{Bytes: id, Valid: true}
	}
	return list
}

// isText reports whether a text of the database can hold it.
func isText(text string) bool {
	return strings.IndexByte(text, 0) < 0 && utf8.ValidString(text)
}

// clean returns what a text of the database can hold of a text.
func clean(text string) string {
	if isText(text) {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}

const lengthBytes = 4

// joinExact returns the column "exact", nil where texts can hold body and subject.
func joinExact(body, subject string) []byte {
	if isText(body) && isText(subject) {
		return nil
	}
	exact := make([]byte, 0, lengthBytes+len(body)+len(subject))
	exact = binary.BigEndian.AppendUint32(exact, uint32(len(body))) //nolint:gosec // a body is far below 4 GiB, which no column holds
	return append(append(exact, body...), subject...)
}

func splitExact(exact []byte) (body, subject string) {
	if len(exact) < lengthBytes {
		return "", ""
	}
	length := min(int(binary.BigEndian.Uint32(exact)), len(exact)-lengthBytes)
	texts := string(exact[lengthBytes:])
	return texts[:length], texts[length:]
}
