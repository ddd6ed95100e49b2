package jsonnet

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// writeValue appends a value of the document as go-jsonnet prints it.
func (r *runner) writeValue(value any, indent string, depth int) bool {
	if depth > maxPlanDepth || len(r.out) > r.limit {
		return false
	}
	switch value := value.(type) {
	case string:
		r.out = appendString(r.out, value)
		return true
	case map[string]any:
		return r.writeMap(value, indent, depth)
	case []any:
		return r.writeSlice(value, indent, depth)
	default:
		return r.writeScalar(value)
	}
}

func (r *runner) writeMap(object map[string]any, indent string, depth int) bool {
	if len(object) == 0 {
		r.out = append(r.out, "{ }"...)
		return true
	}
	inner := indent + indentStep
	for i, name := range slices.Sorted(maps.Keys(object)) {
		r.separate(i, '{', inner)
		r.out = append(appendString(r.out, name), ": "...)
		if !r.writeValue(object[name], inner, depth+1) {
			return false
		}
	}
	r.out = append(append(r.out, indent...), '}')
	return true
}

func (r *runner) writeSlice(array []any, indent string, depth int) bool {
	if len(array) == 0 {
		r.out = append(r.out, "[ ]"...)
		return true
	}
	inner := indent + indentStep
	for i, element := range array {
		r.separate(i, '[', inner)
		if !r.writeValue(element, inner, depth+1) {
			return false
		}
	}
	r.out = append(append(r.out, indent...), ']')
	return true
}

func appendBool(out []byte, value bool) []byte { return strconv.AppendBool(out, value) }

// appendNumber prints a number as go-jsonnet does: integers in full, whatever
// their size, everything else with 17 significant digits.
func appendNumber(out []byte, number float64) []byte {
	const digits, bits = 17, 64
	if number == math.Floor(number) {
		return strconv.AppendFloat(out, number, 'f', 0, bits)
	}
	return strconv.AppendFloat(out, number, 'g', digits, bits)
}

// appendString prints a string with its quotes.
func appendString(out []byte, s string) []byte {
	return append(appendEscaped(append(out, '"'), s), '"')
}

// appendEscaped escapes what go-jsonnet escapes: quotes, backslashes, and the
// control characters of both ranges, U+0000 to U+001F and U+007F to U+009F.
func appendEscaped(out []byte, s string) []byte {
	for _, c := range s {
		switch c {
		case '"', '\\':
			out = append(out, '\\', byte(c))
		case '\b':
			out = append(out, `\b`...)
		case '\f':
			out = append(out, `\f`...)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			out = appendRune(out, c)
		}
	}
	return out
}

func appendRune(out []byte, c rune) []byte {
	const hex = "0123456789abcdef"
	if c < 0x20 || (c >= 0x7f && c <= 0x9f) {
		return append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
	}
	return utf8.AppendRune(out, c)
}
