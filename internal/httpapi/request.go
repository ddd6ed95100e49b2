package httpapi

import (
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
	"courier/internal/store"
)

// MessageRequest is a message to send.
type MessageRequest struct {
	To             string     `json:"to,omitempty" minLength:"1" maxLength:"128" example:"+12065550199" doc:"The recipient, best in E.164. A national number needs recipients.default_region. Mandatory, here or as recipient."`
	Recipient      string     `json:"recipient,omitempty" minLength:"1" maxLength:"128" doc:"Another name of to."`
	Body           string     `json:"body,omitempty" example:"Your code is 123456" doc:"The text. It may be left out when template_type or template_data is given, for the gateway's template to make one from."`
	From           string     `json:"from,omitempty" example:"+12065550110" doc:"The sender: a number, a short code or a name of up to 11 characters. The configured one when absent."`
	Channel        string     `json:"channel,omitempty" default:"sms" doc:"The kind of message."`
	Subject        string     `json:"subject,omitempty" doc:"Passed to the gateway's template."`
	TemplateType   string     `json:"template_type,omitempty" maxLength:"128" example:"login_code_valid" doc:"Passed to the gateway's template."`
	TemplateData   jsonObject `json:"template_data,omitempty" doc:"Any object, passed to the gateway's template untouched."`
	RequestHeaders jsonObject `json:"request_headers,omitempty" doc:"Headers of the request that led to the message, each a list of strings or a string; passed to the gateway's template."`
	Metadata       jsonObject `json:"metadata,omitempty" doc:"The caller's own, kept and shown."`
	Gateway        string     `json:"gateway,omitempty" doc:"The only gateway that may take the message. The route chooses when absent."`
	CallbackURL    string     `json:"callback_url,omitempty" format:"uri" maxLength:"2048" example:"https://example.com/sms-status" doc:"Where changes of status are reported, signed with callbacks.secret."`
	Lane           lane       `json:"lane,omitempty"`
	SupersedeKey   *string    `json:"supersede_key,omitempty" maxLength:"255" doc:"A newer message with the same key takes the place of those that no gateway has taken yet. One-time codes have one of their channel, recipient and template_type when absent; the empty one switches it off."`
	SendAt         string     `json:"send_at,omitempty" format:"date-time" doc:"When the message becomes due, at most a year ahead. Now when absent."`
	RetryRequest
	Type messageType `json:"type,omitzero" doc:"Kratos's kind of message. Only a text message is taken."`
}

// RetryRequest is what a retry by hand may change.
type RetryRequest struct {
	ExpiresAt string `json:"expires_at,omitempty" format:"date-time" doc:"When the message loses its use: it is not attempted after it. At most 31 days after it is due."`
	TTL       string `json:"ttl,omitempty" example:"5m" doc:"The same as a duration such as 5m or 1h30m, counted from send_at, or from now without one. At most one of the two may be given."`
}

// ResolveRequest says what became of an unknown message.
type ResolveRequest struct {
	As resolution `json:"as"`
	ReasonRequest
}

// retryRequest is a retry by hand.
type retryRequest struct {
	RetryRequest
	ReasonRequest
}

type resolution store.Resolution

// Schema implements huma.SchemaProvider.
func (resolution) Schema(huma.Registry) *huma.Schema {
	return enumeration("sent when the gateway took the message; failed when it did not arrive and is not to, which makes it undelivered; resend to have it sent again.", resolutions())
}

func resolutions() []store.Resolution {
	return []store.Resolution{store.ResolvedSent, store.ResolvedFailed, store.ResolvedResend}
}

