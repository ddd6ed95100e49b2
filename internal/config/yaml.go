package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yamlReader builds nodes from YAML with their places. Aliases are expanded,
// within the bounds of the source.
type yamlReader struct {
	*source
	anchors map[string]ast.Node
	// open are the anchors that are being expanded.
	open []string
}

func parseYAML(s *source) *node {
	r := &yamlReader{source: s, anchors: map[string]ast.Node{}}
	file := r.parse()
	if file == nil {
		return nil
	}
	documents := slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool { return isNoContent(d.Body) })
	if len(documents) == 0 {
		return nil
	}
	if len(documents) > 1 {
		s.warnings = append(s.warnings, Problem{
			Position: r.where(documents[1].Body),
			Message:  "only the first YAML document of a file is read, as in Kratos; give the others as files of their own",
		})
	}
	return r.value(documents[0].Body, "", 0)
}

func isNoContent(body ast.Node) bool {
	return body == nil || body.Type() == ast.CommentType || body.Type() == ast.DirectiveType
}

// parse reads the text into a tree. The parser of the library is recursive, so
// the tokens are checked for depth before it sees them; what it panics on is
// reported as malformed.
func (r *yamlReader) parse() (file *ast.File) {
	defer func() {
		if fault := recover(); fault != nil {
			r.problem(r.at(1, 1), "", "the YAML is malformed")
			file = nil
		}
	}()
	tokens := lexer.Tokenize(string(r.data))
	if deep := tooDeep(tokens); deep != nil {
		r.problem(r.tokenAt(deep), "", "values are nested more than %d deep; no key needs that", maxDepth)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	return file
}

func (r *yamlReader) syntax(err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		r.problem(r.at(1, 1), "", "the YAML is malformed")
		return
	}
	r.problem(r.tokenAt(syntax.GetToken()), "", "the YAML is malformed: %s", printable(syntax.GetMessage()))
}

// tooDeep returns the first token that is nested too deeply, or nil.
func tooDeep(tokens token.Tokens) *token.Token {
	flow, line, starts := 0, 0, 0
	for _, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			line, starts = t.Position.Line, t.Position.IndentLevel
		}
		if t.Type == token.SequenceStartType || t.Type == token.MappingStartType {
			flow++
		}
		if t.Type == token.SequenceEndType || t.Type == token.MappingEndType {
			flow--
		}
		if t.Type == token.SequenceEntryType || t.Type == token.MappingKeyType || t.Type == token.AnchorType || t.Type == token.TagType {
			starts++
		}
		if flow > maxDepth || starts > 2*maxDepth {
			return t
		}
	}
	return nil
}

func (r *yamlReader) tokenAt(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return r.at(1, 1)
	}
	return r.at(max(t.Position.Line, 1), max(t.Position.Column, 1))
}

