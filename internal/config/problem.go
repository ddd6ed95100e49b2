package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"courier"
)

// Position is where a value was set.
type Position struct {
	// Source is a file or "environment variable NAME".
	Source string
	// Line and Column count from 1; they are 0 where a source has none.
	Line   int
	Column int

	order int // of the source among all
}

// String returns source:line:column, the source alone, or nothing.
func (p Position) String() string {
	if p.Line == 0 {
		return p.Source
	}
	return p.Source + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Problem is one thing that is wrong, or worth a warning, with a configuration.
type Problem struct {
	Position Position
	// Path is the key: courier.channels[0].request_config.url; empty for a
	// whole file.
	Path string
	// Message says what was expected, what was found, and what to do. It holds
	// no secret.
	Message string
}

// String returns "source:line:column: path: message" without what is empty.
func (p Problem) String() string {
	parts := []string{p.Position.String(), p.Path, p.Message}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// InvalidError reports every problem of a configuration at once.
type InvalidError struct {
	// Problems has at least one entry, in the order of the sources.
	Problems []Problem
	// Warnings are those of the parts that could be read.
	Warnings []Problem
}

// Error implements error with one line for each problem.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// findings are what was found out about a configuration.
type findings struct{ problems, warnings []Problem }

func (f *findings) problem(at Position, path, format string, args ...any) {
	f.problems = append(f.problems, Problem{Position: at, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(at Position, path, format string, args ...any) {
	f.warnings = append(f.warnings, Problem{Position: at, Path: path, Message: fmt.Sprintf(format, args...)})
}

// sorted orders problems by source, line and column. Of several with a value,
// the first is the cause of the others, which are left out.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Position.order, b.Position.order),
			cmp.Compare(a.Position.Source, b.Position.Source),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
		)
	})
	return slices.CompactFunc(problems, func(a, b Problem) bool {
		return a.Position == b.Position && a.Path == b.Path && a.Path != ""
	})
}

// place returns the position of a path or of the nearest path above it that was
// set. It is the same with and without quotes around odd keys.
func (c *Config) place(path string) Position {
	for path = unquoted(path); path != ""; path = parentPath(path) {
		if position, ok := c.positions[path]; ok {
			return position
		}
	}
	return c.positions[""]
}

func unquoted(path string) string { return strings.ReplaceAll(path, `"`, "") }

// parentPath cuts the last step: a.b[0] becomes a.b, a.b becomes a.
func parentPath(path string) string {
	cut := strings.LastIndexAny(path, ".[")
	if cut < 0 {
		return ""
	}
	return path[:cut]
}

// joinPath adds a key to a path. A key that could be mistaken for a path is quoted.
func joinPath(path, key string) string {
	odd := func(r rune) bool { return !unicode.IsGraphic(r) || strings.ContainsRune(`.[]": `, r) }
	if key == "" || strings.ContainsFunc(key, odd) {
		key = strconv.Quote(clip(key))
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// indexPath adds a list index to a path.
func indexPath(path string, index int) string { return path + "[" + strconv.Itoa(index) + "]" }

// printable replaces what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// clip shortens text that is quoted in a message.
func clip(text string) string {
	const longest = 60
	runes := []rune(printable(text))
	if len(runes) <= longest {
		return string(runes)
	}
	return string(runes[:longest]) + "…"
}

// suggest returns `; did you mean "x"?` for the candidate nearest to word, or
// nothing when none is near.
func suggest(word string, candidates []string) string {
	if near := courier.Nearest(word, candidates); near != "" {
		return `; did you mean "` + clip(near) + `"?`
	}
	return ""
}

// quoted lists words for a message: "a", "b" or "c".
func quoted(words []string) string {
	list := `"` + strings.Join(words, `", "`) + `"`
	if last := strings.LastIndex(list, ", "); last >= 0 {
		list = list[:last] + " or " + list[last+2:]
	}
	return list
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
