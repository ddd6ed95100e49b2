package plan

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// callFunc is a function of the standard library; it is false for what is an error,
// too large, or rare enough to be left to the interpreter.
type callFunc func(r *run, arguments []any) (any, bool)

// function is one of the standard library that plans know, with the number of
// arguments it takes.
type function struct {
	least, most int
	call        callFunc
}

func (f function) takes(arguments int) bool {
	return f.call != nil && f.least <= arguments && arguments <= f.most
}

// library returns a function by the name it has in std; one without call when
// plans do not know it.
func library(name string) function {
	switch name {
	case "length":
		return function{1, 1, lengthOf}
	case "toString":
		return function{1, 1, func(_ *run, a []any) (any, bool) {
			text, ok := textOf(a[0])
			return text, ok
		}}
	case "type":
		return function{1, 1, func(_ *run, a []any) (any, bool) { return typeOf(a[0]), true }}
	case "isString", "isNumber", "isBoolean", "isArray", "isObject":
		kind := strings.ToLower(strings.TrimPrefix(name, "is"))
		return function{1, 1, func(_ *run, a []any) (any, bool) { return typeOf(a[0]) == kind, true }}
	case "objectHas", "objectHasAll":
		return function{2, 2, hasField}
	case "get":
		return function{2, 3, fieldOr}
	case "substr":
		return function{3, 3, substr}
	case "slice":
		return function{4, 4, slice}
	case "join":
		return function{2, 2, join}
	case "mod":
		return function{2, 2, modulo}
	case "format":
		return function{2, 2, format}
	case "strReplace":
		return function{3, 3, replace}
	case "asciiUpper":
		return onText(func(s string) (any, bool) { return shiftLetters(s, 'a', 'z'), true })
	case "asciiLower":
		return onText(func(s string) (any, bool) { return shiftLetters(s, 'A', 'Z'), true })
	case "trim":
		return onText(func(s string) (any, bool) { return strings.TrimSpace(s), true })
	case "isEmpty":
		return onText(func(s string) (any, bool) { return s == "", true })
	case "parseInt":
		return onText(parseInt)
	case "startsWith":
		return onTexts(func(s, with string) (any, bool) { return strings.HasPrefix(s, with), true })
	case "endsWith":
		return onTexts(func(s, with string) (any, bool) { return strings.HasSuffix(s, with), true })
	case "equalsIgnoreCase":
		return onTexts(func(s, other string) (any, bool) { return strings.EqualFold(s, other), true })
	case "stripChars":
		return onTexts(func(s, chars string) (any, bool) { return strings.Trim(s, chars), true })
	case "lstripChars":
		return onTexts(func(s, chars string) (any, bool) { return strings.TrimLeft(s, chars), true })
	case "rstripChars":
		return onTexts(func(s, chars string) (any, bool) { return strings.TrimRight(s, chars), true })
	case "split":
		return onTexts(split)
	case "splitLimit":
		return function{3, 3, splitLimit}
	case "findSubstr":
		return onTexts(findText)
	case "parseJson":
		return function{1, 1, parseJSON}
	}
	return collection(name)
}

// onText is a function of one string, which refuses everything else.
func onText(f func(string) (any, bool)) function {
	return function{1, 1, func(_ *run, arguments []any) (any, bool) {
		text, ok := arguments[0].(string)
		if !ok {
			return nil, false
		}
		return f(text)
	}}
}

// onTexts is a function of two strings, which refuses everything else.
func onTexts(f func(string, string) (any, bool)) function {
	return function{2, 2, func(_ *run, arguments []any) (any, bool) {
		one, ok := arguments[0].(string)
		other, okOther := arguments[1].(string)
		if !ok || !okOther {
			return nil, false
		}
		return f(one, other)
	}}
}

// lengthOf counts code points, elements or fields.
func lengthOf(_ *run, arguments []any) (any, bool) {
	switch value := arguments[0].(type) {
	case string:
		return float64(utf8.RuneCountInString(value)), true
	case []any:
		return float64(len(value)), true
	case map[string]any:
		return float64(len(value)), true
	}
	return nil, false
}

func hasField(_ *run, arguments []any) (any, bool) {
	object, ok := arguments[0].(map[string]any)
	name, named := arguments[1].(string)
	_, has := object[name]
	return has, ok && named
}

// fieldOr is std.get.
func fieldOr(_ *run, arguments []any) (any, bool) {
	const fallback = 2
	object, ok := arguments[0].(map[string]any)
	name, named := arguments[1].(string)
	if !ok || !named {
		return nil, false
	}
	if value, has := object[name]; has {
		return placed(value)
	}
	if len(arguments) > fallback {
		return arguments[fallback], true
	}
	return nil, true
}

