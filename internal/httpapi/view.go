package httpapi

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
	"courier/internal/store"
)

// redacted stands for a text that the caller may not read.
const redacted = "<redacted>"

// Message is a message in an answer. Every field is always there; null says
// that it does not apply.
type Message struct {
	ID           courier.ID `json:"id" format:"uuid" doc:"The message's id, a UUID version 7."`
	Status       status     `json:"status"`
	Channel      string     `json:"channel" example:"sms" doc:"The kind of message."`
	To           string     `json:"to" example:"+12065550199" doc:"The recipient."`
	From         string     `json:"from" example:"+12065550110" doc:"The sender."`
	Body         string     `json:"body" doc:"The text; <redacted> for a key without the scope read_body, empty once it was scrubbed."`
	Subject      *string    `json:"subject" doc:"The subject; <redacted> as the body is."`
	TemplateType *string    `json:"template_type" example:"login_code_valid"`
	TemplateData jsonObject `json:"template_data" doc:"What the gateway's template was given; null for a key without the scope read_body."`
	Metadata     jsonObject `json:"metadata" doc:"The caller's own."`
	Segments     int        `json:"segments" doc:"How many segments the text takes."`
	Encoding     encoding   `json:"encoding"`
	Country      *string    `json:"country" example:"DE" doc:"The recipient's country, as ISO 3166-1 has it; null when it is not known."`
	CallbackURL  *string    `json:"callback_url" doc:"Where changes of status are reported; <redacted> as the body is, as it may hold a secret of its own."`
	Delivery
	Precedence
	Timeline
}

// Delivery is how far a message has come.
type Delivery struct {
	Gateway          *string      `json:"gateway" doc:"The gateway that the message waits for or was last attempted through."`
	GatewayMessageID *string      `json:"gateway_message_id" doc:"The gateway's own name for the message."`
	SendCount        int          `json:"send_count" doc:"How many attempts were made."`
	LastError        maybe[Fault] `json:"last_error" doc:"Why the last attempt that failed did; null when none failed."`
}

// Precedence is which messages go before a message, or instead of it.
type Precedence struct {
	Lane         lane    `json:"lane"`
	SupersedeKey *string `json:"supersede_key" doc:"A newer message with the same key takes the place of this one; null for none."`
	SupersededBy *string `json:"superseded_by" format:"uuid" doc:"The newer message that took the place of this one; null for none."`
}

// messageDetail is all that is known of a message.
type messageDetail struct {
	Message
	Attempts []attempt `json:"attempts" nullable:"false" doc:"Every attempt, in order."`
	Receipts []receipt `json:"receipts" nullable:"false" doc:"What the gateways reported, in the order in which that arrived."`
	Webhooks []notice  `json:"webhooks" nullable:"false" doc:"What applications were told of the message, in the order in which it happened."`
}

// Timeline is when things happened to a message, or will.
type Timeline struct {
	CreatedAt     moment  `json:"created_at" doc:"When the message was taken."`
	UpdatedAt     moment  `json:"updated_at" doc:"When it last changed."`
	SentAt        *moment `json:"sent_at" nullable:"true" doc:"When a gateway accepted it."`
	ExpiresAt     *moment `json:"expires_at" nullable:"true" doc:"When it loses its use; null for never."`
	NextAttemptAt *moment `json:"next_attempt_at" nullable:"true" doc:"When a queued message is due; null for any other."`
	ScrubbedAt    *moment `json:"scrubbed_at" nullable:"true" doc:"When its content was deleted, as retention.scrub_after says: body, subject and template data; null for not yet."`
}

// Fault is why an attempt failed.
type Fault struct {
	Class      *string `json:"class" example:"throttled" doc:"The kind of fault, the same for every gateway."`
	Advice     *string `json:"advice" doc:"What the class means for any gateway, and the next step."`
	Code       *string `json:"code" doc:"The gateway's own error code."`
	Message    *string `json:"message" doc:"What happened and what to do next."`
	HTTPStatus *int    `json:"http_status" example:"429" doc:"The gateway's HTTP status; null when no answer was read."`
}

