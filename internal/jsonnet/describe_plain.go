package jsonnet

import "strings"

// plain returns what may be told of a message of the interpreter, empty for one
// of unknown form. The forms are those of go-jsonnet 0.22.
func (t *loaded) plain(message string) string {
	if _, literal := t.words[message]; literal && message != "" {
		return message
	}
	if fixed := fixedForm(message); fixed != "" {
		return fixed
	}
	if named := t.namedForm(message); named != "" {
		return named
	}
	return typedForm(message)
}

// fixedForm knows the messages that hold no value, or whose value is dropped.
func fixedForm(message string) string {
	switch message {
	case "max stack frames exceeded.":
		return "max stack frames exceeded: the recursion does not end or the data is nested too deeply"
	case "couldn't manifest function as JSON", "Object assertion failed.", "Assertion failed":
		return message
	case "Division by zero.", "division by zero", "overflow", "Overflow", "Not a number":
		return strings.ToLower(strings.TrimSuffix(message, "."))
	}
	for _, prefix := range []string{"Index ", "Expected an integer, but got "} {
		if strings.HasPrefix(message, prefix) {
			return map[string]string{
				"Index ": "index out of bounds", "Expected an integer, but got ": "expected an integer",
			}[prefix]
		}
	}
	return ""
}

// namedForm knows the messages that end in a name, which is kept when it stands
// in the template.
func (t *loaded) namedForm(message string) string {
	prefixes := []string{
		"Field does not exist: ", "Missing argument: ", "function has no parameter ",
		"Duplicate field name: ", "Undefined external variable: ",
	}
	for _, prefix := range prefixes {
		name, found := strings.CutPrefix(message, prefix)
		if !found {
			continue
		}
		text := strings.TrimRight(prefix, ": ")
		if t.mayQuote(name) {
			return text + ": " + clip(name, maxQuote)
		}
		return text
	}
	return ""
}

func (t *loaded) mayQuote(name string) bool {
	if name == contextName {
		return true
	}
	_, quoted := t.words[strings.Trim(name, `"`)]
	return quoted
}

// typedForm knows the messages made of type names.
func typedForm(message string) string {
	if kind, found := strings.CutPrefix(message, "Value non indexable: *jsonnet.value"); found && isTypeName(strings.ToLower(kind)) {
		return "a value of type " + strings.ToLower(kind) + " has no fields"
	}
	words := strings.FieldsFunc(message, func(r rune) bool { return r == ' ' || r == ',' })
	for _, word := range words {
		if !isTypeName(word) && !isGlue(word) {
			return ""
		}
	}
	return message
}

func isTypeName(word string) bool {
	switch word {
	case "string", "number", "function", "object", "boolean", "null", "array":
		return true
	}
	return false
}

// isGlue knows the other words of "Unexpected type X, expected Y" and "Field
// name must be string, got X".
func isGlue(word string) bool {
	switch word {
	case "Unexpected", "type", "expected", "Field", "name", "must", "be", "got":
		return true
	}
	return false
}
