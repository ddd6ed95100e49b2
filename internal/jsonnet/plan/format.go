package plan

import (
	"math"
	"strconv"
	"strings"
)

// formatter follows std.format for %s, %d, %(name)s, %(name)d and %%; widths,
// flags and the other conversions are left to the interpreter.
type formatter struct {
	out    []byte
	values []any
	fields map[string]any
	used   int
}

const (
	// maxFormat bounds a format in bytes: the interpreter reads one by recursion.
	maxFormat = 1000
	// maxFieldName bounds a name in a format in bytes, for the same reason.
	maxFieldName = 20
	// maxFormatNumber bounds the numbers for %d.
	maxFormatNumber = 1e15
)

// format is std.format. A value that is neither array nor object stands for an
// array of itself.
func format(r *run, arguments []any) (any, bool) {
	text, ok := arguments[0].(string)
	if !ok || len(text) > maxFormat {
		return nil, false
	}
	f := &formatter{}
	switch values := arguments[1].(type) {
	case []any:
		f.values = values
	case map[string]any:
		f.fields = values
	default:
		f.values = []any{values}
	}
	for text != "" {
		if text, ok = f.step(text); !ok || len(f.out) > r.limit {
			return nil, false
		}
	}
	return string(f.out), f.used == len(f.values)
}

// step writes the text up to the next conversion, and that, and returns the rest.
func (f *formatter) step(text string) (rest string, ok bool) {
	before, code, found := strings.Cut(text, "%")
	f.out = append(f.out, before...)
	if !found {
		return "", true
	}
	var value any
	switch {
	case strings.HasPrefix(code, "%"):
		f.out = append(f.out, '%')
		return code[1:], f.fields == nil
	case f.fields != nil:
		value, code, ok = f.field(code)
	case f.used < len(f.values):
		value, ok = placed(f.values[f.used])
		f.used++
	}
	if !ok || code == "" {
		return "", false
	}
	return code[1:], f.convert(code[0], value)
}

// field takes the name in brackets that a conversion begins with.
func (f *formatter) field(code string) (value any, rest string, ok bool) {
	named, isNamed := strings.CutPrefix(code, "(")
	name, rest, closed := strings.Cut(named, ")")
	if !isNamed || !closed || len(name) > maxFieldName {
		return nil, "", false
	}
	value, has := f.fields[name]
	if !has {
		return nil, "", false
	}
	value, ok = placed(value)
	return value, rest, ok
}

func (f *formatter) convert(conversion byte, value any) bool {
	switch conversion {
	case 's':
		text, ok := textOf(value)
		f.out = append(f.out, text...)
		return ok
	case 'd':
		number, ok := value.(float64)
		if !ok || number != math.Trunc(number) || math.Abs(number) > maxFormatNumber {
			return false
		}
		f.out = strconv.AppendInt(f.out, int64(number), 10)
		return true
	}
	return false
}
