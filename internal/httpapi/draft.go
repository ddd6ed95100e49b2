package httpapi

import (
	"bytes"
	"encoding/json"

	"courier"
)

// draftFields are the fields of a message to send.
type draftFields struct {
	draft     courier.Draft
	recipient string
	// inBatch allows the idempotency key, which is a header otherwise.
	inBatch bool
}

func (f *draftFields) names() []string {
	names := []string{
		"to", "recipient", "body", "from", "channel", "subject", "template_type", "template_data",
		"request_headers", "metadata", "send_at", "expires_at", "ttl", "type",
	}
	if f.inBatch {
		names = append(names, "idempotency_key")
	}
	return names
}

func (f *draftFields) set(name string, value []byte) (bool, *courier.Error) {
	if into := f.text(name); into != nil {
		return true, setText(value, into)
	}
	if into := f.object(name); into != nil {
		return true, setObject(value, into)
	}
	if name == "type" {
		return true, checkType(value)
	}
	return false, nil
}

func (f *draftFields) text(name string) *string {
	switch name {
	case "to":
		return &f.draft.To
	case "recipient":
		return &f.recipient
	case "body":
		return &f.draft.Body
	case "from":
		return &f.draft.From
	case "channel":
		return &f.draft.Channel
	case "subject":
		return &f.draft.Subject
	case "template_type":
		return &f.draft.TemplateType
	case "send_at":
		return &f.draft.SendAt
	case "expires_at":
		return &f.draft.ExpiresAt
	case "ttl":
		return &f.draft.TTL
	case "idempotency_key":
		if f.inBatch {
			return &f.draft.IdempotencyKey
		}
	}
	return nil
}

func (f *draftFields) object(name string) *json.RawMessage {
	switch name {
	case "template_data":
		return &f.draft.TemplateData
	case "request_headers":
		return &f.draft.RequestHeaders
	case "metadata":
		return &f.draft.Metadata
	default:
		return nil
	}
}

// setObject keeps a JSON object as it is written.
func setObject(value []byte, into *json.RawMessage) *courier.Error {
	if value[0] != '{' {
		return invalid("", "it must be a JSON object, not "+kindOf(value))
	}
	*into = bytes.Clone(value)
	return nil
}

// checkType takes what Kratos calls a text message: type 2, or its name.
func checkType(value []byte) *courier.Error {
	if text := string(value); text == "2" || text == `"sms"` || text == `"phone"` {
		return nil
	}
	return invalid("", "only text messages are sent; leave it out, or give 2 as Kratos does")
}

// decodeDraft reads a message to send.
func decodeDraft(text []byte, inBatch bool) (courier.Draft, error) {
	fields := draftFields{inBatch: inBatch}
	if err := decodeFields(text, &fields); err != nil {
		return courier.Draft{}, err
	}
	switch {
	case fields.recipient == "":
	case fields.draft.To == "":
		fields.draft.To = fields.recipient
	case fields.draft.To != fields.recipient:
		return courier.Draft{}, invalid("recipient", "to and recipient differ; give one of them")
	}
	return fields.draft, nil
}
