package jsonnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"

	"courier"
	"courier/internal/jsonnet/plan"
)

// The text of a go-jsonnet error can hold values of the message: `error ctx.body`
// is one, std.parseInt(ctx.code) another. failure therefore never passes a text
// on. It rebuilds it from the template: an `error` expression gives its literal
// parts with … for the rest, a message of the interpreter is kept when it is of a
// known form, a name in it when it stands in the template.

const (
	// maxQuote bounds, in bytes, a name or literal quoted in a fault.
	maxQuote = 100
	// withheld replaces what may hold message data.
	withheld = "(text withheld, it may hold message data)"
	// errorPrefix begins what is said of an `error` expression.
	errorPrefix = "error: "
)

// errorText returns the literal parts of a message expression, with … for the rest.
func errorText(node ast.Node) string {
	switch n := node.(type) {
	case *ast.LiteralString:
		return n.Value
	case *ast.Binary:
		if n.Op == ast.BopPlus {
			return strings.ReplaceAll(errorText(n.Left)+errorText(n.Right), "……", "…")
		}
	case *ast.Apply:
		if name := plan.StdName(n.Target); (name == "mod" || name == "format") && len(n.Arguments.Positional) > 0 {
			return errorText(n.Arguments.Positional[0].Expr)
		}
	default: // not a literal
	}
	return "…"
}

// failure turns an error of an evaluation into a reply without message data.
func (e *evaluator) failure(t *loaded, err error) reply {
	var runtime jsonnet.RuntimeError
	if !errors.As(err, &runtime) {
		return reply{Fault: &fault{Message: "the Jsonnet interpreter failed " + withheld}}
	}
	if strings.HasPrefix(runtime.Msg, "cancel") {
		return reply{Canceled: true}
	}
	at, innermost := position(runtime.StackTrace)
	site, known := t.calls[at]
	f := &fault{place: at}
	switch name, missing := strings.CutPrefix(runtime.Msg, missingField); {
	case known && innermost && strings.HasPrefix(site, errorPrefix):
		f.Message = site
	case missing:
		e.explainMissing(t, f, name)
	case t.plain(runtime.Msg) != "":
		f.Message = clip(t.plain(runtime.Msg), maxFault)
	case known:
		f.Message = site
	default:
		f.Message = "evaluation failed " + withheld
	}
	if f.place == (place{}) {
		f.place = t.function
	}
	return reply{Fault: f}
}

// position returns the innermost place inside the template, and whether it is
// the innermost place of all.
func position(trace []jsonnet.TraceFrame) (at place, innermost bool) {
	for i, frame := range slices.Backward(trace) {
		found := frame.Loc
		if found.IsSet() && found.File != nil && found.File.DiagnosticFileName == templateFile {
			return place{Line: found.Begin.Line, Column: found.Begin.Column}, i == len(trace)-1
		}
	}
	return place{}, false
}

// missingField begins what the interpreter says of a field that is not there.
const missingField = "Field does not exist: "

// explainMissing tells of a field that is not there. The interpreter gives the
// place of the whole expression; the field is read there or after it.
func (e *evaluator) explainMissing(t *loaded, f *fault, name string) {
	f.Message = strings.TrimSuffix(missingField, ": ")
	if !t.mayQuote(name) {
		return
	}
	f.Message += ": " + clip(name, maxQuote)
	at := slices.IndexFunc(t.fields, func(access fieldAccess) bool {
		return access.field == name && access.at.compare(f.place) >= 0
	})
	if at < 0 {
		return
	}
	access := t.fields[at]
	f.place, f.Object, f.Field = access.at, access.object, name
	if access.object == "std" {
		f.Message = noFunction(name, e.functions())
	}
}

// functions returns the names of the standard library.
func (e *evaluator) functions() []string {
	text, err := e.vm.EvaluateAnonymousSnippet(templateFile, "std.objectFieldsAll(std)")
	var names []string
	if err != nil || json.Unmarshal([]byte(text), &names) != nil {
		return nil
	}
	return names
}

