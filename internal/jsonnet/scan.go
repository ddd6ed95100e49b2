package jsonnet

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// decodeFields decodes a document for a plan that asks for some fields alone. A
// message has some twenty of them and a template places three, so the others are
// only checked. What the scanner does not take is left to decodeDocument, which
// judges it.
func decodeFields(document []byte, names []string) (any, error) {
	s := &scanner{text: document}
	fields := make(map[string]any, len(names))
	ok := s.next() == '{' && s.object(0, func(name, value []byte) bool {
		if !slices.Contains(names, string(name)) {
			return true
		}
		decoded, err := decodeValue(value)
		fields[string(name)] = decoded
		return err == nil
	})
	if !ok || s.next() != 0 || s.at < len(document) {
		return decodeDocument(document)
	}
	return fields, nil
}

// decodeValue decodes one value that was checked.
func decodeValue(value []byte) (any, error) {
	switch char := value[0]; {
	case char == '"' && bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value):
		return string(value[1 : len(value)-1]), nil
	case char == '"':
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, errDocument
		}
		return text, nil
	case char == '-' || isDigit(char):
		return json.Number(value), nil
	}
	return decodeDocument(value)
}

// scanner takes JSON (RFC 8259) apart without decoding it. It takes nothing that
// encoding/json does not take, and leaves out what is rare: names with escapes
// and deep nesting.
type scanner struct {
	text []byte
	at   int
}

// scanDepth is how deep the scanner goes.
const scanDepth = 100

// next skips white space and returns the byte after it, 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch char := s.text[s.at]; char {
		case ' ', '\t', '\n', '\r':
		default:
			return char
		}
	}
	return 0
}

// take takes a byte when it is the next.
func (s *scanner) take(char byte) bool {
	if s.next() != char || s.at == len(s.text) {
		return false
	}
	s.at++
	return true
}

// value takes one value.
func (s *scanner) value(depth int) bool {
	if depth > scanDepth {
		return false
	}
	switch s.next() {
	case '{':
		return s.object(depth, func(_, _ []byte) bool { return true })
	case '[':
		return s.array(depth)
	case '"':
		return s.string()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

// object takes an object and calls each with its names and values.
func (s *scanner) object(depth int, each func(name, value []byte) bool) bool {
	s.at++
	if s.take('}') {
		return true
	}
	for {
		s.next()
		from := s.at
		if !s.string() || bytes.IndexByte(s.text[from:s.at], '\\') >= 0 || !utf8.Valid(s.text[from:s.at]) {
			return false
		}
		name := s.text[from+1 : s.at-1]
		if !s.take(':') {
			return false
		}
		s.next()
		from = s.at
		if !s.value(depth+1) || !each(name, s.text[from:s.at]) {
			return false
		}
		if !s.take(',') {
			return s.take('}')
		}
	}
}

func (s *scanner) array(depth int) bool {
	s.at++
	if s.take(']') {
		return true
	}
	for s.value(depth + 1) {
		if !s.take(',') {
			return s.take(']')
		}
	}
	return false
}

func (s *scanner) word(word string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// string takes a string with its quotes.
func (s *scanner) string() bool {
	if !s.take('"') {
		return false
	}
	for ; s.at < len(s.text); s.at++ {
		switch char := s.text[s.at]; {
		case char == '"':
			s.at++
			return true
		case char < ' ':
			return false
		case char == '\\':
			s.at++
			if !s.escape() {
				return false
			}
		}
	}
	return false
}

// escape checks what follows a backslash and stays on its last byte.
func (s *scanner) escape() bool {
	if s.at == len(s.text) {
		return false
	}
	if s.text[s.at] != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), s.text[s.at]) >= 0
	}
	const digits = 4
	if len(s.text)-s.at <= digits {
		return false
	}
	for _, char := range s.text[s.at+1 : s.at+1+digits] {
		if !isDigit(char) && (char|0x20 < 'a' || char|0x20 > 'f') {
			return false
		}
	}
	s.at += digits
	return true
}

// number takes a number: an integer without leading zeros, then a fraction and
// an exponent.
func (s *scanner) number() bool {
	s.skip('-', '-')
	if !s.skip('0', '0') && !s.digits() {
		return false
	}
	if s.skip('.', '.') && !s.digits() {
		return false
	}
	if s.skip('e', 'E') {
		s.skip('+', '-')
		return s.digits()
	}
	return true
}

// skip takes one of two bytes when it is the next, without white space.
func (s *scanner) skip(one, other byte) bool {
	if s.at == len(s.text) || s.text[s.at] != one && s.text[s.at] != other {
		return false
	}
	s.at++
	return true
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
	return s.at > from
}

func isDigit(char byte) bool { return '0' <= char && char <= '9' }
