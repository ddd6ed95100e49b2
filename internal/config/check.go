package config

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"courier"
)

// checker walks a merged configuration, stores its values and collects
// everything that is wrong with it.
type checker struct {
	config  *Config
	root    *spec
	tree    *node
	environ map[string]string
	// ignored are variables with the prefix COURIER_ that are for somebody else.
	ignored []string
	dir     string // absolute

	findings
	// readable is false when values are missing because a file could not be read.
	readable bool

	placeholders *regexp.Regexp
}

// read reads a file that the configuration depends on.
func (c *checker) read(path string, limit int) ([]byte, error) {
	data, err := readBounded(path, maxFileSize)
	c.config.files[path] = digestOf(data, err)
	if len(data) > limit {
		return nil, tooLarge(limit)
	}
	return data, err
}

// at returns the node of a path of keys, nil when there is none.
func (c *checker) at(keys ...string) *node {
	n := c.tree
	for _, key := range keys {
		n = n.get(key)
	}
	return n
}

// check compares a value with its spec and stores it.
func (c *checker) check(s *spec, n *node, path string) {
	switch want, holds := s.holds(); {
	case s.kind == anySpec:
	case n.isText() && s.asText() != nil:
		c.scalar(s.asText(), n, path)
	case !holds:
		c.scalar(s, n, path)
	case n.isNothing():
	case n.kind != want:
		c.problem(n.at, path, "%s", unexpected(s, n))
	case want == listNode:
		c.list(s, n, path)
	default:
		c.object(s, n, path)
	}
}

// holds returns the kind of a value that holds others.
func (s *spec) holds() (kind nodeKind, holds bool) {
	switch s.kind { //nolint:exhaustive // the others are scalars
	case objectSpec, eitherSpec, headerSpec, paramsSpec:
		return mapNode, true
	case listSpec:
		return listNode, true
	}
	return nullNode, false
}

func (c *checker) object(s *spec, n *node, path string) {
	for _, e := range n.entries {
		below := joinPath(path, e.key)
		at := e.value.at
		if e.value.kind == mapNode || e.value.kind == listNode {
			at = e.at
		}
		c.config.positions[unquoted(below)] = at
		if child := s.childFor(e.key, n); child != nil {
			c.check(child, e.value, below)
		} else {
			c.unknown(s, e, path)
		}
	}
}

// childFor returns the spec of a key in a map: any header and any setting of a
// gateway is a secret, and what config holds depends on the type next to it. With a type that is missing or
// unknown, config is not looked into.
func (s *spec) childFor(key string, in *node) *spec {
	switch {
	case s.kind == headerSpec:
		return &spec{kind: secretSpec}
	case s.kind == paramsSpec:
		return &spec{kind: paramSpec}
	case s.variants == nil || key != "config":
		return s.child(key)
	}
	kind := textOr(in.get("type"), "")
	if fields, known := s.variants[kind]; known {
		config := object(key, "", fields...)
		config.chosen = &chosenVariant{s, kind}
		return config
	}
	return foreign(key, "")
}

func (c *checker) unknown(s *spec, e *entry, path string) {
	if path == "" {
		c.unknownSection(s, e)
		return
	}
	if s.open {
		if near := courier.Nearest(e.key, s.childNames()); near != "" {
			c.warn(e.at, joinPath(path, e.key), "the key is not read; did you mean %q?", near)
		}
		return
	}
	c.problem(e.at, joinPath(path, e.key), "unknown key%s", c.hint(s, path, e.key))
}

func (c *checker) unknownSection(s *spec, e *entry) {
	known := append(s.childNames(), kratosSections()...)
	switch {
	case e.key == "$schema", strings.HasPrefix(e.key, "x-"): // for editors and anchors
	case slices.Contains(known, e.key):
		c.config.IgnoredSections = append(c.config.IgnoredSections, e.key)
	default:
		c.problem(e.at, joinPath("", e.key), "unknown key%s", cmp.Or(suggest(e.key, known), c.home(s, "", e.key), "; it is neither a key of the courier nor of Ory Kratos"))
	}
}

// hint names the nearest key, or where in the table the key belongs, first below
// the path, or all keys that are possible.
func (c *checker) hint(s *spec, path, key string) string {
	if near := suggest(key, s.childNames()); near != "" {
		return near
	}
	if s.chosen != nil {
		for _, kind := range keysOf(s.chosen.from.variants) {
			if object("", "", s.chosen.from.variants[kind]...).child(key) != nil {
				return "; it belongs to the type " + kind + ", while type is " + s.chosen.kind + ": give what belongs together, and take the rest out"
			}
		}
	}
	return cmp.Or(c.home(s, path, key), "; the keys here are "+strings.ReplaceAll(quoted(s.childNames()), " or ", " and "))
}

// home tells of the same key at another place, below a path if it can be.
func (c *checker) home(s *spec, path, key string) string {
	home := ""
	look := func(at string, s *spec) {
		if (home == "" || len(at) < len(home)) && strings.EqualFold(s.name, key) && s.kind != anySpec {
			home = at
		}
	}
	if s.walk(path, look); home == "" {
		c.root.walk("", look)
	}
	if home == "" {
		return ""
	}
	return `; there is a key "` + home + `"`
}

func (c *checker) list(s *spec, n *node, path string) {
	texts := make([]string, len(n.items))
	for i, item := range n.items {
		below := indexPath(path, i)
		c.config.positions[unquoted(below)], texts[i] = item.at, item.text
		switch {
		case s.item.skip != nil && s.item.skip(item):
		case item.kind == nullNode: // unlike a section, an element cannot be empty
			c.problem(item.at, below, "%s", unexpected(s.item, item))
		default:
			c.check(s.item, item, below)
		}
	}
	if s.field != nil {
		assign(s, c.config, texts)
	}
}

func (c *checker) scalar(s *spec, n *node, path string) {
	value, err := readScalar(s, n)
	name, found := c.placeholder(n.text)
	switch {
	case err != nil && (found || isBraced(s, n)):
		c.problem(n.at, path, "%v; nothing is expanded in values: %s", err, instead(s, path, name))
		return
	case err != nil:
		c.problem(n.at, path, "%v", err)
		return
	case found:
		c.warn(n.at, path, "the value holds a placeholder, and nothing is expanded in values, so it is used as it is written; %s", instead(s, path, name))
	}
	if s.kind == secretSpec && s.field != nil {
		revealed, ok := c.resolve(n, path)
		if !ok {
			return
		}
		value = revealed.Reveal()
	}
	assign(s, c.config, value)
}

// requireKeys reports the mandatory keys that an object lacks.
func (c *checker) requireKeys(keys []*spec, n *node, path string) {
	for _, child := range keys {
		if child.required && n.get(child.name).isNothing() {
			example := ""
			if child.example != "" && len(child.enum) == 0 && child.kind != durationSpec {
				example = " such as " + child.example
			}
			c.fault(joinPath(path, child.name), "the key is missing; %s%s", expected(child), example)
		}
	}
}

// onlyOne reports children that exclude each other.
func (c *checker) onlyOne(s *spec, n *node, path string) {
	first := ""
	for _, name := range s.exclusive {
		switch {
		case n.get(name).isNothing():
		case first == "":
			first = name
		default:
			c.fault(joinPath(path, name), "%s and %s are the same; keep %s", name, first, first)
		}
	}
}

// file returns the path to open for one that is relative to the directory of the
// options.
func (c *checker) file(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.dir, path)
}
