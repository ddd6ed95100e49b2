package sqlite

import (
	"database/sql"
	"time"

	"courier"
	"courier/internal/store"
)

// The counts of the columns in the blocks of queries.sql.
const (
	messageColumns = 32
	attemptColumns = 13
	receiptColumns = 8
)

// messageRow is a row of message. What another row holds is not in its message yet.
type messageRow struct {
	seq     int64
	message *courier.Message
	// content is the document that completes the message.
	content string
	// lastError is the number of the attempt that failed last, 0 for none.
	lastError int
	// failure is the document of what a receipt said against the message.
	failure string
	// accepted is the attempt that is kept in the row, or nil.
	accepted *courier.Attempt
}

// rowScanner takes rows apart without knowing their columns; it is used for one
// statement at a time.
type rowScanner struct{ values, pointers []any }

func newRowScanner(columns int) *rowScanner {
	r := &rowScanner{values: make([]any, columns), pointers: make([]any, columns)}
	for i := range r.values {
		r.pointers[i] = &r.values[i]
	}
	return r
}

func (r *rowScanner) scan(rows *sql.Rows) error { return rows.Scan(r.pointers...) }

func (r *rowScanner) text(i int) string {
	text, _ := r.values[i].(string)
	return text
}

func (r *rowScanner) integer(i int) int64 {
	number, _ := r.values[i].(int64)
	return number
}

func (r *rowScanner) blob(i int) []byte {
	blob, _ := r.values[i].([]byte)
	return blob
}

func (r *rowScanner) time(i int) time.Time {
	if micros, ok := r.values[i].(int64); ok {
		return time.UnixMicro(micros).UTC()
	}
	return time.Time{}
}

func (r *rowScanner) duration(i int) time.Duration {
	return time.Duration(r.integer(i)) * time.Microsecond
}

// message returns the row of the columns "message".
func (r *rowScanner) message() messageRow {
	m := &courier.Message{
		Status: courier.Status(r.text(2)), Gateway: r.text(3), NextAttemptAt: r.time(4),
		Lease:     courier.Lease{Node: r.text(5), Token: r.integer(6), Until: r.time(7)},
		SendCount: int(r.integer(8)), RetryCount: int(r.integer(9)),
		UpdatedAt: r.time(11), SentAt: r.time(12), ExpiresAt: r.time(13), GatewayMessageID: r.text(14),
		CreatedAt: r.time(18), Channel: r.text(19), To: r.text(20), From: r.text(21), Body: r.text(22),
		Caller: r.text(24), IdempotencyKey: r.text(25), ScrubbedAt: r.time(27),
		Lane: courier.Lane(r.text(29)), SupersedeKey: r.text(30),
	}
	copy(m.ID[:], r.blob(1))
	copy(m.Fingerprint[:], r.blob(26))
	copy(m.SupersededBy[:], r.blob(31))
	row := messageRow{seq: r.integer(0), message: m, content: r.text(23), lastError: int(r.integer(10)), failure: r.text(28)}
	if r.values[15] != nil {
		row.accepted = &courier.Attempt{
			Number: m.SendCount, Gateway: m.Gateway, Outcome: courier.OutcomeAccepted, HTTPStatus: int(r.integer(15)),
			GatewayMessageID: m.GatewayMessageID, StartedAt: r.time(16), Duration: r.duration(17),
		}
	}
	return row
}

// attempt returns the row of the columns "attempt".
func (r *rowScanner) attempt() courier.Attempt {
	return courier.Attempt{
		Number: int(r.integer(0)), Gateway: r.text(1), Outcome: courier.Outcome(r.text(2)), Class: courier.Class(r.text(3)),
		Code: r.text(4), Message: r.text(5), HTTPStatus: int(r.integer(6)), Excerpt: r.text(7), GatewayMessageID: r.text(8),
		RetryAfter: r.duration(9), StartedAt: r.time(10), Duration: r.duration(11), Warning: r.text(12),
	}
}

// receipt returns the columns "receipt" from a place on.
func (r *rowScanner) receipt(from int) courier.Receipt {
	return courier.Receipt{
		Gateway: r.text(from), GatewayMessageID: r.text(from + 1), Status: courier.Status(r.text(from + 2)),
		Class: courier.Class(r.text(from + 3)), Code: r.text(from + 4), Message: r.text(from + 5),
		At: r.time(from + 6), ReceivedAt: r.time(from + 7),
	}
}

// receiptArguments returns the columns "receipt" after others.
func receiptArguments(r *courier.Receipt, others ...any) []any {
	return append(others, r.Gateway, r.GatewayMessageID, string(r.Status), optional(string(r.Class)), optional(r.Code),
		optional(r.Message), micros(r.At), r.ReceivedAt.UnixMicro())
}

// insertArguments returns the arguments of InsertMessage.
func insertArguments(m store.Row) []any {
	arguments := []any{
		m.ID[:], string(m.Status), m.Gateway, micros(m.NextAttemptAt), nil, nil, nil,
		micros(m.UpdatedAt), micros(m.ExpiresAt), micros(m.CreatedAt), m.Channel,
		m.To, m.From, m.BodyText, m.Content, m.Caller, optional(m.IdempotencyKey), nil,
		string(m.Lane), optional(m.SupersedeKey), nil, // which the writer knows
	}
	if m.Status == courier.StatusProcessing {
		arguments[4], arguments[5], arguments[6] = m.Lease.Node, m.Lease.Token, m.Lease.Until.UnixMicro()
	}
	if m.Fingerprint != [32]byte{} {
		arguments[17] = m.Fingerprint[:]
	}
	return arguments
}

// micros returns a time as the database keeps it, NULL for the zero time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// optionalID returns an id, NULL for none.
func optionalID(id courier.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// optional returns a text, NULL for an empty one.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}