// attempt is one try at handing a message to a gateway.
type attempt struct {
	Number  int     `json:"number" doc:"Counts the attempts of a message from 1."`
	Gateway string  `json:"gateway" doc:"The gateway that was tried."`
	Outcome outcome `json:"outcome"`
	Fault
	Warning           *string  `json:"warning" doc:"What went wrong although the gateway took the message, such as a part that it did not take."`
	Excerpt           *string  `json:"excerpt" doc:"The redacted beginning of an answer that was no success."`
	GatewayMessageID  *string  `json:"gateway_message_id" doc:"The gateway's own name for the message."`
	GatewayMessageIDs []string `json:"gateway_message_ids,omitempty" nullable:"false" doc:"The gateway's names of all parts of a long message, where it gave more than one."`
	StartedAt         moment   `json:"started_at"`
	Duration          string   `json:"duration" example:"12.3ms" doc:"How long the attempt took."`
}

// receipt is what a gateway reported of a message that it took.
type receipt struct {
	Gateway          string  `json:"gateway" doc:"The gateway that reported it."`
	GatewayMessageID *string `json:"gateway_message_id" doc:"The gateway's own name for the message, or for one of its parts."`
	Status           status  `json:"status"`
	Class            *string `json:"class" example:"absent_subscriber" doc:"Why the message was not delivered, the same for every gateway."`
	Advice           *string `json:"advice" doc:"What the class means for any gateway, and the next step."`
	Code             *string `json:"code" doc:"The gateway's own error code."`
	Message          *string `json:"message" doc:"What the gateway says."`
	At               *moment `json:"at" nullable:"true" doc:"The gateway's own time; null when it gave none."`
	ReceivedAt       moment  `json:"received_at" doc:"When it arrived."`
}

// notice is what became of telling an application of an event.
type notice struct {
	Webhook string      `json:"webhook" example:"shop" doc:"The id in webhooks, or callback_url for that of the message."`
	Host    *string     `json:"host" example:"shop.example" doc:"The host that is told; null for a webhook that is configured no more."`
	Event   string      `json:"event" example:"message.delivered" doc:"What it is told."`
	At      moment      `json:"at" doc:"When that happened."`
	State   noticeState `json:"state"`
	Tries   int         `json:"tries" doc:"How often it was posted."`
	TriedAt *moment     `json:"tried_at" nullable:"true" doc:"When it was posted for the last time; null for never."`
	Fault   *string     `json:"fault" doc:"Why it was not taken the last time."`
}

// newMessage shows a message to a caller, its text only to one who may read it.
func newMessage(m *courier.Message, by Key) Message {
	view := Message{
		ID: m.ID, Status: status(m.Status), Channel: m.Channel, To: m.To, From: m.From,
		Body: m.Body, Subject: orNull(m.Subject), TemplateType: orNull(m.TemplateType),
		TemplateData: jsonObject(m.TemplateData), Metadata: jsonObject(m.Metadata), Segments: m.Segments, Encoding: encoding(m.Encoding),
		Country: orNull(m.Country), CallbackURL: orNull(m.CallbackURL),
		Precedence: Precedence{Lane: lane(m.Lane), SupersedeKey: orNull(m.SupersedeKey)},
		Delivery:   Delivery{Gateway: orNull(m.Gateway), GatewayMessageID: orNull(m.GatewayMessageID), SendCount: m.SendCount},
		Timeline: Timeline{
			CreatedAt: moment(m.CreatedAt), UpdatedAt: moment(m.UpdatedAt), SentAt: momentOrNull(m.SentAt),
			ExpiresAt: momentOrNull(m.ExpiresAt), ScrubbedAt: momentOrNull(m.ScrubbedAt),
		},
	}
	if m.Status == courier.StatusQueued {
		view.NextAttemptAt = momentOrNull(m.NextAttemptAt)
	}
	if !m.SupersededBy.IsZero() {
		view.SupersededBy = new(m.SupersededBy.String())
	}
	if m.LastError != nil {
		last := newFault(m.LastError)
		view.LastError.Value = &last
	}
	if by.may(ScopeReadBody) {
		return view
	}
	if view.CallbackURL != nil {
		view.CallbackURL = orNull(redacted)
	}
	if m.ScrubbedAt.IsZero() {
		view.Body, view.TemplateData = redacted, nil
	}
	if view.Subject != nil {
		view.Subject = orNull(redacted)
	}
	return view
}

func newFault(a *courier.Attempt) Fault {
	return Fault{Class: orNull(string(a.Class)), Advice: orNull(a.Class.Explain().String()), Code: orNull(a.Code), Message: orNull(a.Message), HTTPStatus: orNull(a.HTTPStatus)}
}

