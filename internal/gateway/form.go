package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// encodeForm turns a JSON object into application/x-www-form-urlencoded text
// with its keys sorted. null is empty, a number or boolean keeps its JSON
// spelling, an array repeats its key.
func encodeForm(result []byte) ([]byte, error) {
	if first(result) != '{' {
		return nil, fmt.Errorf("template gave %s: a form needs an object such as { To: ctx.to, Body: ctx.body }", kindName(result))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(result, &fields); err != nil {
		return nil, errors.New("template gave text that is not JSON")
	}
	values := make(url.Values, len(fields))
	for key, raw := range fields {
		texts, err := formValues(key, raw)
		if err != nil {
			return nil, err
		}
		if len(texts) > 0 {
			values[key] = texts
		}
	}
	return []byte(values.Encode()), nil
}

func formValues(key string, raw json.RawMessage) ([]string, error) {
	if first(raw) != '[' {
		text, err := formValue(key, raw)
		return []string{text}, err
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, errors.New("template gave text that is not JSON")
	}
	texts := make([]string, 0, len(elements))
	for i, element := range elements {
		text, err := formValue(fmt.Sprintf("%s[%d]", key, i), element)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func formValue(key string, raw json.RawMessage) (string, error) {
	switch first(raw) {
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	case '{', '[':
		return "", fmt.Errorf("form field %q is %s: a form holds strings, numbers and booleans; "+
			"use std.manifestJson for nested values", key, kindName(raw))
	case 'n':
		return "", nil
	}
	return strings.TrimSpace(string(raw)), nil
}

// first returns the first byte of a JSON text that is not white space, 0 for none.
func first(raw []byte) byte {
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	if len(trimmed) == 0 {
		return 0
	}
	return trimmed[0]
}

func kindName(raw []byte) string {
	switch first(raw) {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	case 0:
		return "nothing"
	}
	return "a number"
}
