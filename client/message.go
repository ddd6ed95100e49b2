package client

import (
	"encoding/json"
	"time"

	"courier"
)

// Message is what the API says of a message. Fields that do not apply are
// empty. Times are UTC.
type Message struct {
	ID      courier.ID     `json:"id"`
	Status  courier.Status `json:"status"`
	Channel string         `json:"channel,omitempty"`
	To      string         `json:"to"`
	From    string         `json:"from,omitempty"`
	Subject string         `json:"subject,omitempty"`
	// Body and TemplateData are there only for a key with the scope read_body.
	Body         string           `json:"body,omitempty"`
	TemplateType string           `json:"template_type,omitempty"`
	TemplateData json.RawMessage  `json:"template_data,omitempty"`
	Metadata     json.RawMessage  `json:"metadata,omitempty"`
	Segments     int              `json:"segments,omitempty"`
	Encoding     courier.Encoding `json:"encoding,omitempty"`
	// Country is the recipient's, as ISO 3166-1 has it, empty when it is not known.
	Country string `json:"country,omitempty"`
	// CallbackURL is where changes of status are reported.
	CallbackURL string `json:"callback_url,omitempty"`
	// Replayed is true in the answer to Send when the idempotency key was used before, or
	// the message repeats one with its SupersedeKey and content that was sent shortly
	// before: this is the first message, and no new one was made.
	Replayed bool `json:"replayed,omitempty"`
	Delivery
	Precedence
	Timeline
}

// Precedence is which messages go before a message, or instead of it.
type Precedence struct {
	// Lane is how urgent the message is.
	Lane courier.Lane `json:"lane,omitempty"`
	// SupersedeKey is what newer messages have in common that take the place of this one.
	SupersedeKey string `json:"supersede_key,omitempty"`
	// SupersededBy is the newer message that took the place of this one, zero for none.
	SupersededBy courier.ID `json:"superseded_by,omitzero"`
}

// Delivery is how far a message has come.
type Delivery struct {
	// Gateway is the one the message waits for or was last attempted through.
	Gateway          string `json:"gateway,omitempty"`
	GatewayMessageID string `json:"gateway_message_id,omitempty"`
	// SendCount counts the attempts made.
	SendCount int `json:"send_count"`
	// LastError is nil when no attempt failed.
	LastError *Fault `json:"last_error,omitempty"`
	// Attempts are in order; a listing leaves them out.
	Attempts []Attempt `json:"attempts,omitempty"`
	// Receipts are what the gateways reported, in the order in which that arrived; a
	// listing leaves them out.
	Receipts []Receipt `json:"receipts,omitempty"`
	// Webhooks are what applications were told, in the order in which it happened; a
	// listing leaves them out.
	Webhooks []Webhook `json:"webhooks,omitempty"`
}

// WebhookState is how far it has come to tell an application of an event.
type WebhookState string

// The states of a webhook. One that waits is posted, at first or again.
const (
	WebhookWaiting   WebhookState = "waiting"
	WebhookDelivered WebhookState = "delivered"
	WebhookGivenUp   WebhookState = "given_up"
)

// Webhook is what became of telling an application of an event.
type Webhook struct {
	// Webhook is the id in the configuration, or callback_url for that of the message.
	Webhook string `json:"webhook"`
	// Host is the one that is told, empty for a webhook that is configured no more.
	Host string `json:"host,omitempty"`
	// Event is such as message.delivered, and At when that happened.
	Event string       `json:"event"`
	At    time.Time    `json:"at"`
	State WebhookState `json:"state"`
	// Tries is how often it was posted, and TriedAt when for the last time.
	Tries   int       `json:"tries"`
	TriedAt time.Time `json:"tried_at,omitzero"`
	// Fault says why it was not taken the last time.
	Fault string `json:"fault,omitempty"`
}

// BuiltRequests are the requests of a message.
type BuiltRequests struct {
	// Masked says that number and text are masked, as the key lacks the scope read_body.
	Masked bool `json:"masked"`
	// Requests are one for each gateway that the message was attempted through.
	Requests []BuiltRequest `json:"requests"`
}

// BuiltRequest is the request of a message to a gateway, built for an attempt.
type BuiltRequest struct {
	Gateway string `json:"gateway"`
	Attempt int    `json:"attempt"`
	// Request is nil when it cannot be built, and Fault says why.
	Request *TrialRequest `json:"request"`
	Fault   string        `json:"fault,omitempty"`
}

// Timeline is when things happened to a message, or will.
type Timeline struct {
	CreatedAt     time.Time `json:"created_at,omitzero"`
	UpdatedAt     time.Time `json:"updated_at,omitzero"`
	SentAt        time.Time `json:"sent_at,omitzero"`
	ExpiresAt     time.Time `json:"expires_at,omitzero"`
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"`
	// ScrubbedAt is when Body, Subject and TemplateData were deleted: the message
	// cannot be retried any more.
	ScrubbedAt time.Time `json:"scrubbed_at,omitzero"`
}

// Settled reports whether the courier has done what it can: the message was
// sent, is final, or waits for an operator.
func (m *Message) Settled() bool {
	return m.Status.Final() || m.Status == courier.StatusSent || m.Status == courier.StatusUnknown
}

