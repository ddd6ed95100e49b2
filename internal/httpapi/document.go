package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"courier"
)

// checkDocument refuses a body that is not one JSON value in UTF-8. The error
// says where the fault is and quotes at most one character.
func checkDocument(text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return invalid("", "the body is missing; send a JSON object")
	}
	if !utf8.Valid(text) {
		return invalid("", "the body is not valid UTF-8; encode it as UTF-8")
	}
	if json.Valid(text) {
		return nil
	}
	var raw json.RawMessage
	err := json.Unmarshal(text, &raw)
	if fault, ok := errors.AsType[*json.SyntaxError](err); ok {
		line, column := position(text, fault.Offset)
		return invalid("", fmt.Sprintf("the body is not valid JSON at line %d, column %d: %s", line, column, fault.Error()))
	}
	return invalid("", "the body is not valid JSON")
}

// position returns line and column, from 1, of the byte before the offset.
func position(text []byte, offset int64) (line, column int) {
	before := text[:max(min(int(offset), len(text))-1, 0)]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

func invalid(field, message string) *courier.Error {
	return &courier.Error{Code: courier.CodeInvalidRequest, Field: field, Message: message}
}

// walkObject calls visit with each member of a JSON object in order, the name
// decoded and the value as it is written. The text must be valid JSON; false
// means that it is no object.
func walkObject(text []byte, visit func(name string, value []byte) error) (bool, error) {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '{' {
		return false, nil
	}
	for i = skipSpace(text, i+1); i < len(text) && text[i] != '}'; {
		end := skipValue(text, i)
		name, err := decodeString(text[i:end])
		if err != nil {
			return true, err
		}
		start := skipSpace(text, skipSpace(text, end)+1)
		end = skipValue(text, start)
		if err := visit(name, text[start:end]); err != nil {
			return true, err
		}
		i = skipComma(text, end)
	}
	return true, nil
}

// walkArray calls visit with each element of a JSON array as it is written. The
// text must be valid JSON; false means that it is no array.
func walkArray(text []byte, visit func(value []byte) error) (bool, error) {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '[' {
		return false, nil
	}
	for i = skipSpace(text, i+1); i < len(text) && text[i] != ']'; {
		end := skipValue(text, i)
		if err := visit(text[i:end]); err != nil {
			return true, err
		}
		i = skipComma(text, end)
	}
	return true, nil
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	return i
}

// skipComma goes to the next member, or to the end of the object or array.
func skipComma(text []byte, i int) int {
	i = skipSpace(text, i)
	if i < len(text) && text[i] == ',' {
		i = skipSpace(text, i+1)
	}
	return i
}

// skipValue returns where the JSON value that starts at i ends.
func skipValue(text []byte, i int) int {
	for depth := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = skipString(text, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default:
			i = skipLiteral(text, i)
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

func skipString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// skipLiteral goes to the end of a number, true, false or null.
func skipLiteral(text []byte, i int) int {
	for i < len(text) && bytes.IndexByte([]byte(",:]} \t\n\r"), text[i]) < 0 {
		i++
	}
	return i
}
