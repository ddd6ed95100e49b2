package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yamlReader builds nodes from YAML with their places. It uses the library that
// Kratos uses, so that a file means the same here. Aliases are expanded within
// the bounds of the source.
type yamlReader struct {
	*source
	// open are the anchored values that are being expanded.
	open []*yaml.Node
	// missing are the places of aliases without an anchor.
	missing []Position
}

func parseYAML(s *source) *node {
	r := &yamlReader{source: s}
	decoder := yaml.NewDecoder(bytes.NewReader(s.data))
	document, err := decodeYAML(decoder)
	for r.blankAlias(err) {
		decoder = yaml.NewDecoder(bytes.NewReader(s.data))
		document, err = decodeYAML(decoder)
	}
	if err != nil {
		r.syntax(err)
	}
	if document == nil {
		return nil
	}
	root := r.value(document.Content[0], "", 0)
	if next, err := decodeYAML(decoder); next != nil || err != nil {
		at := s.at(1, 1)
		if next != nil {
			at = s.at(next.Content[0].Line, next.Content[0].Column)
		}
		s.warn(at, "", "only the first YAML document of a file is read, as in Kratos; give the others as files of their own")
	}
	return root
}

// blankAlias replaces an alias without an anchor, for which the library gives up
// on the whole text, so that what else is wrong is found too. It reports whether
// the error was one.
func (r *yamlReader) blankAlias(err error) bool {
	const most = 20
	if err == nil || len(r.missing) == most {
		return false
	}
	name, missing := strings.CutPrefix(err.Error(), "yaml: unknown anchor '")
	if !missing {
		return false
	}
	end := r.endOf(err)
	start := end - len("*") - len(strings.TrimSuffix(name, "' referenced"))
	if start < 0 || r.data[start] != '*' {
		return false
	}
	r.missing = append(r.missing, r.place(start))
	r.data = slices.Concat(r.data[:start], []byte("~"), bytes.Repeat([]byte(" "), end-start-1), r.data[end:])
	return true
}

// decodeYAML returns the next document, nil at the end. The library panics on a
// few malformed texts.
func decodeYAML(decoder *yaml.Decoder) (document *yaml.Node, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			document, err = nil, errors.New("yaml: the text cannot be read")
		}
	}()
	document = &yaml.Node{}
	switch err := decoder.Decode(document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return document, nil
}

// syntax reports malformed YAML. The texts of the library quote nothing of it
// but the name of an alias, which may be a password that was not quoted.
func (r *yamlReader) syntax(err error) {
	end := r.endOf(err)
	at, message := r.place(end-1), regexp.MustCompile(`^yaml: (line \d+: )?`).ReplaceAllString(err.Error(), "")
	switch {
	case strings.Contains(message, "unknown anchor"):
		r.problem(at, "", "%s", missingAnchor)
	case strings.Contains(message, "exceeded max depth"):
		r.problem(at, "", "values are nested more than %d deep; no key needs that", maxDepth)
	default:
		hint := yamlHint(message)
		if placeholderBrace := regexp.MustCompile(`[$#%{]\{$`); placeholderBrace.Match(r.data[:end]) {
			hint = "; put a value that holds a brace in quotes, and write env://NAME instead of ${NAME} and the like, as nothing is expanded"
		}
		r.problem(at, "", "the YAML is malformed: %s%s", printable(message), hint)
	}
}

const missingAnchor = "the value begins with *, which is an alias in YAML, and no anchor of that name is before it; put the value in quotes"

func yamlHint(message string) string {
	switch message {
	case "mapping values are not allowed in this context":
		return "; put a value that holds a colon in quotes, and give the keys of one map the same indentation"
	case "found character that cannot start any token":
		return "; indent with blanks, not tabs, and put a value that begins with @, % or ` in quotes"
	case "did not find expected ',' or '}'", "did not find expected ',' or ']'":
		return "; put a value that holds a brace, a bracket or a comma in quotes, and close what is opened"
	case "did not find expected key":
		return "; give the keys of one map the same indentation, and put a value that begins with a quote or a bracket in quotes as a whole"
	case "control characters are not allowed":
		return "; remove the character"
	}
	return ""
}

// endOf returns the offset at which an error comes up: the length of the shortest
// beginning of the text that has the same error. The library itself tells of no
// column, and only of the line in which the map around the error begins.
func (r *yamlReader) endOf(fault error) int {
	return sort.Search(len(r.data), func(end int) bool {
		for end < len(r.data) && !utf8.RuneStart(r.data[end]) {
			end++
		}
		beginning := slices.Concat(r.data[:end], closing(r.data[:end]))
		_, err := decodeYAML(yaml.NewDecoder(bytes.NewReader(beginning)))
		return err != nil && err.Error() == fault.Error()
	})
}

