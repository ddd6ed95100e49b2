package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scalar is the value of a key, typed as its spec asks.
type scalar struct {
	text    string
	integer int64
	float   float64
	boolean bool
	elapsed time.Duration
}

// readScalar reads a value as its spec asks. The error says what was expected
// and what was found.
func readScalar(s *spec, n *node) (scalar, error) {
	read, ok := readKind(s, n)
	if !ok {
		return scalar{}, unexpected(s, n)
	}
	if s.bounds != nil && !s.bounds.hold(s.kind, read) {
		return scalar{}, unexpected(s, n)
	}
	if len(s.enum) > 0 && !slices.Contains(s.enum, read.text) {
		return scalar{}, errors.New(expected(s) + ", got " + n.describe(s.isSecret()) + suggest(read.text, s.enum))
	}
	return read, nil
}

func unexpected(s *spec, n *node) error {
	return errors.New(expected(s) + ", got " + n.describe(s.isSecret()) + advice(s, n))
}

// advice says how to turn a value of the wrong type into the right one.
func advice(s *spec, n *node) string {
	isNumber := n.kind == intNode || n.kind == floatNode
	wantsText := s.kind == textSpec || s.kind == secretSpec
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

func readKind(s *spec, n *node) (scalar, bool) {
	switch s.kind {
	case textSpec, secretSpec:
		return scalar{text: n.text}, n.kind == textNode
	case intSpec:
		return readInt(n)
	case floatSpec:
		value, err := strconv.ParseFloat(n.text, 64)
		return scalar{float: value}, err == nil && (n.kind == floatNode || n.kind == intNode)
	case boolSpec:
		return scalar{boolean: n.text == "true"}, n.kind == boolNode
	case switchSpec:
		return readSwitch(n)
	case durationSpec:
		value, err := time.ParseDuration(n.text)
		return scalar{elapsed: value}, err == nil && n.kind == textNode
	case sizeSpec:
		return readSize(n)
	case objectSpec, listSpec, headerSpec, anySpec:
	}
	return scalar{}, false
}

// readInt also takes a float without a fraction, which JSON Schema calls an integer.
func readInt(n *node) (scalar, bool) {
	if n.kind == intNode {
		value, err := strconv.ParseInt(n.text, 10, 64)
		return scalar{integer: value}, err == nil
	}
	value, err := strconv.ParseFloat(n.text, 64)
	whole := err == nil && value == math.Trunc(value) && math.Abs(value) < 1<<53
	if n.kind != floatNode || !whole {
		return scalar{}, false
	}
	return scalar{integer: int64(value)}, true
}

// readSwitch takes on and off, and the booleans that some YAML writers make of them.
func readSwitch(n *node) (scalar, bool) {
	on := n.text == "on" || n.text == "true"
	off := n.text == "off" || n.text == "false"
	return scalar{boolean: on}, (on || off) && (n.kind == textNode || n.kind == boolNode)
}

// readSize takes a number of bytes, alone or with a unit.
func readSize(n *node) (scalar, bool) {
	if n.kind != textNode && n.kind != intNode {
		return scalar{}, false
	}
	digits := strings.TrimRight(n.text, "kKMGiB ")
	factor, known := sizeUnit(strings.TrimSpace(n.text[len(digits):]))
	value, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || value < 0 || value > math.MaxInt64/factor {
		return scalar{}, false
	}
	return scalar{integer: value * factor}, true
}

func sizeUnit(unit string) (factor int64, known bool) {
	switch unit {
	case "", "B":
		return 1, true
	case "kB":
		return 1000, true
	case "MB":
		return 1000 * 1000, true
	case "KiB", "kiB":
		return 1 << 10, true
	case "MiB":
		return 1 << 20, true
	case "GiB":
		return 1 << 30, true
	default:
		return 1, false
	}
}

func (b *bounds) hold(kind specKind, value scalar) bool {
	amount := value.float
	if kind == intSpec || kind == sizeSpec {
		amount = float64(value.integer)
	}
	if kind == durationSpec {
		amount = value.elapsed.Seconds()
	}
	return amount >= b.least && amount <= b.most
}

// expected says what a key takes.
func expected(s *spec) string {
	if len(s.enum) > 0 {
		return "expected " + quoted(slices.DeleteFunc(slices.Clone(s.enum), func(v string) bool { return v == "" }))
	}
	switch s.kind {
	case objectSpec, headerSpec, anySpec:
		return "expected a map"
	case listSpec:
		return "expected a list"
	case textSpec, secretSpec:
		return "expected a text"
	case intSpec:
		return fmt.Sprintf("expected a whole number from %.0f to %.0f", s.bounds.least, s.bounds.most)
	case floatSpec:
		return fmt.Sprintf("expected a number from %v to %v", s.bounds.least, s.bounds.most)
	case boolSpec:
		return "expected true or false"
	case switchSpec:
		return `expected "on" or "off"`
	case durationSpec:
		return fmt.Sprintf(`expected a duration from %v to %v such as "%s"`, seconds(s.bounds.least), seconds(s.bounds.most), cmp.Or(s.def, s.example))
	case sizeSpec:
		return fmt.Sprintf(`expected a size from %s to %s such as "%s"`, sizeText(s.bounds.least), sizeText(s.bounds.most), s.def)
	}
	return "expected another value"
}

// sizeText writes a number of bytes with the largest unit that divides it.
func sizeText(amount float64) string {
	whole, units := int64(amount), []string{"B", "KiB", "MiB"}
	unit := 0
	for ; whole%1024 == 0 && whole > 0 && unit < len(units)-1; unit++ {
		whole /= 1024
	}
	return strconv.FormatInt(whole, 10) + units[unit]
}

// seconds writes a number of seconds as a duration without trailing zero units.
func seconds(amount float64) string {
	written := time.Duration(amount * float64(time.Second)).String()
	if strings.HasSuffix(written, "m0s") {
		written = strings.TrimSuffix(written, "0s")
	}
	if strings.HasSuffix(written, "h0m") {
		written = strings.TrimSuffix(written, "0m")
	}
	return written
}

// assign stores a value where the spec binds it.
func assign(s *spec, config *Config, value scalar) {
	if s.bind == nil {
		return
	}
	switch target := s.bind(config).(type) {
	case *string:
		*target = value.text
	case *Secret:
		*target = NewSecret(value.text)
	case *int:
		*target = int(value.integer)
	case *int64:
		*target = value.integer
	case *float64:
		*target = value.float
	case *bool:
		*target = value.boolean
	case *time.Duration:
		*target = value.elapsed
	}
}

// fromText makes a node of a text, as the environment and the command line give
// it, of the type that the spec asks for. What does not fit stays a text, which
// the check then reports.
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
	if s.def == "" || s.bind == nil {
		return
	}
	if value, ok := readKind(s, fromText(s, s.def, Position{})); ok {
		assign(s, config, value)
	}
}
