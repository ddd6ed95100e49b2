package config

import (
	"cmp"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// readScalar reads a value as its spec asks: a string, int64, float64, bool or
// time.Duration. The error says what was expected and what was found.
func readScalar(s *spec, n *node) (any, error) {
	value, ok := readKind(s, n)
	amount := amountOf(value)
	inRange := s.least == "" || amount >= s.bound(s.least) && amount <= s.bound(s.most) // false for NaN
	if !ok || !inRange {
		return nil, errors.New(unexpected(s, n))
	}
	if len(s.enum) > 0 && !slices.Contains(s.enum, n.text) {
		return nil, errors.New(expected(s) + ", got " + n.describe(s.isSecret()) + suggest(n.text, s.enum))
	}
	return value, nil
}

func unexpected(s *spec, n *node) string {
	return expected(s) + ", got " + n.describe(s.isSecret()) + advice(s, n)
}

// advice says how to turn a value of the wrong type into the right one.
func advice(s *spec, n *node) string {
	isNumber := n.kind == intNode || n.kind == floatNode
	wantsText := s.kind == textSpec || s.kind == secretSpec || s.kind == paramSpec
	wantsBare := s.kind == intSpec || s.kind == floatSpec || s.kind == boolSpec
	switch {
	case wantsText && (isNumber || n.kind == boolNode):
		return "; put it in quotes"
	case isBraced(s, n):
		return ", which YAML makes of braces; put the value in quotes"
	case wantsBare && n.kind == textNode && fromText(s, n.text, n.at).kind != textNode && n.at.Line > 0:
		return "; write it without quotes"
	case s.kind == durationSpec && isNumber:
		return `; add the unit, as in "` + clip(n.text) + `s"`
	}
	return ""
}

func readKind(s *spec, n *node) (value any, ok bool) {
	var err error
	switch s.kind {
	case textSpec, secretSpec:
		return n.text, n.kind == textNode
	case intSpec:
		return readInt(n)
	case floatSpec:
		value, err = strconv.ParseFloat(n.text, 64)
		return value, err == nil && (n.kind == floatNode || n.kind == intNode)
	case boolSpec:
		return n.text == "true", n.kind == boolNode
	case switchSpec: // also the booleans that some YAML writers make of it
		on, off := n.text == "on" || n.text == "true", n.text == "off" || n.text == "false"
		return on, (on || off) && (n.kind == textNode || n.kind == boolNode)
	case durationSpec:
		value, err = time.ParseDuration(n.text)
		return value, err == nil && n.kind == textNode
	case sizeSpec:
		return readSize(n)
	case paramSpec:
		return n.text, slices.Contains([]nodeKind{textNode, intNode, boolNode}, n.kind)
	case objectSpec, eitherSpec, listSpec, headerSpec, paramsSpec, anySpec:
	}
	return nil, false
}

// readInt also takes a float without a fraction, which JSON Schema calls an integer.
func readInt(n *node) (int64, bool) {
	if n.kind == intNode {
		value, err := strconv.ParseInt(n.text, 10, 64)
		return value, err == nil
	}
	value, err := strconv.ParseFloat(n.text, 64)
	whole := err == nil && value == math.Trunc(value) && math.Abs(value) < 1<<53
	return int64(value), n.kind == floatNode && whole
}

// readSize takes a number of bytes, alone or with a unit.
func readSize(n *node) (int64, bool) {
	digits := strings.TrimRight(n.text, "kKMGiB ")
	value, err := strconv.ParseInt(digits, 10, 64)
	factors := map[string]int64{"": 1, "B": 1, "kB": 1000, "MB": 1000 * 1000, "KiB": 1 << 10, "kiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	factor := factors[strings.TrimSpace(n.text[len(digits):])]
	ok := err == nil && factor > 0 && value >= 0 && value <= math.MaxInt64/max(factor, 1)
	return value * factor, ok && (n.kind == textNode || n.kind == intNode)
}

func amountOf(value any) float64 {
	switch v := value.(type) {
	case int64:
		return float64(v)
	case time.Duration:
		return v.Seconds()
	case float64:
		return v
	}
	return 0
}

// bound returns a bound of the spec as a number; a duration counts in seconds.
func (s *spec) bound(written string) float64 {
	value, _ := readKind(s, fromText(s, written, Position{}))
	return amountOf(value)
}

// expected says what a key takes.
func expected(s *spec) string {
	span := " from " + s.least + " to " + s.most
	switch s.kind {
	case objectSpec, headerSpec, paramsSpec, anySpec:
		return "expected a map"
	case eitherSpec:
		return `expected a map, or a text such as "` + s.asText().example + `"`
	case paramSpec:
		return "expected a text, a whole number, true or false"
	case listSpec:
		return "expected a list"
	case textSpec, secretSpec:
		if len(s.enum) > 0 {
			return "expected " + quoted(slices.DeleteFunc(slices.Clone(s.enum), func(v string) bool { return v == "" }))
		}
		return "expected a text"
	case intSpec:
		return "expected a whole number" + span
	case floatSpec:
		return "expected a number" + span
	case boolSpec:
		return "expected true or false"
	case switchSpec:
		return `expected "on" or "off"`
	case durationSpec:
		return "expected a duration" + span + ` such as "` + cmp.Or(s.def, s.example) + `"`
	case sizeSpec:
		return "expected a size" + span + ` such as "` + s.def + `"`
	}
	return "expected another value"
}

// assign stores a value in the field of its spec.
func assign(s *spec, config *Config, value any) {
	if s.field == nil {
		return
	}
	field := reflect.ValueOf(config).Elem().FieldByIndex(s.field)
	if s.kind == secretSpec {
		value = NewSecret(value.(string)) //nolint:errcheck,forcetypeassert // a secret is read as a text
	}
	field.Set(reflect.ValueOf(value).Convert(field.Type()))
}

// fromText makes a node of a text, as the environment gives it, of the type that
// the spec asks for. What does not fit stays a text, which the check then reports.
func fromText(s *spec, given string, at Position) *node {
	n := &node{kind: textNode, text: given, at: at}
	for _, value := range s.enum {
		if strings.EqualFold(value, given) {
			n.text = value
		}
	}
	if _, err := strconv.ParseInt(given, 10, 64); err == nil && s.kind == intSpec {
		n.kind = intNode
	}
	if _, err := strconv.ParseFloat(given, 64); err == nil && s.kind == floatSpec {
		n.kind = floatNode
	}
	if value, err := strconv.ParseBool(given); err == nil && s.kind == boolSpec {
		return boolean(value, at)
	}
	return n
}

// applyDefaults stores the defaults of a table of specs.
func applyDefaults(s *spec, config *Config) {
	for _, child := range s.children {
		applyDefaults(child, config)
	}
	if value, ok := readKind(s, fromText(s, s.def, Position{})); ok && s.def != "" {
		assign(s, config, value)
	}
}
