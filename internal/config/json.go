package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
)

// jsonReader builds nodes from JSON with their places.
type jsonReader struct {
	*source
	decoder *json.Decoder
}

// parseJSON reads a value that belongs at a path.
func parseJSON(s *source, path string) *node {
	r := &jsonReader{source: s, decoder: json.NewDecoder(bytes.NewReader(s.data))}
	r.decoder.UseNumber()
	root, ok := r.value(path, 0)
	if !ok {
		return nil
	}
	at := r.next()
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		s.problem(at, "", "expected the end of the file after the JSON value")
		return nil
	}
	return root
}

// next returns the place of the token that comes next.
func (r *jsonReader) next() Position {
	offset := int(r.decoder.InputOffset())
	rest := r.data[min(offset, len(r.data)):]
	skipped := len(rest) - len(bytes.TrimLeft(rest, " \t\r\n,:"))
	return r.place(offset + skipped)
}

func (r *jsonReader) value(path string, depth int) (*node, bool) {
	at := r.next()
	token, err := r.decoder.Token()
	if err != nil {
		r.syntax(at, err)
		return nil, false
	}
	if !r.grow(at, depth) {
		return nil, false
	}
	switch t := token.(type) {
	case json.Delim:
		return r.values(t, at, path, depth)
	case string:
		return &node{kind: textNode, text: t, at: at}, true
	case json.Number:
		return numberNode(t.String(), at), true
	case bool:
		return boolean(t, at), true
	default:
		return &node{kind: nullNode, at: at}, true
	}
}

// values reads what is in a map or a list, and its end.
func (r *jsonReader) values(open json.Delim, at Position, path string, depth int) (*node, bool) {
	n := &node{kind: listNode, at: at}
	if open == '{' {
		n.kind = mapNode
	}
	for r.decoder.More() {
		below, keyAt, key := indexPath(path, len(n.items)), r.next(), ""
		if n.kind == mapNode {
			token, err := r.decoder.Token()
			if err != nil {
				r.syntax(keyAt, err)
				return nil, false
			}
			key, _ = token.(string)
			below = joinPath(path, key)
		}
		value, ok := r.value(below, depth+1)
		switch {
		case !ok:
			return nil, false
		case n.kind == mapNode:
			r.add(n, key, keyAt, value, path)
		default:
			n.items = append(n.items, value)
		}
	}
	at = r.next()
	if _, err := r.decoder.Token(); err != nil {
		r.syntax(at, err)
		return nil, false
	}
	return n, true
}

func (r *jsonReader) syntax(at Position, err error) {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		at = r.place(int(syntax.Offset) - 1)
		// The character may be the first of a secret without quotes.
		what := regexp.MustCompile(`character '[^]{}[,:"]+'`).ReplaceAllString(syntax.Error(), "character")
		r.problem(at, "", "the JSON is malformed: %s", printable(what))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.problem(at, "", "the JSON ends too early; close every brace, bracket and quote")
	default:
		r.problem(at, "", "the JSON is malformed")
	}
}

func boolean(value bool, at Position) *node {
	if value {
		return &node{kind: boolNode, text: "true", at: at}
	}
	return &node{kind: boolNode, text: "false", at: at}
}

// numberNode makes a node of a decimal number.
func numberNode(text string, at Position) *node {
	kind := intNode
	if strings.ContainsAny(text, ".eE") {
		kind = floatNode
	}
	return &node{kind: kind, text: text, at: at}
}
