package gateway

import (
	"fmt"
	"slices"
	"strings"

	"courier"
)

// fieldReader reads the object that a template gave. A field that is null is absent.
// The first that is not as it should be is the misfit.
type fieldReader struct {
	object map[string]any
	misfit string
}

func (f *fieldReader) fail(format string, args ...any) {
	if f.misfit == "" {
		f.misfit = fmt.Sprintf(format, args...)
	}
}

// allow refuses fields of other names, which nobody would look at.
func (f *fieldReader) allow(names ...string) {
	var others []string
	for name := range f.object {
		if !slices.Contains(names, name) {
			others = append(others, name)
		}
	}
	if len(others) == 0 {
		return
	}
	first := slices.Min(others)
	hint := "use " + strings.Join(names, ", ")
	if near := courier.Nearest(first, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	f.fail("template gave a field %q that means nothing here: %s", first, hint)
}

// isAbsent reports whether a field is null, not there, or an empty string.
func (f *fieldReader) isAbsent(name string) bool {
	return f.object[name] == nil || f.object[name] == ""
}

// scalar returns a string, or a number as it is written.
func (f *fieldReader) scalar(name string) (text string, given bool) {
	text, given = spell(f.object[name])
	if !given && f.object[name] != nil {
		f.fail("template gave %s as %s: give a string, a number or null", kindName(f.object[name]), name)
	}
	return text, given
}

// list returns the texts of a list or of a single value, each once; nil when absent.
func (f *fieldReader) list(name string) []string {
	elements, isList := f.object[name].([]any)
	if !isList {
		if text, given := f.scalar(name); given {
			return []string{text}
		}
		return nil
	}
	texts := make([]string, 0, len(elements))
	for _, element := range elements {
		text, ok := spell(element)
		if !ok && element != nil {
			f.fail("template gave a list with %s as %s: give strings or numbers", kindName(element), name)
		}
		if ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// number returns a number, also one that is written as text.
func (f *fieldReader) number(name string) (number float64, given bool) {
	switch value := f.object[name].(type) {
	case nil:
		return 0, false
	case float64:
		return value, true
	case string:
		if number, ok := parseNumber(value); ok {
			return number, true
		}
	}
	f.fail("template gave %s as %s: give a number or null", kindName(f.object[name]), name)
	return 0, false
}

// misfitChoice begins the misfit of a value, perhaps of the gateway's, that means nothing to us.
const misfitChoice = "template gave a value as"

// oneOf returns a text that has to be one of some, empty when it is absent.
func oneOf[T ~string](f *fieldReader, name string, choices ...T) T {
	if f.isAbsent(name) {
		return ""
	}
	text, ok := f.object[name].(string)
	if !ok || !slices.Contains(choices, T(text)) {
		all := make([]string, len(choices))
		for i, choice := range choices {
			all[i] = string(choice)
		}
		if near := courier.Nearest(text, all); near != "" { // it is no value of the answer's
			f.fail("template gave %q as %s; did you mean %s?", text, name, near)
		}
		f.fail(misfitChoice+" %s that is none of %s, or null", name, strings.Join(all, ", "))
		return ""
	}
	return T(text)
}

// spell returns a string, or a number as it is written, false for anything else.
func spell(value any) (text string, ok bool) {
	switch value.(type) {
	case string, float64:
		return formText(value)
	}
	return "", false
}
