package jsonnet

import (
	"errors"
	"slices"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// The text of a go-jsonnet error can hold values of the message: `error ctx.body`
// is one, std.parseInt(ctx.code) another. describe therefore never passes a
// text on. It rebuilds it from the template: an `error` expression gives its
// literal parts with … for the rest, a message of the interpreter is kept when
// it is of a known form, a name in it when it stands in the template.

// maxQuote bounds, in bytes, a name or literal quoted in a fault.
const maxQuote = 100

// wordSet holds every literal and name of a template.
type wordSet map[string]struct{}

// callSites gives, by place, the static description of what can fail there.
type callSites map[ast.Location]string

// withheld replaces what may hold message data.
const withheld = "(text withheld, it may hold message data)"

// note collects the words of one node, and its description when it is an
// `error` or the call of a std function.
func (t *loaded) note(node ast.Node) {
	switch n := node.(type) {
	case *ast.LiteralString:
		t.words[n.Value] = struct{}{}
	case *ast.Function:
		for _, parameter := range n.Parameters {
			t.words[string(parameter.Name)] = struct{}{}
		}
	case *ast.Error:
		t.describeAt(n.Loc(), "error: "+errorText(n.Expr))
	case *ast.Apply:
		if name := stdName(n.Target); name != "" {
			t.describeAt(n.Loc(), "std."+name+" failed "+withheld)
		}
	default: // holds no word of its own
	}
}

func (t *loaded) describeAt(at *ast.LocationRange, text string) {
	if _, taken := t.calls[at.Begin]; !taken && at.IsSet() {
		t.calls[at.Begin] = clip(text, maxFault)
	}
}

// stdName returns NAME when the node is std.NAME.
func stdName(node ast.Node) string {
	index, ok := node.(*ast.Index)
	if !ok {
		return ""
	}
	library, ok := index.Target.(*ast.Var)
	if !ok || (library.Id != "std" && library.Id != "$std") {
		return ""
	}
	if name, ok := index.Index.(*ast.LiteralString); ok {
		return name.Value
	}
	return ""
}

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
		if name := stdName(n.Target); (name == "mod" || name == "format") && len(n.Arguments.Positional) > 0 {
			return errorText(n.Arguments.Positional[0].Expr)
		}
	default: // not a literal
	}
	return "…"
}

// failure turns an error of an evaluation into a reply without message data.
func (t *loaded) failure(err error) reply {
	var runtime jsonnet.RuntimeError
	if !errors.As(err, &runtime) {
		return faultReply(fault{Message: "the Jsonnet interpreter failed " + withheld})
	}
	if strings.HasPrefix(runtime.Msg, "cancel") {
		return reply{outcome: outcomeCanceled}
	}
	return faultReply(t.describe(runtime))
}

// describe rebuilds the text of a runtime error, see above.
func (t *loaded) describe(err jsonnet.RuntimeError) fault {
	at, innermost := position(err.StackTrace)
	f := fault{Line: at.Line, Column: at.Column}
	site, known := t.calls[at]
	switch {
	case known && innermost && strings.HasPrefix(site, "error: "):
		f.Message = site
	case t.plain(err.Msg) != "":
		f.Message = clip(t.plain(err.Msg), maxFault)
	case known:
		f.Message = site
	default:
		f.Message = "evaluation failed " + withheld
	}
	return f
}

// position returns the innermost place inside the template, and whether it is
// the innermost place of all.
func position(trace []jsonnet.TraceFrame) (at ast.Location, innermost bool) {
	for i, frame := range slices.Backward(trace) {
		place := frame.Loc
		if place.IsSet() && place.File != nil && place.File.DiagnosticFileName == templateFile {
			return place.Begin, i == len(trace)-1
		}
	}
	return ast.Location{}, false
}
