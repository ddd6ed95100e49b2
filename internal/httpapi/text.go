package httpapi

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// decodeString decodes a JSON string of a valid document. Half a surrogate pair
// is refused: decoding would silently put another character in its place.
func decodeString(value []byte) (string, error) {
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	if hasLoneSurrogate(inner) {
		return "", invalid("", `a string has half of a surrogate pair (\ud800 to \udfff); write the character itself`)
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", invalid("", "a string is not valid JSON")
	}
	return text, nil
}

// hasLoneSurrogate looks at the \u escapes of a valid JSON string (RFC 8259, 7).
func hasLoneSurrogate(inner []byte) bool {
	for i := 0; i < len(inner); i++ {
		if inner[i] != '\\' {
			continue
		}
		i++
		if inner[i] != 'u' {
			continue
		}
		switch unit := escapedUnit(inner, i-1); {
		case 0xd800 <= unit && unit < 0xdc00:
			low := escapedUnit(inner, i+5)
			if low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 10
		case 0xdc00 <= unit && unit <= 0xdfff:
			return true
		}
	}
	return false
}

// escapedUnit returns the UTF-16 unit that is written as \uXXXX at i, -1 for none.
func escapedUnit(inner []byte, i int) int {
	if i+6 > len(inner) || inner[i] != '\\' || inner[i+1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(inner[i+2:i+6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(unit)
}

// kindOf names a JSON value by its first byte.
func kindOf(value []byte) string {
	switch value[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}
