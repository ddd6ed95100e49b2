package config

import (
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlReader builds nodes from TOML with their places.
type tomlReader struct {
	*source
	parser unstable.Parser
	root   *node
	// table is the map that key-value lines go into, path its path.
	table *node
	path  string
}

func parseTOML(s *source) *node {
	if !validTOML(s) {
		return nil
	}
	r := &tomlReader{source: s, root: &node{kind: mapNode, at: s.at(1, 1)}}
	r.table = r.root
	r.parser.Reset(s.data)
	for !r.broken && r.parser.NextExpression() {
		r.expression(r.parser.Expression())
	}
	return r.root
}

// validTOML reports malformed text and keys or tables that are given twice.
func validTOML(s *source) bool {
	var ignored map[string]any
	err := toml.Unmarshal(s.data, &ignored)
	if err == nil {
		return true
	}
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := decode.Position()
		s.problem(s.at(max(line, 1), max(column, 1)), "",
			"the TOML is malformed: %s", printable(strings.TrimPrefix(decode.Error(), "toml: ")))
		return false
	}
	s.problem(s.at(1, 1), "", "the TOML is malformed: %s", printable(strings.TrimPrefix(err.Error(), "toml: ")))
	return false
}

func (r *tomlReader) where(n *unstable.Node, fallback Position) Position {
	if n.Raw.Length == 0 {
		return fallback
	}
	return r.place(int(n.Raw.Offset))
}

func (r *tomlReader) expression(n *unstable.Node) {
	if n.Kind != unstable.Comment && !r.short(n.Key()) {
		return
	}
	if n.Kind == unstable.KeyValue {
		r.keyValue(r.table, n, r.path, 1)
	}
	if n.Kind == unstable.Table || n.Kind == unstable.ArrayTable {
		r.table, r.path = r.open(r.root, n.Key(), "", n.Kind == unstable.ArrayTable)
	}
}

// short reports whether a dotted key is within the bounds of nesting.
func (r *tomlReader) short(keys unstable.Iterator) bool {
	for depth := 0; keys.Next(); depth++ {
		if depth > maxDepth {
			return r.grow(r.where(keys.Node(), r.root.at), depth)
		}
	}
	return true
}

// open finds or makes the map that a dotted key names. Through a list it goes
// into the last item; for an array of tables it appends an item.
func (r *tomlReader) open(m *node, keys unstable.Iterator, path string, appending bool) (*node, string) {
	for keys.Next() {
		key, at := string(keys.Node().Data), r.where(keys.Node(), m.at)
		path = joinPath(path, key)
		child := m.get(key)
		last := keys.IsLast()
		if child == nil {
			child = r.blank(m, key, at, path, last && appending)
		}
		if child.kind == listNode {
			if last && appending {
				child.items = append(child.items, &node{kind: mapNode, at: at})
			}
			path = indexPath(path, len(child.items)-1)
			child = child.items[len(child.items)-1]
		}
		m = child
	}
	return m, path
}

func (r *tomlReader) blank(m *node, key string, at Position, path string, list bool) *node {
	child := &node{kind: mapNode, at: at}
	if list {
		child.kind = listNode
	}
	r.grow(at, strings.Count(path, "."))
	r.add(m, key, at, child, parentPath(path))
	return child
}

func (r *tomlReader) keyValue(m *node, n *unstable.Node, path string, depth int) {
	if !r.short(n.Key()) {
		return
	}
	keys := n.Key()
	var parts []*unstable.Node
	for keys.Next() {
		parts = append(parts, keys.Node())
	}
	for _, part := range parts[:len(parts)-1] {
		key, at := string(part.Data), r.where(part, m.at)
		path = joinPath(path, key)
		child := m.get(key)
		if child == nil {
			child = r.blank(m, key, at, path, false)
		}
		m = child
	}
	last := parts[len(parts)-1]
	key, at := string(last.Data), r.where(last, m.at)
	r.add(m, key, at, r.value(n.Value(), at, joinPath(path, key), depth+len(parts)), path)
}

func (r *tomlReader) value(n *unstable.Node, fallback Position, path string, depth int) *node {
	at := r.where(n, fallback)
	if !r.grow(at, depth) {
		return &node{kind: nullNode, at: at}
	}
	if n.Kind == unstable.InlineTable {
		m := &node{kind: mapNode, at: at}
		for children := n.Children(); children.Next(); {
			r.keyValue(m, children.Node(), path, depth)
		}
		return m
	}
	if n.Kind == unstable.Array {
		list := &node{kind: listNode, at: at}
		for children := n.Children(); children.Next(); {
			list.items = append(list.items, r.value(children.Node(), at, indexPath(path, len(list.items)), depth+1))
		}
		return list
	}
	return r.scalar(n, at)
}

func (r *tomlReader) scalar(n *unstable.Node, at Position) *node {
	text := string(n.Data)
	if n.Kind == unstable.Bool {
		return boolean(text == "true", at)
	}
	if n.Kind == unstable.Float {
		return &node{kind: floatNode, text: strings.ReplaceAll(text, "_", ""), at: at}
	}
	if n.Kind != unstable.Integer {
		return &node{kind: textNode, text: text, at: at}
	}
	if value, err := strconv.ParseInt(text, 0, 64); err == nil {
		text = strconv.FormatInt(value, 10)
	}
	return &node{kind: intNode, text: text, at: at}
}