func newMessageDetail(m *courier.Message, attempts []courier.Attempt, receipts []courier.Receipt, by Key) messageDetail {
	detail := messageDetail{Message: newMessage(m, by), Attempts: make([]attempt, len(attempts)), Receipts: make([]receipt, len(receipts))}
	for i, r := range receipts {
		detail.Receipts[i] = receipt{
			Gateway: r.Gateway, GatewayMessageID: orNull(r.GatewayMessageID), Status: status(r.Status),
			Class: orNull(string(r.Class)), Advice: orNull(r.Class.Explain().String()), Code: orNull(r.Code), Message: orNull(r.Message),
			At: momentOrNull(r.At), ReceivedAt: moment(r.ReceivedAt),
		}
	}
	for i := range attempts {
		a := &attempts[i]
		detail.Attempts[i] = attempt{
			Number: a.Number, Gateway: a.Gateway, Outcome: outcome(a.Outcome), Fault: newFault(a),
			Warning: orNull(a.Warning), Excerpt: orNull(a.Excerpt),
			GatewayMessageID: orNull(a.GatewayMessageID), GatewayMessageIDs: a.GatewayMessageIDs,
			StartedAt: moment(a.StartedAt), Duration: a.Duration.Round(time.Microsecond).String(),
		}
	}
	return detail
}

// newWebhooks shows what became of the events of a message that somebody is told of.
func (a *API) newWebhooks(notices []store.Notice, callbackURL string) []notice {
	shown := []notice{}
	for _, n := range notices {
		if a.options.ToldFunc == nil {
			break
		}
		id, host := a.options.ToldFunc(n.Listener, callbackURL)
		if id == "" {
			continue
		}
		shown = append(shown, notice{
			Webhook: id, Host: orNull(host), Event: "message." + string(n.To), At: moment(n.At), State: noticeState(n.State),
			Tries: n.Tries, TriedAt: momentOrNull(n.TriedAt), Fault: orNull(n.Fault),
		})
	}
	return shown
}

func orNull[T comparable](value T) *T {
	var none T
	if value == none {
		return nil
	}
	return &value
}

// moment is a time in RFC 3339, UTC, always with microseconds.
type moment time.Time

const momentLayout = `"2006-01-02T15:04:05.000000Z"`

// MarshalJSONTo implements json.MarshalerTo.
func (m moment) MarshalJSONTo(encoder *jsontext.Encoder) error {
	return encoder.WriteValue(time.Time(m).UTC().AppendFormat(encoder.AvailableBuffer(), momentLayout))
}

// Schema implements huma.SchemaProvider.
func (moment) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-01-02T15:04:05.123456Z"}}
}

func momentOrNull(at time.Time) *moment {
	if at.IsZero() {
		return nil
	}
	m := moment(at)
	return &m
}

// maybe is an object, or null.
type maybe[T any] struct{ Value *T }

// MarshalJSON implements json.Marshaler.
func (m maybe[T]) MarshalJSON() ([]byte, error) { return json.Marshal(m.Value) }

// Schema implements huma.SchemaProvider.
func (maybe[T]) Schema(registry huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{registry.Schema(reflect.TypeFor[T](), true, ""), {Type: "null"}}}
}

// The types below are those of package courier with their schemas.
type (
	status      courier.Status
	outcome     courier.Outcome
	encoding    courier.Encoding
	lane        courier.Lane
	noticeState store.NoticeState
)

// Schema implements huma.SchemaProvider.
func (noticeState) Schema(huma.Registry) *huma.Schema {
	return enumeration("How far it has come: it waits to be posted, at first or again, was taken, or is given up.",
		[]store.NoticeState{store.NoticeWaiting, store.NoticeDelivered, store.NoticeGivenUp})
}

// Schema implements huma.SchemaProvider.
func (status) Schema(huma.Registry) *huma.Schema {
	return enumeration("Where the message stands.", courier.Statuses())
}

// Schema implements huma.SchemaProvider.
func (outcome) Schema(huma.Registry) *huma.Schema {
	return enumeration("What the attempt came to.", courier.Outcomes())
}

// Schema implements huma.SchemaProvider.
func (encoding) Schema(huma.Registry) *huma.Schema {
	return enumeration("The alphabet in which the text travels.", []courier.Encoding{courier.EncodingGSM7, courier.EncodingUCS2})
}

// Schema implements huma.SchemaProvider.
func (lane) Schema(huma.Registry) *huma.Schema {
	return enumeration("How urgent the message is among those that wait for the same gateway.", courier.Lanes())
}

func enumeration[T ~string](description string, values []T) *huma.Schema {
	schema := &huma.Schema{Type: huma.TypeString, Description: description}
	for _, value := range values {
		schema.Enum = append(schema.Enum, string(value))
	}
	return schema
}
