package courier

import (
	"encoding/json"
	"time"
)

// DefaultChannel is the id of the one channel that Kratos has for text messages.
const DefaultChannel = "sms"

// Message is one text to one recipient, its place in the queue and its state.
// All times are UTC with microseconds; a zero time means none.
type Message struct {
	ID     ID
	Status Status
	// Channel is the kind of message, as in Kratos's courier.channels[].id.
	Channel string
	// To is the recipient: E.164 (+ and up to 15 digits) unless validation is off.
	To string
	// From is the sender: a number, a short code or an alphanumeric name.
	From    string
	Body    string
	Subject string
	// TemplateType and TemplateData are what the identity system knows of the
	// message, e.g. "login_code_valid" and the code. TemplateData is any JSON object.
	TemplateType string
	TemplateData json.RawMessage
	// RequestHeaders is a JSON object of string lists, or empty for none.
	RequestHeaders json.RawMessage
	// Metadata is the caller's own JSON object, or empty for none.
	Metadata json.RawMessage
	Encoding Encoding
	Segments int
	// Country is the recipient's, as ISO 3166-1 has it ("DE"), empty when not known.
	Country string
	// CallbackURL is where the caller wants to be told of changes of status, or empty.
	CallbackURL string
	// Lane is how urgent the message is; a store takes none for LaneNormal.
	Lane Lane
	// SupersedeKey is what a newer message of the same Caller has in common with those
	// whose place it takes, or empty.
	SupersedeKey string
	// SupersededBy is the newer message that took the place of this one, zero for none.
	SupersededBy ID
	// HoldUntil bounds how long the message waits for an older one of its SupersedeKey
	// that is in flight when it is stored. It is not stored itself.
	HoldUntil time.Time

	CreatedAt time.Time
	UpdatedAt time.Time
	// SendAt is when a scheduled message was first to be sent; zero for at once.
	SendAt time.Time
	// SentAt is when a gateway accepted the message.
	SentAt time.Time
	// ExpiresAt is when the message loses its use; it is not attempted after it.
	ExpiresAt time.Time
	// NextAttemptAt is when a queued message is due.
	NextAttemptAt time.Time
	// ScrubbedAt is when its content was taken out: Body, Subject, TemplateData
	// and RequestHeaders.
	ScrubbedAt time.Time

	// Gateway is the one the message waits for or was last attempted through.
	Gateway string
	// OnlyGateway is true when the caller asked for Gateway: no other takes the message.
	OnlyGateway      bool
	GatewayMessageID string
	// SendCount counts the attempts made.
	SendCount int
	// RetryCount counts the failed attempts that are held against the message:
	// those of a gateway that was down are not.
	RetryCount int
	// LastError is the last attempt that failed, nil when none did.
	LastError *Attempt

	// Caller is the name of the API key that brought the message, empty where none
	// is asked for. Each caller has idempotency keys of its own.
	Caller string
	// IdempotencyKey is the caller's, or empty. Fingerprint is a digest of what
	// the caller asked for, so that a key used for something else is noticed.
	IdempotencyKey string
	Fingerprint    [32]byte
	// Limits are those that leave room for the message or not when it is stored. They
	// are not stored.
	Limits []Limit
	// Warnings tell the caller what had better be different. They are not stored.
	Warnings []string
	// TraceParent is the W3C trace context of the request that made the message.
	TraceParent string

	Lease Lease
}

// Lease is a node's time-limited right to attempt a message.
type Lease struct {
	// Node names the node that holds the lease, empty for none.
	Node string
	// Token is new for each claim: a settle that names another changes nothing.
	Token int64
	// Until is when the lease lapses unless it is renewed.
	Until time.Time
}

// CodeLeft is what has to be left of the life of a one-time code for it to be sent: its
// person needs the time to type it in.
const CodeLeft = 20 * time.Second

// TooLate reports whether a message is a one-time code of which too little life is left
// to send it.
func (m *Message) TooLate(now time.Time) bool {
	return m.Lane == LaneOTP && !m.ExpiresAt.IsZero() && m.ExpiresAt.Sub(now) < CodeLeft
}

// Expired reports whether the message has lost its use at the given time.
func (m *Message) Expired(now time.Time) bool {
	return !m.ExpiresAt.IsZero() && !now.Before(m.ExpiresAt)
}