func noFunction(name string, functions []string) string {
	text := `std has no function "` + clip(name, maxQuote) + `"`
	if near := courier.Nearest(name, functions); near != "" {
		text += "; did you mean std." + near + "?"
	}
	return text
}

// unknownFunctions finds what the template reads of std that is not there. It is
// an error only where it is evaluated.
func (e *evaluator) unknownFunctions(t *loaded) []fault {
	var faults []fault
	var functions []string
	for _, access := range t.fields {
		if access.object != "std" || access.at == (place{}) {
			continue
		}
		if functions == nil {
			functions = e.functions()
		}
		if len(functions) > 0 && !slices.Contains(functions, access.field) {
			faults = append(faults, fault{
				place: access.at, Message: noFunction(access.field, functions), Object: "std", Field: access.field,
			})
		}
	}
	return faults
}

// plain returns what may be shown of a message of the interpreter, empty for one
// of unknown form. The forms are those of go-jsonnet 0.22.
func (t *loaded) plain(message string) string {
	if _, literal := t.words[message]; literal && message != "" {
		return message
	}
	if fixed := t.fixedForm(message); fixed != "" {
		return fixed
	}
	if named := t.namedForm(message); named != "" {
		return named
	}
	return typedForm(message)
}

// fixedForm knows the messages that hold no value, or whose value is dropped.
func (t *loaded) fixedForm(message string) string {
	switch message {
	case "max stack frames exceeded.":
		return "max stack frames exceeded: the recursion does not end or the data is nested too deeply"
	case "couldn't manifest function as JSON", "Object assertion failed.", "Assertion failed":
		return message
	case "Division by zero.", "division by zero", "overflow", "Overflow", "Not a number":
		return strings.ToLower(strings.TrimSuffix(message, "."))
	case "function has no parameter " + t.argument:
		return fmt.Sprintf("the function has no parameter %s: this template is a function(%[1]s), called by that name", t.argument)
	}
	for prefix, text := range map[string]string{
		"Index ":                         "index out of bounds",
		"Expected an integer, but got ":  "expected an integer",
		"Not enough values to format":    "not enough values to format",
		"Too many values to format":      "too many values to format",
		"function expected ":             message, // counts arguments
		"Format required number at ":     message, // counts values and names a type
		"Unrecognised conversion type: ": "unrecognised conversion type in a format",
	} {
		if strings.HasPrefix(message, prefix) {
			return text
		}
	}
	return ""
}

// namedForm knows the messages that end in a name. That of a parameter is not the
// message's; another is kept when it stands in the template.
func (t *loaded) namedForm(message string) string {
	if name, found := strings.CutPrefix(message, "Missing argument: "); found {
		if _, own := t.words[name]; own {
			return "missing argument: " + clip(name, maxQuote) + "; a template is called with one argument"
		}
		return "missing argument: " + clip(name, maxQuote)
	}
	for _, prefix := range []string{
		"function has no parameter ", "Duplicate field name: ", "Undefined external variable: ", "No such field: ",
	} {
		name, found := strings.CutPrefix(message, prefix)
		if !found {
			continue
		}
		text := strings.TrimRight(prefix, ": ")
		if t.mayQuote(name) {
			text += ": " + clip(name, maxQuote)
		}
		if strings.HasPrefix(prefix, "Undefined external") {
			text += "; there are none, what a template works on is its argument " + t.argument
		}
		return text
	}
	return ""
}

func (t *loaded) mayQuote(name string) bool {
	if name == t.argument {
		return true
	}
	_, quoted := t.words[strings.Trim(name, `"`)]
	return quoted
}

// typedForm knows the messages made of type names: "Unexpected type X, expected Y",
// "Field name must be string, got X".
func typedForm(message string) string {
	const kinds = `string|number|function|object|boolean|null|array`
	if kind, found := strings.CutPrefix(message, "Value non indexable: *jsonnet.value"); found {
		message = "a value of type " + strings.ToLower(kind) + " has no fields"
	}
	known := regexp.MustCompile(`^(?:(?:a|value|of|has|no|fields|Unexpected|type|expected|Field|name|must|be|got|` + kinds + `)(?:,? |$))+$`)
	return known.FindString(message)
}