// closing returns the braces and brackets that a beginning of a text lacks, so
// that the cut is not taken for the error. Where it is wrong, such as after braces
// in a comment, the place of the error is a little early.
func closing(text []byte) []byte {
	var closers []byte
	quote, before := byte(0), byte(' ')
	for _, char := range text {
		switch {
		case quote != 0:
			if char == quote {
				quote = 0
			}
		case (char == '"' || char == '\'') && bytes.IndexByte([]byte(" \t\n,:[{"), before) >= 0:
			quote = char
		case char == '{' || char == '[':
			closers = append(closers, char+2) // } and ] in ASCII
		case (char == '}' || char == ']') && len(closers) > 0:
			closers = closers[:len(closers)-1]
		}
		before = char
	}
	slices.Reverse(closers)
	return closers
}

func (r *yamlReader) value(n *yaml.Node, path string, depth int) *node {
	at := r.at(n.Line, n.Column)
	if !r.grow(at, depth) {
		return &node{kind: nullNode, at: at}
	}
	if n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.Tag, "!!") {
		r.warn(at, path, "the value begins with a YAML tag (!), which changes nothing; put the value in quotes, or write env://NAME to take it from the environment")
	}
	if n.Kind == yaml.AliasNode {
		if slices.Contains(r.open, n.Alias) {
			r.problem(at, path, "the alias is inside its own anchor")
			return &node{kind: nullNode, at: at}
		}
		return r.value(n.Alias, path, depth+1)
	}
	if n.Anchor != "" {
		r.open = append(r.open, n)
		defer func() { r.open = r.open[:len(r.open)-1] }()
	}
	switch n.Kind { //nolint:exhaustive // the others are scalars
	case yaml.MappingNode:
		return r.mapping(n, at, path, depth)
	case yaml.SequenceNode:
		list := &node{kind: listNode, at: at}
		for i, item := range n.Content {
			list.items = append(list.items, r.value(item, indexPath(path, i), depth+1))
		}
		return list
	}
	return r.scalar(n, at, path)
}

func (r *yamlReader) mapping(n *yaml.Node, at Position, path string, depth int) *node {
	result := &node{kind: mapNode, at: at}
	var merged *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		place := r.at(key.Line, key.Column)
		isMerge := key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge"
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch name := key.Value; {
		case key.Kind != yaml.ScalarNode:
			r.problem(at, path, "expected a plain text as the key; put a value that begins with a brace in quotes, and write env://NAME instead of {{ … }}, as nothing is expanded")
		case isMerge && merged != nil:
			r.problem(place, joinPath(path, name), "the key is given twice; name several maps in one list")
		case isMerge:
			merged = value
		default:
			r.add(result, name, place, r.value(value, joinPath(path, name), depth+1), path)
		}
	}
	if merged != nil { // a key of the map itself wins, and an earlier merge over a later
		for _, m := range r.merges(merged, path, depth) {
			result.entries = append(result.entries, missingIn(result, m)...)
		}
	}
	return result
}

// merges returns the maps that a merge key (<<) names: one, or a list of them.
func (r *yamlReader) merges(n *yaml.Node, path string, depth int) []*node {
	path = joinPath(path, "<<")
	value := r.value(n, path, depth+1)
	maps := []*node{value}
	if value.kind == listNode {
		maps = value.items
	}
	for _, m := range maps {
		if m.kind != mapNode {
			r.problem(m.at, path, "expected a map or a list of maps to merge, got %s", m.describe(true))
		}
	}
	return maps
}

// scalar reads a value as Kratos does. One that does not fit its tag is not
// shown: both may be parts of a password that was not quoted.
func (r *yamlReader) scalar(n *yaml.Node, at Position, path string) *node {
	if slices.Contains(r.missing, at) {
		r.problem(at, path, missingAnchor)
		return &node{kind: nullNode, at: at}
	}
	var value any
	if err := n.Decode(&value); err != nil {
		r.problem(at, path, "the value does not fit its YAML tag; write it without the tag")
	}
	switch v := value.(type) {
	case bool:
		return boolean(v, at)
	case int, int64, uint64:
		return &node{kind: intNode, text: fmt.Sprint(v), at: at}
	case float64:
		return &node{kind: floatNode, text: strconv.FormatFloat(v, 'g', -1, 64), at: at}
	case string:
		return &node{kind: textNode, text: v, at: at}
	case time.Time:
		r.warn(at, path, "YAML takes the value for a time and writes it with hours and a zone, as in Kratos; put it in quotes")
		return &node{kind: textNode, text: v.Format(time.RFC3339Nano), at: at}
	}
	return &node{kind: nullNode, at: at}
}
