package webhook

import (
	"encoding/json"
	"time"

	"courier"
	"courier/internal/store"
)

// payload is what is posted; docs/webhooks.md describes it.
type payload struct {
	Type string `json:"type"`
	// Timestamp is when the message came into its status.
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

// data is the message. Status and PreviousStatus are those of the event; the rest is
// what is known of the message by now.
type data struct {
	ID             courier.ID      `json:"id"`
	Status         courier.Status  `json:"status"`
	PreviousStatus courier.Status  `json:"previous_status,omitempty"`
	To             string          `json:"to,omitempty"`
	Channel        string          `json:"channel,omitempty"`
	TemplateType   string          `json:"template_type,omitempty"`
	Metadata       json.RawMessage `json:"metadata,omitempty"`
	// Gateway is the one that took the message or was last tried.
	Gateway          string `json:"gateway,omitempty"`
	GatewayMessageID string `json:"gateway_message_id,omitempty"`
	SendCount        int    `json:"send_count"`
	fault
	CreatedAt time.Time `json:"created_at,omitzero"`
	SentAt    time.Time `json:"sent_at,omitzero"`
}

// fault is why a message did not arrive.
type fault struct {
	Class   courier.Class `json:"class,omitempty"`
	Code    string        `json:"code,omitempty"`
	Message string        `json:"message,omitempty"`
	Advice  string        `json:"advice,omitempty"`
}

func newPayload(e store.Event, m *courier.Message, wholeRecipient bool) ([]byte, error) {
	d := data{
		ID: e.MessageID, Status: e.To, PreviousStatus: e.From, Channel: m.Channel, TemplateType: m.TemplateType,
		Gateway: m.Gateway, GatewayMessageID: m.GatewayMessageID, SendCount: m.SendCount, CreatedAt: m.CreatedAt, SentAt: m.SentAt,
	}
	if d.To = m.To; !wholeRecipient && m.To != "" {
		d.To = courier.MaskRecipient(m.To)
	}
	if json.Valid(m.Metadata) {
		d.Metadata = m.Metadata
	}
	if last := m.LastError; last != nil && e.To != courier.StatusSent && e.To != courier.StatusDelivered {
		d.fault = fault{Class: last.Class, Code: last.Code, Message: last.Message, Advice: last.Class.Explain().String()}
	}
	return json.Marshal(payload{Type: eventPrefix + string(e.To), Timestamp: e.At.UTC(), Data: d})
}
