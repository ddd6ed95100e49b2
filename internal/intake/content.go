package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"courier"
)

// The bounds of what a message may carry. A text far beyond what a phone can
// put together (255 segments, 3GPP TS 23.040, 9.2.3.24.1) is let through: whether
// to send it is the gateway's and messages.max_segments's business.
const (
	maxBody           = 512 << 10
	maxSubject        = 4 << 10
	maxTemplateType   = 128
	maxIdempotencyKey = 255
	maxSupersedeKey   = 255
	maxTemplateData   = 512 << 10
	maxRequestHeaders = 64 << 10
	maxMetadata       = 64 << 10
)

// checkTexts judges the fields that are text.
func checkTexts(draft courier.Draft) error {
	if err := checkSender(draft.From); err != nil {
		return err
	}
	if draft.Body == "" && draft.TemplateType == "" && len(draft.TemplateData) == 0 {
		return invalid("body", "the text is empty; give a body, or template_type or template_data for the gateway's template to make one from")
	}
	for _, text := range []struct {
		field, value string
		limit        int
	}{
		{"body", draft.Body, maxBody},
		{"subject", draft.Subject, maxSubject},
		{"template_type", draft.TemplateType, maxTemplateType},
	} {
		switch {
		case len(text.value) > text.limit:
			return invalid(text.field, fmt.Sprintf("it is longer than %d bytes; shorten it", text.limit))
		case !utf8.ValidString(text.value):
			return invalid(text.field, "it is not valid UTF-8; encode it as UTF-8")
		case strings.IndexByte(text.value, 0) >= 0:
			return invalid(text.field, "it holds a NUL character, which no phone shows; remove it")
		}
	}
	if err := checkKey("idempotency_key", draft.IdempotencyKey, maxIdempotencyKey); err != nil || draft.SupersedeKey == nil {
		return err
	}
	if courier.IsOwnSupersedeKey(*draft.SupersedeKey) {
		return invalid("supersede_key", "a key that begins with ~ is one of the courier's own; begin with something else, or leave it out")
	}
	return checkKey("supersede_key", *draft.SupersedeKey, maxSupersedeKey)
}

// checkKey judges a key, which is what a header field can carry.
func checkKey(field, key string, limit int) error {
	if len(key) > limit {
		return invalid(field, fmt.Sprintf("the key is longer than %d characters; shorten it", limit))
	}
	if strings.ContainsFunc(key, func(char rune) bool { return char < '!' || char > '~' }) {
		return invalid(field, "the key may hold visible ASCII characters only, no spaces; a UUID does well")
	}
	return nil
}

// checkObjects judges the fields that are JSON objects; null is the same as none.
func checkObjects(draft *courier.Draft) error {
	for _, object := range []struct {
		field string
		value *json.RawMessage
		limit int
	}{
		{"template_data", &draft.TemplateData, maxTemplateData},
		{"request_headers", &draft.RequestHeaders, maxRequestHeaders},
		{"metadata", &draft.Metadata, maxMetadata},
	} {
		value := *object.value
		switch {
		case isNull(value):
			*object.value = nil
		case len(value) > object.limit:
			return invalid(object.field, fmt.Sprintf("it is longer than %d bytes; shorten it", object.limit))
		case bytes.TrimSpace(value)[0] != '{':
			return invalid(object.field, `it is not a JSON object; give one such as {"key": "value"}`)
		case depth(value) > maxDepth:
			return invalid(object.field, fmt.Sprintf("it is nested deeper than %d levels; make it flatter", maxDepth))
		case !json.Valid(value):
			return invalid(object.field, "it is not valid JSON")
		}
	}
	return normalizeHeaders(draft)
}

// maxDepth bounds how deep arrays and objects may be nested.
const maxDepth = 64

func isNull(value json.RawMessage) bool {
	trimmed := bytes.TrimSpace(value)
	return len(trimmed) == 0 || string(trimmed) == "null"
}

// depth returns how deep arrays and objects are nested. It looks at no more
// than the marks of JSON, so it may be asked before the text is known to be valid.
func depth(value []byte) int {
	var deepest, now int
	quoted := false
	for i := 0; i < len(value); i++ {
		switch char := value[i]; {
		case quoted && char == '\\':
			i++
		case char == '"':
			quoted = !quoted
		case quoted:
		case char == '{' || char == '[':
			now++
			deepest = max(deepest, now)
		case char == '}' || char == ']':
			now--
		}
	}
	return deepest
}

// normalizeHeaders turns request_headers into an object of string lists, which
// is what templates of Kratos expect; a single string is a list of one.
func normalizeHeaders(draft *courier.Draft) error {
	if len(draft.RequestHeaders) == 0 {
		return nil
	}
	var lists map[string][]string
	if err := json.Unmarshal(draft.RequestHeaders, &lists); err == nil {
		return nil
	}
	var values map[string]headerValues
	if err := json.Unmarshal(draft.RequestHeaders, &values); err != nil {
		return invalid("request_headers", `a header's value is neither a string nor a list of strings; write {"Name": ["value"]}`)
	}
	draft.RequestHeaders, _ = json.Marshal(values) // lists of strings are always JSON
	return nil
}

// headerValues is a list of strings that may be written as one string.
type headerValues []string

// UnmarshalJSON implements json.Unmarshaler.
func (v *headerValues) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil && !isNull(text) {
		*v = headerValues{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(v))
}
