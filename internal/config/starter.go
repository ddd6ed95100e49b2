package config

import (
	"cmp"
	"slices"
	"strings"
)

const starterHead = `# Configuration of the SMS courier.
#
#   courier config check -c FILE     tells of everything that is wrong
#   courier -c FILE serve            runs it
#
# Lines that begin with "# " and a key are examples. Passwords and keys may be
# env://NAME or file:///run/secrets/name. Every key can also be set by the
# environment: COURIER_SMS_FROM, STORE_DSN, API_PORT.
`

// Starter returns a commented configuration file to begin with. It passes Load.
func Starter() string {
	w := &starterWriter{}
	w.text.WriteString(starterHead)
	for _, section := range rootSpec().children {
		w.text.WriteByte('\n')
		w.write(section, 0, false)
	}
	return w.text.String()
}

// starterWriter writes specs as YAML with comments.
type starterWriter struct {
	text strings.Builder
	// dash is true when the next line is the first of a list item.
	dash bool
}

// line writes a line; one of an example is commented out.
func (w *starterWriter) line(depth int, commented bool, content string) {
	indent := strings.Repeat("  ", depth)
	if w.dash {
		indent = strings.TrimSuffix(indent, "  ") + "- "
		w.dash = false
	}
	if commented {
		content = "# " + content
	}
	w.text.WriteString(indent + content + "\n")
}

func (w *starterWriter) comment(depth int, content string) {
	w.text.WriteString(strings.Repeat("  ", depth) + "# " + content + "\n")
}

// write writes a key with what is below it.
func (w *starterWriter) write(s *spec, depth int, commented bool) {
	if s.legacy || s.kind == anySpec {
		return
	}
	if !w.dash && !commented {
		w.comment(depth, s.doc)
	}
	commented = commented || !hasStarter(s)
	switch {
	case s.variants != nil:
		w.variant(s, depth)
	case s.kind == objectSpec:
		w.line(depth, commented, s.name+":")
		w.children(s, depth+1, commented)
	case s.kind == listSpec && len(s.item.children) > 0:
		w.line(depth, commented, s.name+":")
		w.item(s.item, depth, commented)
	default:
		w.line(depth, commented, s.name+": "+cmp.Or(s.starter, s.def, s.example, `""`))
	}
}

func (w *starterWriter) children(s *spec, depth int, commented bool) {
	for _, child := range s.children {
		w.write(child, depth, commented)
	}
}

// item writes one element of a list. An example is one line.
func (w *starterWriter) item(s *spec, depth int, commented bool) {
	if commented {
		w.line(depth+1, true, "- "+inline(s.children))
		return
	}
	w.dash = true
	w.children(s, depth+2, false)
}

// variant writes an example of each form of an object whose config depends on its type.
func (w *starterWriter) variant(s *spec, depth int) {
	for _, kind := range keysOf(s.variants) {
		w.line(depth, true, s.name+": { type: "+kind+", config: "+inline(s.variants[kind])+" }")
	}
}

func inline(fields []*spec) string {
	parts := make([]string, len(fields))
	for i, field := range fields {
		parts[i] = field.name + ": " + cmp.Or(field.example, field.def)
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// hasStarter reports whether a key, or one below it, has a value to begin with.
// A list of maps has one when its element does, whatever the defaults in it.
func hasStarter(s *spec) bool {
	switch {
	case s.legacy || s.kind == anySpec:
		return false
	case s.item != nil && len(s.item.children) > 0:
		return slices.ContainsFunc(s.item.children, func(c *spec) bool { return c.starter != "" })
	case s.starter != "" || s.def != "":
		return true
	}
	return slices.ContainsFunc(s.children, hasStarter)
}
