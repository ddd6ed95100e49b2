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
	id      pgtype.UUID
	status  string
	gateway string
	lease   leaseRow
	content contentRow
	times   timesRow
	counts  countsRow
	// accepted is the attempt that is kept in the row, attempt the one beside it.
	accepted acceptedRow
	attempt  attemptRow
	targets  []any
}

type leaseRow struct {
	node  pgtype.Text
	token pgtype.Int8
	until pgtype.Timestamptz
}

// contentRow is what the caller gave.
type contentRow struct {
	channel, to, from, body string
	subject, kind, encoding pgtype.Text
	data, headers, metadata pgtype.Text
	key, trace              pgtype.Text
	fingerprint, exact      []byte
	segments                int32
}

type timesRow struct {
	created, updated              time.Time
	next, sent, expires, scrubbed pgtype.Timestamptz
}

type countsRow struct {
	send, retry int32
	lastError   pgtype.Int4
}

type acceptedRow struct {
	foreign  pgtype.Text
	status   pgtype.Int4
	started  pgtype.Timestamptz
	duration pgtype.Int8
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
	l, c, t, n, k, a := &r.lease, &r.content, &r.times, &r.counts, &r.accepted, &r.attempt
	r.targets = []any{
		&r.id, &r.status, &r.gateway, &t.next, &l.node, &l.token, &l.until,
		&n.send, &n.retry, &n.lastError, &t.updated, &t.sent, &t.expires, &k.foreign,
		&k.status, &k.started, &k.duration, &t.created, &c.channel,
		&c.to, &c.from, &c.body, &c.subject, &c.kind, &c.data, &c.headers, &c.metadata,
		&c.encoding, &c.segments, &c.key, &c.fingerprint, &c.trace, &t.scrubbed, &c.exact,
		&a.number, &a.gateway, &a.outcome, &a.class, &a.code, &a.message, &a.httpStatus, &a.excerpt,
		&a.foreign, &a.retryAfter, &a.started, &a.duration,
	}
	return r
}

func (r *messageRow) scan(rows pgx.Rows) error { return rows.Scan(r.targets...) }

// value returns the message of the row, with its last error when the attempt
// beside it is that.
func (r *messageRow) value() *courier.Message {
	l, c, t, n := &r.lease, &r.content, &r.times, &r.counts
	m := &courier.Message{
		ID: r.id.Bytes, Status: courier.Status(r.status), Gateway: r.gateway, NextAttemptAt: moment(t.next),
		Lease:     courier.Lease{Node: l.node.String, Token: l.token.Int64, Until: moment(l.until)},
		SendCount: int(n.send), RetryCount: int(n.retry),
		UpdatedAt: t.updated.UTC(), SentAt: moment(t.sent), ExpiresAt: moment(t.expires), GatewayMessageID: r.accepted.foreign.String,
		CreatedAt: t.created.UTC(), Channel: c.channel, To: c.to, From: c.from, Body: c.body,
		Subject: c.subject.String, TemplateType: c.kind.String, TemplateData: document(c.data),
		RequestHeaders: document(c.headers), Metadata: document(c.metadata),
		Encoding: courier.Encoding(c.encoding.String), Segments: int(c.segments),
		IdempotencyKey: c.key.String, TraceParent: c.trace.String, ScrubbedAt: moment(t.scrubbed),
	}
	copy(m.Fingerprint[:], c.fingerprint)
	if c.exact != nil {
		m.Body, m.Subject = splitExact(c.exact)
	}
	if m.Encoding == "" && m.Segments == 0 && m.ScrubbedAt.IsZero() {
		// SQL stored it, which does not know the alphabets.
		m.Encoding, m.Segments = courier.CountSegments(m.Body)
	}
	if r.attempt.number.Valid && r.attempt.number == n.lastError {
		attempt := r.attempt.value()
		m.LastError = &attempt
	}
	return m
}

// acceptedAttempt returns the attempt that is kept in the row of a message, or nil.
func (r *messageRow) acceptedAttempt() *courier.Attempt {
	a := &r.accepted
	if !a.status.Valid {
		return nil
	}
	return &courier.Attempt{
		Number: int(r.counts.send), Gateway: r.gateway, Outcome: courier.OutcomeAccepted, HTTPStatus: int(a.status.Int32),
		GatewayMessageID: a.foreign.String, StartedAt: moment(a.started),
		Duration: time.Duration(a.duration.Int64) * time.Microsecond,
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
