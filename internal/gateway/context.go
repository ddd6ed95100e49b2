package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"courier"
	"courier/internal/jsonnet"
)

// contextNames are the fields of ctx: those of both forms that Kratos had, and ours.
func contextNames() []string {
	return []string{
		"from", "to", "recipient", "body", "subject", "template_type", "template_data", "message_type", "request_headers",
		"request_url", "id", "attempt", "to_msisdn", "encoding", "segments", "expires_in", "expires_at", "receipt_url", "metadata", "params",
	}
}

// contextOf returns what a template reads of a message as ctx.
func (g *Gateway) contextOf(m *courier.Message, template Evaluator) (map[string]any, error) {
	names, all := template.Reads()
	if all {
		names = contextNames()
	}
	fields := make(map[string]any, len(names))
	now := g.nowFunc()
	for _, name := range names {
		value, known, err := g.contextField(m, name, now)
		if err != nil {
			return nil, err
		}
		if known {
			fields[name] = value
		}
	}
	return fields, nil
}

// contextField returns one field of ctx. template_data and metadata are {} when
// the message has none, request_headers is null.
func (g *Gateway) contextField(m *courier.Message, name string, now time.Time) (value any, known bool, err error) {
	known = true
	switch name {
	case "from":
		value = m.From
	case "to", "recipient":
		value = m.To
	case "body":
		value = m.Body
	case "subject":
		value = m.Subject
	case "template_type":
		value = m.TemplateType
	case "template_data":
		value, err = decodeField(name, m.TemplateData, map[string]any{})
	case "message_type":
		value = "sms"
	case "request_headers":
		value, err = decodeField(name, m.RequestHeaders, nil)
	case "request_url":
		value = requestURL(m.TemplateData)
	case "id":
		value = m.ID.String()
	case "attempt":
		value = float64(m.SendCount + 1)
	case "to_msisdn":
		value = digitsOf(m.To)
	case "encoding":
		value = string(m.Encoding)
	case "segments":
		value = float64(m.Segments)
	case "expires_in":
		value = secondsLeft(m.ExpiresAt, now)
	case "expires_at":
		value = timeText(m.ExpiresAt)
	case "receipt_url":
		value = g.receiptURL
	case "metadata":
		value, err = decodeField(name, m.Metadata, map[string]any{})
	case "params":
		value = g.params
	default:
		known = false
	}
	if text, ok := value.(string); ok && !utf8.ValidString(text) {
		value = strings.ToValidUTF8(text, "\ufffd")
	}
	return value, known, err
}

func decodeField(name string, raw json.RawMessage, absent any) (any, error) {
	if len(raw) == 0 {
		return absent, nil
	}
	value, err := jsonnet.Decode(raw)
	if err != nil { // it would be read as Jsonnet code
		return nil, fmt.Errorf("message's %s is not valid JSON", name)
	}
	return value, nil
}

// requestURL is what the identity system tells of the page that asked for the message.
func requestURL(data json.RawMessage) string {
	if !bytes.Contains(data, []byte(`"request_url"`)) {
		return ""
	}
	var known struct {
		RequestURL json.RawMessage `json:"request_url"`
	}
	var text string
	if json.Unmarshal(data, &known) != nil || json.Unmarshal(known.RequestURL, &text) != nil {
		return ""
	}
	return text
}

// secondsLeft is how long a message may still be sent, nil for ever.
func secondsLeft(expires, now time.Time) any {
	if expires.IsZero() {
		return nil
	}
	return float64(max(int64(expires.Sub(now)/time.Second), 0))
}

// timeText is a time in RFC 3339, in UTC and whole seconds, nil for none.
func timeText(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Truncate(time.Second).Format(time.RFC3339)
}

func digitsOf(text string) string {
	return strings.Map(func(char rune) rune {
		if '0' <= char && char <= '9' {
			return char
		}
		return -1
	}, text)
}