// shiftLetters changes the case of the letters in a range.
func shiftLetters(text string, from, to byte) string {
	out := []byte(text)
	for i, char := range out {
		if from <= char && char <= to {
			out[i] = char ^ ' '
		}
	}
	return string(out)
}

func parseInt(text string) (any, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	return float64(number), err == nil
}

func replace(r *run, arguments []any) (any, bool) {
	text, ok := arguments[0].(string)
	from, okFrom := arguments[1].(string)
	to, okTo := arguments[2].(string)
	if !ok || !okFrom || !okTo || from == "" {
		return nil, false
	}
	if len(to) > len(from) && len(text)+strings.Count(text, from)*len(to) > r.limit {
		return nil, false
	}
	return strings.ReplaceAll(text, from, to), true
}

// cutText is the code points of a text from one to before another.
func cutText(text string, from, to int) string {
	return text[offset(text, from):offset(text, to)]
}

// offset is where the nth code point begins, in bytes; the end for a text that
// is shorter.
func offset(text string, n int) int {
	if n >= len(text) {
		return len(text)
	}
	for at := range text {
		if n == 0 {
			return at
		}
		n--
	}
	return len(text)
}

func substr(_ *run, arguments []any) (any, bool) {
	text, ok := arguments[0].(string)
	from, okFrom := wholeNumber(arguments[1])
	count, okCount := wholeNumber(arguments[2])
	if !ok || !okFrom || !okCount {
		return nil, false
	}
	return cutText(text, from, from+count), true
}

// slice is value[from:to] of a text or an array; steps are left to the interpreter.
func slice(r *run, arguments []any) (any, bool) {
	length, ok := lengthOf(r, arguments)
	count, _ := length.(float64)
	from, okFrom := boundOf(arguments[1], 0, int(count))
	to, okTo := boundOf(arguments[2], int(count), int(count))
	if !ok || !okFrom || !okTo || arguments[3] != nil {
		return nil, false
	}
	from = max(from, 0)
	to = max(from, to)
	switch value := arguments[0].(type) {
	case string:
		return cutText(value, from, to), true
	case []any:
		return value[min(from, len(value)):min(to, len(value))], true
	}
	return nil, false
}

// boundOf is a bound of a slice; null stands for the default, and a negative one
// counts from the end.
func boundOf(value any, fallback, length int) (int, bool) {
	number, ok := value.(float64)
	switch {
	case value == nil:
		return fallback, true
	case ok && number < 0:
		back, ok := wholeNumber(-number)
		return length - back, ok
	}
	return wholeNumber(value)
}

func split(text, separator string) (any, bool) {
	if separator == "" {
		return nil, false
	}
	return listOf(strings.Split(text, separator)), true
}

func listOf(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

func splitLimit(_ *run, arguments []any) (any, bool) {
	text, ok := arguments[0].(string)
	separator, okSeparator := arguments[1].(string)
	limit, okLimit := wholeNumber(arguments[2])
	if arguments[2] == -1.0 {
		return onTexts(split).call(nil, arguments[:2])
	}
	if !ok || !okSeparator || !okLimit || separator == "" {
		return nil, false
	}
	return listOf(strings.SplitN(text, separator, limit+1)), true
}

// findText is std.findSubstr: where a pattern begins, in code points.
func findText(pattern, text string) (any, bool) {
	found := []any{}
	at := 0
	for offset := range text {
		if pattern != "" && strings.HasPrefix(text[offset:], pattern) {
			found = append(found, float64(at))
		}
		at++
	}
	return found, true
}

func parseJSON(r *run, arguments []any) (any, bool) {
	const costFactor = 4
	text, ok := arguments[0].(string)
	if r.budget -= costFactor * len(text); !ok || r.budget <= 0 {
		return nil, false
	}
	var value any // as the interpreter does it
	err := json.Unmarshal([]byte(text), &value)
	return value, err == nil
}

// join puts strings together; a null among them is left out.
func join(r *run, arguments []any) (any, bool) {
	separator, ok := arguments[0].(string)
	values, okValues := arguments[1].([]any)
	if !ok || !okValues {
		return nil, false
	}
	texts, size := make([]string, 0, len(values)), 0
	for _, value := range values {
		if value == nil {
			continue
		}
		text, ok := value.(string)
		if size += len(text) + len(separator); !ok || size > r.limit {
			return nil, false
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, separator), true
}

// modulo is the operator %: of two numbers, or a format with its values.
func modulo(r *run, arguments []any) (any, bool) {
	if _, ok := arguments[0].(string); ok {
		return format(r, arguments)
	}
	return calculated("%", arguments[0], arguments[1])
}
