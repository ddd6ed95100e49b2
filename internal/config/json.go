package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// jsonReader builds nodes from JSON with their places.
type jsonReader struct {
	*source
	decoder *json.Decoder
}

// parseJSON reads a value that belongs at a path. It returns nil after a problem.
func parseJSON(s *source, path string) *node {
	r := &jsonReader{source: s, decoder: json.NewDecoder(bytes.NewReader(s.data))}
	r.decoder.UseNumber()
	root := r.value(path, 0)
	if root == nil {
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

// token returns the next token and its place, or false after a problem.
func (r *jsonReader) token() (json.Token, Position, bool) {
	at := r.next()
	token, err := r.decoder.Token()
	if err != nil {
		r.syntax(at, err)
	}
	return token, at, err == nil
}

func (r *jsonReader) value(path string, depth int) *node {
	token, at, ok := r.token()
	if !ok || !r.grow(at, depth) {
		return nil
	}
	switch t := token.(type) {
	case json.Delim:
		return r.values(t, at, path, depth)
	case string:
		return &node{kind: textNode, text: t, at: at}
	case json.Number:
		kind := intNode
		if strings.ContainsAny(t.String(), ".eE") {
			kind = floatNode
		}
		return &node{kind: kind, text: t.String(), at: at}
	case bool:
		return boolean(t, at)
	default:
		return &node{kind: nullNode, at: at}
	}
}

// values reads what is in a map or a list, and its end.
func (r *jsonReader) values(open json.Delim, at Position, path string, depth int) *node {
	n := &node{kind: listNode, at: at}
	if open == '{' {
		n.kind = mapNode
	}
	for r.decoder.More() {
		if n.kind == listNode {
			item := r.value(indexPath(path, len(n.items)), depth+1)
			if item == nil {
				return nil
			}
			n.items = append(n.items, item)
			continue
		}
		token, keyAt, ok := r.token()
		if !ok {
			return nil
		}
		key, _ := token.(string)
		value := r.value(joinPath(path, key), depth+1)
		if value == nil {
			return nil
		}
		r.add(n, key, keyAt, value, path)
	}
	if _, _, ok := r.token(); !ok {
		return nil
	}
	return n
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
	return &node{kind: boolNode, text: strconv.FormatBool(value), at: at}
}
