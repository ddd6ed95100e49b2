package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"courier"
)

// appendContext appends the ctx of a template as JSON: the fields of both forms
// that Kratos had, and ours. template_data and metadata are {} when the message
// has none, request_headers is null.
func (g *Gateway) appendContext(out []byte, m *courier.Message, now time.Time) ([]byte, error) {
	out = appendField(out, `{"from":`, m.From)
	out = appendField(out, `,"to":`, m.To)
	out = appendField(out, `,"recipient":`, m.To)
	out = appendField(out, `,"body":`, m.Body)
	out = appendField(out, `,"subject":`, m.Subject)
	out = appendField(out, `,"template_type":`, m.TemplateType)
	out = append(out, `,"message_type":"sms"`...)
	out = appendField(out, `,"request_url":`, requestURL(m.TemplateData))
	out = appendField(out, `,"id":`, m.ID.String())
	out = strconv.AppendInt(append(out, `,"attempt":`...), int64(m.SendCount)+1, 10)
	out = append(appendDigits(append(out, `,"to_msisdn":"`...), m.To), '"')
	out = appendField(out, `,"encoding":`, string(m.Encoding))
	out = strconv.AppendInt(append(out, `,"segments":`...), int64(m.Segments), 10)
	out = appendExpiry(append(out, `,"expires_in":`...), m.ExpiresAt, now)
	out = append(append(out, `,"params":`...), g.params...)
	return appendRawFields(out, m)
}

func appendRawFields(out []byte, m *courier.Message) ([]byte, error) {
	raws := [...]struct {
		name, absent string
		value        json.RawMessage
	}{
		{"template_data", "{}", m.TemplateData},
		{"request_headers", "null", m.RequestHeaders},
		{"metadata", "{}", m.Metadata},
	}
	for _, raw := range raws {
		out = append(append(append(out, `,"`...), raw.name...), `":`...)
		switch {
		case len(raw.value) == 0:
			out = append(out, raw.absent...)
		case json.Valid(raw.value):
			out = append(out, raw.value...)
		default: // it would be read as Jsonnet code
			return nil, fmt.Errorf("message's %s is not valid JSON", raw.name)
		}
	}
	return append(out, '}'), nil
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

func appendExpiry(out []byte, expires, now time.Time) []byte {
	if expires.IsZero() {
		return append(out, "null"...)
	}
	left := max(int64(expires.Sub(now)/time.Second), 0)
	return strconv.AppendInt(out, left, 10)
}

func appendDigits(out []byte, text string) []byte {
	for i := range len(text) {
		if '0' <= text[i] && text[i] <= '9' {
			out = append(out, text[i])
		}
	}
	return out
}

func appendField(out []byte, name, value string) []byte {
	return appendString(append(out, name...), value)
}

// appendString appends a JSON string (RFC 8259, 7). Invalid UTF-8 becomes U+FFFD.
func appendString(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	start := 0
	for i := 0; i < len(text); {
		char := text[i]
		if char >= 0x20 && char < utf8.RuneSelf && char != '"' && char != '\\' {
			i++
			continue
		}
		if char >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
		}
		out = append(out, text[start:i]...)
		switch {
		case char == '"' || char == '\\':
			out = append(out, '\\', char)
		case char >= utf8.RuneSelf:
			out = append(out, "\ufffd"...)
		default:
			out = append(out, '\\', 'u', '0', '0', hex[char>>4], hex[char&15])
		}
		i++
		start = i
	}
	return append(append(out, text[start:]...), '"')
}
