package config

import (
	"cmp"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// assignment is a value for a key from the environment.
type assignment struct {
	name  string   // of the variable
	steps []string // keys, and indices in brackets
	value *node
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

// readEnviron lays the values of the environment over the tree. A variable for a list or a map is JSON, whose leaves are set one by one, as in Kratos. One
// for a deeper key comes later, so it wins.
func (c *checker) readEnviron() {
	var found []assignment
	for _, name := range keysOf(c.environ) {
		steps, target := match(c.root, c.tree, strings.ToUpper(name), nil)
		at := Position{Source: "environment variable " + clip(name), order: orderEnviron}
		switch given := c.environ[name]; {
		case target == nil:
			c.unknownVariable(name, at)
		case isForOthers(steps, target, given):
		case isServiceLink(given):
			c.warn(at, pathOf(steps), "the value looks like a service address that Kubernetes sets, so it is ignored")
		default:
			if value := c.structured(target, given, at, pathOf(steps)); value != nil {
				found = append(found, assignment{name: name, steps: steps, value: value})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b assignment) int { return compareSteps(a.steps, b.steps) })
	for _, a := range found {
		// The header that a variable stands for may be spelled in JSON laid before.
		a.steps, _ = match(c.root, c.tree, strings.ToUpper(a.name), nil)
		c.put(a)
	}
}

// compareSteps orders shallow before deep, and list items by number.
func compareSteps(a, b []string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), slices.CompareFunc(a, b, func(x, y string) int {
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	}))
}

// isForOthers reports whether a variable with the name of a key says nothing to
// the courier: the name of a section without JSON (LOG, API), a key that is not
// read, an empty value where that means nothing.
func isForOthers(steps []string, target *spec, given string) bool {
	_, holds := target.holds()
	return target.kind == anySpec ||
		len(steps) == 1 && holds && !strings.HasPrefix(strings.TrimSpace(given), map[bool]string{true: "[", false: "{"}[target.kind == listSpec]) ||
		given == "" && emptyIsUnset(target)
}

// emptyIsUnset reports whether an empty variable is one that was not set, as it
// is for every key where an empty text means nothing.
func emptyIsUnset(s *spec) bool {
	return s.kind != textSpec && s.kind != secretSpec || s.def != "" || len(s.enum) > 0
}

// match finds the key that the name of a variable stands for: upper-case keys
// joined by underscores, indices as numbers.
func match(s *spec, n *node, name string, steps []string) ([]string, *spec) {
	switch {
	case name == "", s.kind == anySpec:
		return steps, s
	case s.kind == listSpec:
		digits, rest, _ := strings.Cut(name, "_")
		index, err := strconv.Atoi(digits)
		if err != nil || index < 0 || digits != strconv.Itoa(index) {
			return nil, nil
		}
		var item *node
		if index < len(n.list()) {
			item = n.items[index]
		}
		return match(s.item, item, rest, append(slices.Clone(steps), indexPath("", index)))
	case s.kind == headerSpec:
		return append(slices.Clone(steps), keyFor(n, name, textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-")))), &spec{kind: secretSpec}
	case s.kind == paramsSpec:
		return append(slices.Clone(steps), keyFor(n, name, strings.ToLower(name))), &spec{kind: paramSpec}
	}
	for _, child := range append(slices.Clone(s.children), s.variantFields()...) {
		rest, ok := strings.CutPrefix(name, envName(child.name))
		if !ok || rest == "_" || rest != "" && rest[0] != '_' {
			continue
		}
		below := append(slices.Clone(steps), child.name)
		if found, target := match(child, n.get(child.name), strings.TrimPrefix(rest, "_"), below); target != nil {
			return found, target
		}
	}
	return nil, nil
}

func envName(key string) string { return strings.ToUpper(strings.ReplaceAll(key, "-", "_")) }

// keyFor returns the key of a map with any keys that a variable stands for: one of
// the file with the same letters, or else the usual spelling.
func keyFor(n *node, name, usual string) string {
	for _, e := range n.pairs() {
		if envName(e.key) == name {
			return e.key
		}
	}
	return usual
}

// structured makes a node of the text for a key, nil when it is malformed. That of
// a list or a map is JSON, that of a list of texts may also be separated by commas.
func (c *checker) structured(s *spec, given string, at Position, path string) *node {
	if _, holds := s.holds(); !holds {
		return fromText(s, given, at)
	}
	if s.kind == listSpec && (len(s.item.children) == 0 || s.item.asText() != nil) && !strings.HasPrefix(strings.TrimSpace(given), "[") {
		return commaSeparated(given, at)
	}
	inner := &source{name: at.Source, order: at.order, data: []byte(given)}
	parsed := parseJSON(inner, path)
	for _, problem := range inner.problems {
		if problem.Path == "" {
			problem.Path, problem.Message = path, expected(s)+" as JSON; "+problem.Message
		}
		c.problems = append(c.problems, problem)
	}
	if len(inner.problems) > 0 {
		return nil
	}
	if parsed.kind == nullNode {
		c.problem(parsed.at, path, "%s", unexpected(s, parsed))
		return nil
	}
	return parsed
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

// put sets a value in the tree. Maps and lists on the way are made where there
// are none.
func (c *checker) put(a assignment) {
	n := c.tree
	for i, step := range a.steps {
		index, isIndex := indexOf(step)
		switch count := len(n.list()); {
		case !isIndex:
			n = n.get(step)
		case index < count:
			n = n.items[index]
		case index == count:
			n = nil
		default:
			c.problem(a.value.at, pathOf(a.steps[:i+1]), "the list has %d entries, so the next index is %d", count, count)
			return
		}
	}
	value := a.value
	for _, step := range slices.Backward(a.steps) {
		above := &node{kind: mapNode, at: value.at, entries: []*entry{{key: step, at: value.at, value: value}}}
		if index, isIndex := indexOf(step); isIndex {
			above = &node{kind: listNode, at: value.at, items: make([]*node, index+1)}
			above.items[index] = value
		}
		value = above
	}
	c.tree = overlay(c.tree, value)
}

func indexOf(step string) (index int, ok bool) {
	digits, ok := strings.CutPrefix(step, "[")
	index, err := strconv.Atoi(strings.TrimSuffix(digits, "]"))
	return index, ok && err == nil
}

func pathOf(steps []string) string {
	path := ""
	for _, step := range steps {
		if _, isIndex := indexOf(step); isIndex {
			path += step
		} else {
			path = joinPath(path, step)
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
func (c *checker) unknownVariable(name string, at Position) {
	if !strings.HasPrefix(name, "COURIER_") || slices.Contains(c.ignored, name) {
		return
	}
	kubernetes := regexp.MustCompile(`^COURIER_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
	if kubernetes.MatchString(name) {
		return
	}
	name = regexp.MustCompile(`_\d+(_|$)`).ReplaceAllString(name, "_0$1") // as envNames has them
	c.warn(at, "", "the variable names no key, so it is ignored%s", suggest(name, envNames(c.root)))
}

// envNames lists the variables of all keys, with index 0 for lists.
func envNames(s *spec) []string {
	var names []string
	s.walk("", func(path string, _ *spec) { names = append(names, variableOf(strings.ReplaceAll(path, "[]", "[0]"))) })
	return names
}
