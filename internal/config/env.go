package config

import (
	"cmp"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// assignment is a value for a key from the environment or the command line.
type assignment struct {
	steps []step
	value *node
}

// step is a key or, when it is negative for a key, an index.
type step struct {
	key   string
	index int
}

// envReader finds the keys that environment variables name.
type envReader struct {
	checker *checker
	// ignored are variables with the prefix COURIER_ that are for somebody else.
	ignored []string
	known   []string
}

func environMap(environ []string) map[string]string {
	values := make(map[string]string, len(environ))
	for _, variable := range environ {
		if name, value, ok := strings.Cut(variable, "="); ok && name != "" {
			values[name] = value
		}
	}
	return values
}

// overlay returns the tree with the values of the environment on it. A variable
// for a list or a map is JSON; one for a key inside goes on top of it.
func (r *envReader) overlay(tree *node) *node {
	var found []assignment
	for _, name := range keysOf(r.checker.environ) {
		at := Position{Source: "environment variable " + clip(name), order: orderEnviron}
		// A variable that is a section alone (LOG, API) is somebody else's.
		if a, ok := r.assignment(tree, name, at); ok {
			found = append(found, a)
		}
	}
	slices.SortStableFunc(found, func(a, b assignment) int { return compareSteps(a.steps, b.steps) })
	for _, a := range found {
		tree = r.checker.put(tree, a.steps, a.value, "")
	}
	return tree
}

// compareSteps orders shallow before deep, and list items by number.
func compareSteps(a, b []step) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), slices.CompareFunc(a, b, func(x, y step) int {
		return cmp.Or(cmp.Compare(x.index, y.index), cmp.Compare(x.key, y.key))
	}))
}

func (r *envReader) assignment(tree *node, name string, at Position) (assignment, bool) {
	given := r.checker.environ[name]
	steps, target := match(r.checker.root, tree, strings.ToUpper(name), nil)
	switch {
	case target == nil:
		r.unknown(name, at)
		return assignment{}, false
	case target.kind == anySpec, len(steps) == 1, given == "" && emptyIsUnset(target):
		return assignment{}, false
	case isServiceLink(given):
		path := pathOf(steps)
		r.checker.warn(at, path, "the value looks like a service address that Kubernetes sets, so it is ignored")
		return assignment{}, false
	}
	return assignment{steps: steps, value: r.checker.structured(target, given, at, pathOf(steps))}, true
}

// emptyIsUnset reports whether an empty variable is one that was not set, as it
// is for every key where an empty text means nothing.
func emptyIsUnset(s *spec) bool {
	return s.kind != textSpec && s.kind != secretSpec || s.def != "" || len(s.enum) > 0
}

// match finds the key that the name of a variable stands for: upper-case keys
// joined by underscores, indices as numbers.
func match(s *spec, n *node, name string, steps []step) ([]step, *spec) {
	switch {
	case name == "":
		return steps, s
	case s.kind == anySpec:
		return steps, s
	case s.kind == listSpec:
		return matchIndex(s, n, name, steps)
	case s.kind == headerSpec:
		return append(slices.Clone(steps), step{key: headerFor(n, name), index: -1}), &spec{kind: secretSpec}
	}
	for _, child := range append(slices.Clone(s.children), s.variantFields()...) {
		rest, ok := strings.CutPrefix(name, envName(child.name))
		if !ok || rest == "_" || rest != "" && rest[0] != '_' {
			continue
		}
		below := append(slices.Clone(steps), step{key: child.name, index: -1})
		if found, target := match(child, n.get(child.name), strings.TrimPrefix(rest, "_"), below); target != nil {
			return found, target
		}
	}
	return nil, nil
}

func envName(key string) string { return strings.ToUpper(strings.ReplaceAll(key, "-", "_")) }

func matchIndex(s *spec, n *node, name string, steps []step) ([]step, *spec) {
	digits, rest, _ := strings.Cut(name, "_")
	index, err := strconv.Atoi(digits)
	if err != nil || index < 0 || digits != strconv.Itoa(index) {
		return nil, nil
	}
	return match(s.item, n.item(index), rest, append(slices.Clone(steps), step{index: index}))
}

// headerFor returns the header that a variable stands for: one of the file
// with the same letters, or the letters with hyphens for underscores.
func headerFor(n *node, name string) string {
	if n != nil {
		for _, e := range n.entries {
			if envName(e.key) == name {
				return e.key
			}
		}
	}
	return textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

// structured makes a node of the text for a key; that of a list or a map is
// JSON, that of a list of texts may also be separated by commas.
func (c *checker) structured(s *spec, given string, at Position, path string) *node {
	if s.kind != listSpec && s.kind != objectSpec && s.kind != headerSpec {
		return fromText(s, given, at)
	}
	inner := &source{data: []byte(given)}
	parsed := parseJSON(inner)
	switch {
	case parsed != nil && len(inner.problems) == 0:
		return placed(parsed, at)
	case s.kind == listSpec && len(s.item.children) == 0 && !strings.HasPrefix(strings.TrimSpace(given), "["):
		return commaSeparated(given, at)
	}
	c.problem(at, path, "%s as JSON", expected(s))
	return &node{kind: nullNode, at: at}
}

func commaSeparated(given string, at Position) *node {
	list := &node{kind: listNode, at: at}
	for part := range strings.SplitSeq(given, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list.items = append(list.items, &node{kind: textNode, text: part, at: at})
		}
	}
	return list
}

