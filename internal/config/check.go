package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// checker walks a merged configuration, stores its values and collects
// everything that is wrong with it.
type checker struct {
	config  *Config
	root    *spec
	tree    *node
	environ map[string]string
	dir     string

	problems []Problem
	warnings []Problem
	// readable is false when values are missing because a file could not be read.
	readable bool

	placeholders, inAddress *regexp.Regexp
}

// read reads a file that the configuration depends on.
func (c *checker) read(path string, limit int64) ([]byte, error) {
	data, err := readBounded(path, limit)
	c.config.files[path] = digestOf(data, err)
	return data, err
}

func (c *checker) problem(at Position, path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Position: at, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) warn(at Position, path, format string, args ...any) {
	c.warnings = append(c.warnings, Problem{Position: at, Path: path, Message: fmt.Sprintf(format, args...)})
}

// place returns where a path was set, or the nearest one above it.
func (c *checker) place(path string) Position { return nearestPosition(c.config.positions, path) }

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
	switch s.kind {
	case anySpec:
	case objectSpec:
		c.object(s, n, path)
	case listSpec:
		c.list(s, n, path)
	case headerSpec:
		c.headerTypes(s, n, path)
	case textSpec, secretSpec, intSpec, floatSpec, boolSpec, switchSpec, durationSpec, sizeSpec:
		c.scalar(s, n, path)
	}
}

func (c *checker) object(s *spec, n *node, path string) {
	if n.isNothing() {
		return
	}
	if n.kind != mapNode {
		c.problem(n.at, path, "%v", unexpected(s, n))
		return
	}
	s = s.variant(n)
	for _, e := range n.entries {
		below := joinPath(path, e.key)
		c.config.positions[unquoted(below)] = placeOf(e)
		child := s.child(e.key)
		if child == nil {
			c.unknown(s, e, path)
			continue
		}
		c.check(child, e.value, below)
	}
}

// placeOf returns the place of a value, or of the key where the value is a map
// or a list.
func placeOf(e *entry) Position {
	if e.value.kind == mapNode || e.value.kind == listNode {
		return e.at
	}
	return e.value.at
}

// variant returns the spec of an object whose config depends on its type. For a
// type that is missing or unknown, config is not looked into.
func (s *spec) variant(n *node) *spec {
	if s.variants == nil {
		return s
	}
	chosen := *s
	chosen.children = slices.Clone(s.children)
	for i, child := range chosen.children {
		if child.name != "config" {
			continue
		}
		config := *child
		config.kind = anySpec
		if kind := n.get("type"); kind != nil && s.variants[kind.text] != nil {
			config.kind, config.children = objectSpec, s.variants[kind.text]
		}
		chosen.children[i] = &config
	}
	return &chosen
}

func (c *checker) unknown(s *spec, e *entry, path string) {
	if path == "" {
		c.unknownSection(s, e)
		return
	}
	if s.open {
		if near := nearest(e.key, s.childNames()); near != "" {
			c.warn(e.at, joinPath(path, e.key), "the key is not read; did you mean %q?", near)
		}
		return
	}
	c.problem(e.at, joinPath(path, e.key), "unknown key%s", c.hint(s, e.key))
}

func (c *checker) unknownSection(s *spec, e *entry) {
	switch {
	case isAnnotation(e.key):
	case isKratosSection(e.key):
		c.config.IgnoredSections = append(c.config.IgnoredSections, e.key)
	default:
		known := append(s.childNames(), kratosSections()...)
		c.problem(e.at, joinPath("", e.key), "unknown key%s", cmp.Or(suggest(e.key, known), "; it is neither a key of the courier nor of Ory Kratos"))
	}
}

// hint names the nearest key, or where in the table the key belongs, or all
// keys that are possible.
func (c *checker) hint(s *spec, key string) string {
	if near := suggest(key, s.childNames()); near != "" {
		return near
	}
	if home := findHome(c.root, key, ""); home != "" {
		return `; there is a key "` + home + `"`
	}
	return "; the keys here are " + strings.ReplaceAll(quoted(s.childNames()), " or ", " and ")
}

// findHome returns the path of the first key with the name in any case, depth
// first, elements of lists included.
func findHome(s *spec, name, path string) string {
	for _, child := range s.children {
		below := strings.TrimPrefix(path+"."+child.name, ".")
		if strings.EqualFold(child.name, name) && child.kind != anySpec {
			return below
		}
		if home := findHome(child, name, below); home != "" {
			return home
		}
		if child.item == nil {
			continue
		}
		if home := findHome(child.item, name, below+"[]"); home != "" {
			return home
		}
	}
	return ""
}

func (c *checker) list(s *spec, n *node, path string) {
	if n.isNothing() {
		return
	}
	if n.kind != listNode {
		c.problem(n.at, path, "%v", unexpected(s, n))
		return
	}
	for i, item := range n.items {
		below := indexPath(path, i)
		c.config.positions[unquoted(below)] = item.at
		if s.item.skip == nil || !s.item.skip(item) {
			c.listItem(s.item, item, below)
		}
	}
	if s.bind != nil {
		c.assignTexts(s, n)
	}
}

// listItem checks an element; unlike a section, it cannot be empty.
func (c *checker) listItem(s *spec, n *node, path string) {
	if n.kind == nullNode {
		c.problem(n.at, path, "%v", unexpected(s, n))
		return
	}
	c.check(s, n, path)
}

func (c *checker) assignTexts(s *spec, n *node) {
	target, ok := s.bind(c.config).(*[]string)
	if !ok {
		return
	}
	for _, item := range n.items {
		*target = append(*target, item.text)
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
	if s.kind == secretSpec && s.bind != nil {
		revealed, ok := c.resolve(n, path)
		if !ok {
			return
		}
		value.text = revealed.Reveal()
	}
	assign(s, c.config, value)
}

func (c *checker) headerTypes(s *spec, n *node, path string) {
	if n.isNothing() {
		return
	}
	if n.kind != mapNode {
		c.problem(n.at, path, "%v", unexpected(s, n))
		return
	}
	value := &spec{kind: secretSpec}
	for _, e := range n.entries {
		below := joinPath(path, e.key)
		c.config.positions[unquoted(below)] = placeOf(e)
		c.check(value, e.value, below)
	}
}

// requireKeys reports the mandatory keys that an object lacks.
func (c *checker) requireKeys(keys []*spec, n *node, path string) {
	for _, child := range keys {
		if child.required && n.get(child.name).isNothing() {
			c.problem(c.place(joinPath(path, child.name)), joinPath(path, child.name), "the key is missing; %s%s", expected(child), example(child))
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
			c.problem(c.place(joinPath(path, name)), joinPath(path, name), "%s and %s are the same; keep %s", name, first, first)
		}
	}
}

func example(s *spec) string {
	if s.example == "" || len(s.enum) > 0 {
		return ""
	}
	return " such as " + s.example
}

// textOf returns the text of a value that is one. Values of other types were
// reported before.
func textOf(n *node) (string, bool) {
	if n == nil || n.kind != textNode {
		return "", false
	}
	return n.text, true
}

// file returns the path to open for one that is relative to the working directory.
func (c *checker) file(path string) string {
	if filepath.IsAbs(path) || c.dir == "" {
		return filepath.Clean(path)
	}
	return filepath.Join(c.dir, path)
}

func workingDirectory(dir string) string {
	if dir != "" {
		return dir
	}
	current, err := os.Getwd()
	if err != nil {
		return ""
	}
	return current
}
