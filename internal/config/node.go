package config

import "strconv"

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

func (n *node) entry(key string) *entry {
	if n == nil {
		return nil
	}
	for _, e := range n.entries {
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

func (n *node) item(index int) *node {
	if n == nil || index >= len(n.items) {
		return nil
	}
	return n.items[index]
}

// isNothing reports whether a value is absent or null.
func (n *node) isNothing() bool { return n == nil || n.kind == nullNode }

// describe names a value for a message. What is secret is named by type alone.
func (n *node) describe(secret bool) string {
	switch n.kind {
	case nullNode:
		return "nothing"
	case listNode:
		return "a list"
	case mapNode:
		return "a map"
	case boolNode:
		return hide("the boolean ", n.text, "a boolean", secret)
	case intNode, floatNode:
		return hide("the number ", clip(n.text), "a number", secret)
	case textNode:
		return hide("", strconv.Quote(clip(n.text)), "another text", secret)
	}
	return "something else"
}

func hide(prefix, text, instead string, secret bool) string {
	if secret {
		return instead
	}
	return prefix + text
}

// merge overlays a value: maps deeply, everything else as a whole. A null or an
// absent value leaves what is below it.
func merge(below, above *node) *node {
	switch {
	case above.isNothing():
		if below == nil {
			return above
		}
		return below
	case below == nil || below.kind != mapNode || above.kind != mapNode:
		return above
	}
	merged := &node{kind: mapNode, at: above.at}
	for _, e := range below.entries {
		if over := above.entry(e.key); over != nil {
			e = &entry{key: e.key, at: over.at, value: merge(e.value, over.value)}
		}
		merged.entries = append(merged.entries, e)
	}
	for _, e := range above.entries {
		if below.entry(e.key) == nil {
			merged.entries = append(merged.entries, e)
		}
	}
	return merged
}