// Fault is why an attempt failed.
type Fault struct {
	Class courier.Class `json:"class,omitempty"`
	// Advice says what the class means for any gateway, and the next step.
	Advice string `json:"advice,omitempty"`
	// Code is the gateway's own error code.
	Code string `json:"code,omitempty"`
	// Message says what happened and what to do next.
	Message string `json:"message,omitempty"`
	// HTTPStatus is the gateway's, 0 when it gave no answer.
	HTTPStatus int `json:"http_status,omitempty"`
}

// Attempt is one try at handing a message to a gateway.
type Attempt struct {
	Number  int             `json:"number"`
	Gateway string          `json:"gateway"`
	Outcome courier.Outcome `json:"outcome"`
	Fault
	// Warning tells of what went wrong although the gateway took the message.
	Warning string `json:"warning,omitempty"`
	// Excerpt is the redacted beginning of an answer that was no success.
	Excerpt          string `json:"excerpt,omitempty"`
	GatewayMessageID string `json:"gateway_message_id,omitempty"`
	// GatewayMessageIDs are the names of all parts of a long message, where the
	// gateway gave more than one.
	GatewayMessageIDs []string  `json:"gateway_message_ids,omitempty"`
	StartedAt         time.Time `json:"started_at"`
	// Duration is a Go duration such as "12.5ms".
	Duration string `json:"duration,omitempty"`
}

// Receipt is what a gateway reported of a message that it took.
type Receipt struct {
	Gateway          string         `json:"gateway"`
	GatewayMessageID string         `json:"gateway_message_id,omitempty"`
	Status           courier.Status `json:"status"`
	Class            courier.Class  `json:"class,omitempty"`
	// Advice says what the class means for any gateway, and the next step.
	Advice string `json:"advice,omitempty"`
	// Code is the gateway's own.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// At is the gateway's own time, zero when it gave none.
	At         time.Time `json:"at,omitzero"`
	ReceivedAt time.Time `json:"received_at"`
}

// BatchResult is what became of one message of a batch.
type BatchResult struct {
	// Index is the message's place in the batch, from 0.
	Index     int            `json:"index"`
	ID        courier.ID     `json:"id,omitzero"`
	Status    courier.Status `json:"status,omitempty"`
	To        string         `json:"to,omitempty"`
	CreatedAt time.Time      `json:"created_at,omitzero"`
	// Replayed is as for a single message.
	Replayed bool `json:"replayed,omitempty"`
	// Refusal is nil for a message that was taken.
	Refusal *Refusal `json:"error,omitempty"`
}

// Refusal says why a message of a batch was not taken.
type Refusal struct {
	Code   courier.ErrorCode `json:"code"`
	Field  string            `json:"field,omitempty"`
	Detail string            `json:"detail"`
}

// Err returns the refusal as a *courier.Error, or nil for a message that was taken.
func (r BatchResult) Err() error {
	if r.Refusal == nil {
		return nil
	}
	return &courier.Error{Code: r.Refusal.Code, Field: r.Refusal.Field, Message: r.Refusal.Detail}
}

// MessagePage is a part of a listing.
type MessagePage struct {
	Messages []Message `json:"messages"`
	// NextPageToken asks for the next page; empty after the last. A page may
	// hold fewer messages than asked for, or none, and still have a next one.
	NextPageToken string `json:"next_page_token,omitempty"`
}

// Node is one running courier of those that share a database. Times are UTC.
type Node struct {
	// Name is new for each start.
	Name      string    `json:"name"`
	Host      string    `json:"host"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	// SeenAt is when it last told the others that it is alive.
	SeenAt time.Time `json:"seen_at"`
	// Alive is false once it was not heard of for too long.
	Alive bool `json:"alive"`
	// Keeper is true for the one that does the housekeeping.
	Keeper bool `json:"keeper"`
	// InFlight is how many messages it held when it was last seen.
	InFlight int      `json:"in_flight"`
	Gateways []string `json:"gateways"`
}

// Queue is what is under way. Times are UTC.
type Queue struct {
	// Queued wait, Processing are being attempted, Unknown wait for an operator.
	Queued     int64 `json:"queued"`
	Processing int64 `json:"processing"`
	Unknown    int64 `json:"unknown"`
	// OldestDueAt is since when the message waits that is due and has waited longest,
	// zero when none is due.
	OldestDueAt time.Time `json:"oldest_due_at,omitzero"`
	// Waiting is what waits, by gateway and lane.
	Waiting []Waiting `json:"waiting,omitempty"`
}

// Waiting is what waits for a gateway in a lane. Times are UTC.
type Waiting struct {
	Gateway string       `json:"gateway"`
	Lane    courier.Lane `json:"lane"`
	// Count is how many messages wait; More says that there are more.
	Count int  `json:"count"`
	More  bool `json:"more"`
	// OldestDueAt is when the first of them is due, which may lie ahead.
	OldestDueAt time.Time `json:"oldest_due_at"`
	// Hold says what holds up those that are due: paused, account, breaker, throttled,
	// rate, lane, slots or elsewhere; empty for nothing. Class says why a gateway takes
	// none, and Advice what to do.
	Hold   string        `json:"hold,omitempty"`
	Class  courier.Class `json:"class,omitempty"`
	Advice string        `json:"advice,omitempty"`
}

// Why is what became of the last messages to a recipient.
type Why struct {
	// To is the recipient, as messages have it.
	To string `json:"to"`
	// Text is one paragraph: what became of them, and what to do.
	Text string `json:"text"`
	// Messages are the last ten, the newest first.
	Messages []Message `json:"messages"`
}
