package config

import (
	"slices"
	"strconv"
	"strings"
)

// nodeKind is the type of a value as a file has it.
type nodeKind int

const (
	nullNode nodeKind = iota
	boolNode
	intNode
	floatNode
	textNode
	listNode
	mapNode
)

// node is a value with its place. Nodes are not changed after they are read:
// merging makes new ones.
type node struct {
	kind nodeKind
	// text is the value of a scalar: true or false, decimal digits, or the text.
	text    string
	items   []*node
	entries []*entry
	at      Position
}

// entry is a key of a map with its value.
type entry struct {
	key   string
	at    Position
	value *node
}

// pairs returns the entries of a map, none of anything else.
func (n *node) pairs() []*entry {
	if n == nil {
		return nil
	}
	return n.entries
}

// list returns the items of a list, none of anything else.
func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

func (n *node) entry(key string) *entry {
	for _, e := range n.pairs() {
		if e.key == key {
			return e
		}
	}
	return nil
}

// get returns the value of a key, nil when there is none.
func (n *node) get(key string) *node {
	if e := n.entry(key); e != nil {
		return e.value
	}
	return nil
}

// isNothing reports whether a value is absent or null.
func (n *node) isNothing() bool { return n == nil || n.kind == nullNode }

func (n *node) isText() bool { return n != nil && n.kind == textNode }

// textOr returns the text of a value that is one, or else a stand-in.
func textOr(n *node, standIn string) string {
	if n.isText() {
		return n.text
	}
	return standIn
}

// describe names a value for a message. What is secret is named by type alone.
func (n *node) describe(secret bool) string {
	kind := [...]string{
		nullNode: "nothing", boolNode: "a boolean", intNode: "a number", floatNode: "a number",
		textNode: "another text", listNode: "a list", mapNode: "a map",
	}[n.kind]
	switch n.kind {
	case nullNode, listNode, mapNode:
	case textNode:
		if !secret {
			return strconv.Quote(clip(n.text))
		}
	case boolNode, intNode, floatNode:
		if !secret {
			return "the" + strings.TrimPrefix(kind, "a") + " " + clip(n.text)
		}
	}
	return kind
}

// merge overlays the values of a file: maps deeply, everything else as a whole.
// A null or an absent value leaves what is below it.
func merge(below, above *node) *node {
	switch {
	case above.isNothing() && below != nil:
		return below
	case below == nil || below.kind != mapNode || above.kind != mapNode:
		return above
	}
	return mergeMaps(below, above, above.at, merge)
}

// overlay sets the leaves of a value one by one, items of lists by index, as
// Kratos does with those of the environment.
func overlay(below, above *node) *node {
	switch {
	case above == nil:
		return below
	case below.isNothing() || below.kind != above.kind:
		return above
	case above.kind == mapNode:
		return mergeMaps(below, above, below.at, overlay)
	case above.kind == listNode:
		list := &node{kind: listNode, at: below.at, items: slices.Clone(below.items)}
		for i, item := range above.items {
			if i == len(list.items) {
				list.items = append(list.items, nil)
			}
			list.items[i] = overlay(list.items[i], item)
		}
		return list
	}
	return above
}

// missingIn returns the entries of from whose keys are not in n.
func missingIn(n, from *node) []*entry {
	return slices.DeleteFunc(slices.Clone(from.entries), func(e *entry) bool { return n.entry(e.key) != nil })
}

// mergeMaps merges the values of the keys that both maps have.
func mergeMaps(below, above *node, at Position, values func(below, above *node) *node) *node {
	merged := &node{kind: mapNode, at: at}
	for _, e := range below.entries {
		if over := above.entry(e.key); over != nil {
			before := e
			e = &entry{key: e.key, at: over.at, value: values(e.value, over.value)}
			if e.value.at == before.value.at {
				e.at = before.at
			}
		}
		merged.entries = append(merged.entries, e)
	}
	merged.entries = append(merged.entries, missingIn(below, above)...)
	return merged
}
