package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

var errNotJSON = errors.New("text is not one JSON value")

// Decode reads a JSON text as the value that it is in a template: nil, a bool, a
// float64, a string, a []any or a map[string]any. A number that is out of range
// stays a json.Number. The error quotes nothing of the text.
func Decode(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, errNotJSON
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return toNumbers(value), nil
}

// toNumbers replaces the spelling of numbers by their value.
func toNumbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		if number, err := value.Float64(); err == nil {
			return number
		}
	case []any:
		for i := range value {
			value[i] = toNumbers(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = toNumbers(value[name])
		}
	}
	return value
}