// where returns the place of a value: of a map that of its first key.
func (r *yamlReader) where(n ast.Node) Position {
	switch v := n.(type) {
	case nil:
		return r.at(1, 1)
	case *ast.MappingNode:
		if len(v.Values) > 0 && !v.IsFlowStyle {
			return r.where(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return r.where(v.Key)
	}
	return r.tokenAt(n.GetToken())
}

func (r *yamlReader) value(n ast.Node, path string, depth int) *node {
	at := r.where(n)
	if !r.grow(at, depth) {
		return &node{kind: nullNode, at: at}
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		return r.mapping(v.Values, at, path, depth)
	case *ast.MappingValueNode:
		return r.mapping([]*ast.MappingValueNode{v}, at, path, depth)
	case *ast.SequenceNode:
		return r.sequence(v, at, path, depth)
	case *ast.AnchorNode:
		r.anchors[v.Name.GetToken().Value] = v.Value
		return r.guarded(v.Name.GetToken().Value, v.Value, path, depth)
	case *ast.AliasNode:
		return r.alias(v, at, path, depth)
	case *ast.TagNode:
		return r.tagged(v, at, path, depth)
	default:
		return r.scalar(n, at)
	}
}

// guarded reads the value of an anchor; inside it, its alias has no end.
func (r *yamlReader) guarded(name string, n ast.Node, path string, depth int) *node {
	r.open = append(r.open, name)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	return r.value(n, path, depth+1)
}

func (r *yamlReader) alias(n *ast.AliasNode, at Position, path string, depth int) *node {
	name := n.Value.GetToken().Value
	anchored, known := r.anchors[name]
	switch {
	case slices.Contains(r.open, name):
		r.problem(at, path, "the alias *%s is inside its own anchor", clip(name))
	case !known:
		r.problem(at, path, "the alias *%s has no anchor before it%s", clip(name), suggest(name, keysOf(r.anchors)))
	default:
		return r.guarded(name, anchored, path, depth)
	}
	return &node{kind: nullNode, at: at}
}

func (r *yamlReader) sequence(n *ast.SequenceNode, at Position, path string, depth int) *node {
	list := &node{kind: listNode, at: at}
	for i, item := range n.Values {
		list.items = append(list.items, r.value(item, indexPath(path, i), depth+1))
	}
	return list
}

func (r *yamlReader) mapping(values []*ast.MappingValueNode, at Position, path string, depth int) *node {
	result := &node{kind: mapNode, at: at}
	var merged []*node
	for _, v := range values {
		if v.Key.IsMergeKey() {
			merged = append(merged, r.merges(v.Value, path, depth)...)
			continue
		}
		key, ok := r.key(v.Key, path)
		if !ok {
			continue
		}
		r.add(result, key, r.where(v.Key), r.value(v.Value, joinPath(path, key), depth+1), path)
	}
	for _, m := range merged {
		result.entries = append(result.entries, missingIn(result, m)...)
	}
	return result
}

// missingIn returns the entries of from whose keys are not in n: a key of the
// map itself wins over a merged one, and an earlier merge over a later.
func missingIn(n, from *node) []*entry {
	return slices.DeleteFunc(slices.Clone(from.entries), func(e *entry) bool { return n.entry(e.key) != nil })
}

// merges returns the maps that a merge key (<<) names: one, or a list of them.
func (r *yamlReader) merges(n ast.Node, path string, depth int) []*node {
	value := r.value(n, path, depth+1)
	maps := []*node{value}
	if value.kind == listNode {
		maps = value.items
	}
	for _, m := range maps {
		if m.kind != mapNode && m.kind != nullNode {
			r.problem(m.at, joinPath(path, "<<"), "expected a map or a list of maps to merge, got %s", m.describe(true))
		}
	}
	return maps
}

func (r *yamlReader) key(n ast.MapKeyNode, path string) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	default:
		r.problem(r.where(n), path, "expected a plain text as the key")
		return "", false
	}
}

func (r *yamlReader) tagged(n *ast.TagNode, at Position, path string, depth int) *node {
	value := r.value(n.Value, path, depth+1)
	switch tag := n.GetToken().Value; tag {
	case "!!str":
		if value.kind != listNode && value.kind != mapNode {
			return &node{kind: textNode, text: plainText(n.Value, value), at: value.at}
		}
	case "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!merge", "!!timestamp":
	default:
		r.problem(at, path, "the YAML tag %s is not known; write the value without it", clip(tag))
	}
	return value
}

// plainText is a scalar as it was written.
func plainText(n ast.Node, value *node) string {
	if value.kind == textNode || n == nil || n.GetToken() == nil {
		return value.text
	}
	return n.GetToken().Value
}

func (r *yamlReader) scalar(n ast.Node, at Position) *node {
	switch v := n.(type) {
	case *ast.StringNode:
		return &node{kind: textNode, text: v.Value, at: at}
	case *ast.LiteralNode:
		return &node{kind: textNode, text: v.Value.Value, at: at}
	case *ast.BoolNode:
		return boolean(v.Value, at)
	case *ast.IntegerNode:
		return &node{kind: intNode, text: fmt.Sprint(v.Value), at: at}
	case *ast.FloatNode:
		return &node{kind: floatNode, text: strconv.FormatFloat(v.Value, 'g', -1, 64), at: at}
	case *ast.InfinityNode, *ast.NanNode:
		return &node{kind: floatNode, text: n.GetToken().Value, at: at}
	default:
		return &node{kind: nullNode, at: at}
	}
}
