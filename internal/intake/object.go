package intake

import (
	"bytes"
	"encoding/json"
	"fmt"

	"courier"
)

// maxDepth bounds how deep arrays and objects may be nested.
const maxDepth = 64

func isNull(value json.RawMessage) bool {
	trimmed := bytes.TrimSpace(value)
	return len(trimmed) == 0 || string(trimmed) == "null"
}

// checkObject judges a field that must be a JSON object.
func checkObject(field string, value json.RawMessage, limit int) error {
	switch {
	case len(value) > limit:
		return invalid(field, fmt.Sprintf("it is longer than %d bytes; shorten it", limit))
	case bytes.TrimSpace(value)[0] != '{':
		return invalid(field, `it is not a JSON object; give one such as {"key": "value"}`)
	case depth(value) > maxDepth:
		return invalid(field, fmt.Sprintf("it is nested deeper than %d levels; make it flatter", maxDepth))
	case !json.Valid(value):
		return invalid(field, "it is not valid JSON")
	}
	return nil
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
	encoded, err := json.Marshal(values)
	if err != nil {
		return invalid("request_headers", "it cannot be encoded as JSON")
	}
	draft.RequestHeaders = encoded
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
