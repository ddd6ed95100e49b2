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
	line, column := 1, 1
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column = decode.Position()
	}
	at := s.at(max(line, 1), max(column, 1))
	s.problem(at, "", "the TOML is malformed: %s", printable(strings.TrimPrefix(err.Error(), "toml: ")))
	return false
}

func (r *tomlReader) where(n *unstable.Node, fallback Position) Position {
	if n.Raw.Length == 0 {
		return fallback
	}
	return r.place(int(n.Raw.Offset))
}

func (r *tomlReader) expression(n *unstable.Node) {
	switch n.Kind { //nolint:exhaustive // comments, and what is only inside of others
	case unstable.KeyValue:
		r.keyValue(r.table, n, r.path, 0)
	case unstable.Table:
		r.table, r.path = r.descend(r.root, keysOfTOML(n), "", 0)
	case unstable.ArrayTable:
		keys := keysOfTOML(n)
		above, path := r.descend(r.root, keys[:len(keys)-1], "", 0)
		key, at := string(keys[len(keys)-1].Data), r.where(keys[len(keys)-1], above.at)
		list := above.get(key)
		if list == nil {
			list = &node{kind: listNode, at: at}
			r.add(above, key, at, list, path)
		}
		r.grow(at, len(keys))
		r.table, r.path = &node{kind: mapNode, at: at}, indexPath(joinPath(path, key), len(list.items))
		list.items = append(list.items, r.table)
	}
}

func keysOfTOML(n *unstable.Node) []*unstable.Node {
	var keys []*unstable.Node
	for of := n.Key(); of.Next(); {
		keys = append(keys, of.Node())
	}
	return keys
}

// descend finds or makes the map that keys name. Through a list it goes into the
// last item.
func (r *tomlReader) descend(m *node, keys []*unstable.Node, path string, depth int) (*node, string) {
	for i, n := range keys {
		key, at := string(n.Data), r.where(n, m.at)
		if i > maxDepth {
			r.grow(at, i)
			return m, path
		}
		path = joinPath(path, key)
		child := m.get(key)
		if child == nil {
			child = &node{kind: mapNode, at: at}
			r.grow(at, depth+i)
			r.add(m, key, at, child, parentPath(path))
		}
		if child.kind == listNode {
			path = indexPath(path, len(child.items)-1)
			child = child.items[len(child.items)-1]
		}
		m = child
	}
	return m, path
}

func (r *tomlReader) keyValue(m *node, n *unstable.Node, path string, depth int) {
	keys := keysOfTOML(n)
	last := len(keys) - 1
	m, path = r.descend(m, keys[:last], path, depth)
	if r.broken {
		return
	}
	key, at := string(keys[last].Data), r.where(keys[last], m.at)
	r.add(m, key, at, r.value(n.Value(), at, joinPath(path, key), depth+len(keys)), path)
}

func (r *tomlReader) value(n *unstable.Node, fallback Position, path string, depth int) *node {
	at := r.where(n, fallback)
	if !r.grow(at, depth) {
		return &node{kind: nullNode, at: at}
	}
	text := string(n.Data)
	switch n.Kind { //nolint:exhaustive // the others are texts and times
	case unstable.InlineTable:
		m := &node{kind: mapNode, at: at}
		for children := n.Children(); children.Next(); {
			r.keyValue(m, children.Node(), path, depth)
		}
		return m
	case unstable.Array:
		list := &node{kind: listNode, at: at}
		for children := n.Children(); children.Next(); {
			list.items = append(list.items, r.value(children.Node(), at, indexPath(path, len(list.items)), depth+1))
		}
		return list
	case unstable.Bool:
		return boolean(text == "true", at)
	case unstable.Float:
		return &node{kind: floatNode, text: strings.ReplaceAll(text, "_", ""), at: at}
	case unstable.Integer:
		if value, err := strconv.ParseInt(text, 0, 64); err == nil {
			text = strconv.FormatInt(value, 10)
		}
		return &node{kind: intNode, text: text, at: at}
	}
	return &node{kind: textNode, text: text, at: at}
}