// placed gives a tree of nodes one place.
func placed(n *node, at Position) *node {
	moved := &node{kind: n.kind, text: n.text, at: at}
	for _, item := range n.items {
		moved.items = append(moved.items, placed(item, at))
	}
	for _, e := range n.entries {
		moved.entries = append(moved.entries, &entry{key: e.key, at: at, value: placed(e.value, at)})
	}
	return moved
}

// put returns the tree with a value at a path. Maps and lists on the way are
// made where there are none.
func (c *checker) put(n *node, steps []step, value *node, path string) *node {
	if len(steps) == 0 {
		return value
	}
	if steps[0].key == "" {
		return c.putItem(n, steps, value, path)
	}
	key := steps[0].key
	over := &node{kind: mapNode, at: value.at}
	below := c.put(n.get(key), steps[1:], value, joinPath(path, key))
	over.entries = []*entry{{key: key, at: value.at, value: below}}
	if n.isNothing() || n.kind != mapNode {
		return over
	}
	return replaceEntry(n, over.entries[0])
}

// replaceEntry returns a map with one entry replaced or added. An entry that
// holds others keeps its own place.
func replaceEntry(n *node, with *entry) *node {
	replaced := &node{kind: mapNode, at: n.at}
	for _, e := range n.entries {
		if e.key != with.key {
			replaced.entries = append(replaced.entries, e)
		}
	}
	if old := n.entry(with.key); old != nil && with.value.kind >= listNode {
		with = &entry{key: with.key, at: old.at, value: with.value}
	}
	replaced.entries = append(replaced.entries, with)
	return replaced
}

func (c *checker) putItem(n *node, steps []step, value *node, path string) *node {
	index := steps[0].index
	list := &node{kind: listNode, at: value.at}
	if !n.isNothing() && n.kind == listNode {
		list.at, list.items = n.at, slices.Clone(n.items)
	}
	at := indexPath(path, index)
	if index > len(list.items) {
		c.problem(value.at, at, "the list has %d entries, so the next index is %d", len(list.items), len(list.items))
		return list
	}
	if index == len(list.items) {
		list.items = append(list.items, nil)
	}
	list.items[index] = c.put(list.items[index], steps[1:], value, at)
	return list
}

func pathOf(steps []step) string {
	path := ""
	for _, s := range steps {
		if s.key == "" {
			path = indexPath(path, s.index)
		} else {
			path = joinPath(path, s.key)
		}
	}
	return path
}

// isServiceLink reports whether a value is what Kubernetes sets for a service
// of the same name as a section: API_PORT=tcp://10.0.0.1:80.
func isServiceLink(value string) bool {
	scheme, _, ok := strings.Cut(value, "://")
	return ok && slices.Contains([]string{"tcp", "udp", "sctp"}, scheme)
}

// unknown warns of a variable that was meant for the courier and names no key.
func (r *envReader) unknown(name string, at Position) {
	if !strings.HasPrefix(name, "COURIER_") || slices.Contains(r.ignored, name) || kubernetesName().MatchString(name) {
		return
	}
	if r.known == nil {
		r.known = envNames(r.checker.root, "")
	}
	r.checker.warn(at, "", "the variable names no key, so it is ignored%s", suggest(numbersAsZero(name), r.known))
}

func kubernetesName() *regexp.Regexp {
	return regexp.MustCompile(`^COURIER_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
}

func numbersAsZero(name string) string {
	parts := strings.Split(name, "_")
	for i, part := range parts {
		if _, err := strconv.Atoi(part); err == nil {
			parts[i] = "0"
		}
	}
	return strings.Join(parts, "_")
}

// envNames lists the variables of all keys, with index 0 for lists.
func envNames(s *spec, prefix string) []string {
	var names []string
	join := func(name string) string { return strings.TrimPrefix(prefix+"_"+name, "_") }
	for _, child := range s.children {
		names = append(names, join(envName(child.name)))
		names = append(names, envNames(child, join(envName(child.name)))...)
	}
	for _, config := range s.variantFields() {
		names = append(names, envNames(config, join("CONFIG"))...)
	}
	if s.item != nil {
		names = append(names, envNames(s.item, join("0"))...)
	}
	return names
}