// draft returns what is asked for.
func (m *MessageRequest) draft() (courier.Draft, error) {
	to := m.To
	if to == "" {
		to = m.Recipient
	} else if m.Recipient != "" && m.Recipient != to {
		return courier.Draft{}, invalid("recipient", "to and recipient differ; give one of them")
	}
	return courier.Draft{
		To: to, Body: m.Body, From: m.From, Channel: m.Channel, Subject: m.Subject,
		TemplateType: m.TemplateType, TemplateData: json.RawMessage(m.TemplateData),
		RequestHeaders: json.RawMessage(m.RequestHeaders), Metadata: json.RawMessage(m.Metadata),
		Gateway: m.Gateway, CallbackURL: m.CallbackURL, Lane: courier.Lane(m.Lane), SupersedeKey: m.SupersedeKey,
		Lifetime: courier.Lifetime{SendAt: m.SendAt, ExpiresAt: m.ExpiresAt, TTL: m.TTL},
	}, nil
}

// maxBatch is the most messages of a batch.
const maxBatch = 1000

// leastPart is about how many bytes a short message takes in a batch.
const leastPart = 96

// batchRequest is many messages to send.
type batchRequest struct {
	Messages batchParts `json:"messages"`
}

// batchMessageRequest is one of them.
type batchMessageRequest struct {
	MessageRequest
	IdempotencyKey string `json:"idempotency_key,omitempty" maxLength:"255" doc:"As the header Idempotency-Key of a single message."`
}

// batchPart is a message of a batch, or why it cannot be read: one that is not
// right holds up no other.
type batchPart struct {
	request batchMessageRequest
	fault   error
}

type batchParts []batchPart

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (p *batchParts) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	if *p != nil {
		return invalid("", "the field is there twice; give it once")
	}
	*p = make(batchParts, 0, min(len(decoder.UnreadBuffer())/leastPart+1, maxBatch))
	if kind := decoder.PeekKind(); kind != '[' {
		if err := decoder.SkipValue(); err != nil || kind == 'n' {
			return err
		}
		return notAn("", "it must be an array of messages", kind)
	}
	if _, err := decoder.ReadToken(); err != nil {
		return err
	}
	for decoder.PeekKind() != ']' {
		text, err := decoder.ReadValue()
		if err != nil {
			return err
		}
		if len(*p) == maxBatch {
			return invalid("messages", fmt.Sprintf("the batch has more than %d messages; split it", maxBatch))
		}
		var part batchPart
		part.fault = decode(text, &part.request)
		*p = append(*p, part)
	}
	_, err := decoder.ReadToken()
	return err
}

// Schema implements huma.SchemaProvider.
func (batchParts) Schema(registry huma.Registry) *huma.Schema {
	least, most := 1, maxBatch
	return &huma.Schema{Type: huma.TypeArray, Items: schemaOf(registry, batchMessageRequest{}), MinItems: &least, MaxItems: &most}
}

// jsonObject is a JSON object as it is written, or null.
type jsonObject jsontext.Value

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (o *jsonObject) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	value, err := decoder.ReadValue()
	if err != nil || value.Kind() == 'n' {
		return err
	}
	if value.Kind() != '{' {
		return notAn("", "it must be a JSON object", value.Kind())
	}
	*o = jsonObject(value.Clone())
	return nil
}

// MarshalJSONTo implements json.MarshalerTo.
func (o jsonObject) MarshalJSONTo(encoder *jsontext.Encoder) error {
	if len(o) == 0 {
		return encoder.WriteToken(jsontext.Null)
	}
	return encoder.WriteValue(jsontext.Value(o))
}

// Schema implements huma.SchemaProvider.
func (jsonObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Nullable: true, AdditionalProperties: true}
}

// messageType takes what Kratos calls a text message: type 2, or its name.
type messageType struct{}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (messageType) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	value, err := decoder.ReadValue()
	if err != nil {
		return err
	}
	switch string(value) {
	case "null", "2", `"sms"`, `"phone"`:
		return nil
	}
	return invalid("", "only text messages are sent; leave it out, or give 2 as Kratos does")
}

// Schema implements huma.SchemaProvider.
func (messageType) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Enum: []any{2, "sms", "phone"}}
}
