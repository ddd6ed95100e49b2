// Package plan runs the templates that need no interpreter. A template that
// places values and computes with them in common ways is compiled once to a Plan,
// which Go runs in microseconds where the interpreter takes hundreds.
//
// A plan gives exactly the value that go-jsonnet gives, or says that it does not
// know: whatever could fail or differ, a missing field for one, is left to the
// interpreter, which then says what is wrong. It runs in the courier's own
// process, so its work is bounded by a budget.
package plan

import (
	"slices"

	"github.com/google/go-jsonnet/ast"
)

// Plan is one expression of a template. It travels as JSON from the process that
// has the syntax tree to the one that runs it.
//
// Calls of the template's own functions are written out where they are made; what
// a local or a parameter stands for is computed once, where it is first used.
type Plan struct {
	Kind kind `json:"kind"`
	// Name is a function of the standard library, or the spelling of an operator.
	Name string `json:"name,omitempty"`
	// Value is that of a literal.
	Value any `json:"value,omitempty"`
	// Slot is where the value of a variable is kept during a run, counted from 1. That
	// of a loop is the first of those it sets for each element.
	Slot int `json:"slot,omitempty"`
	// Parts are the elements of an array, the names and values of an object by
	// turns, the target and the index, the operands, the arguments, a condition
	// with its two branches, an expression followed by the locals it is in the scope
	// of, or the array, the body and the beginning of a loop.
	Parts []*Plan `json:"parts,omitempty"`

	call callFunc
	// slots is how many a whole plan has.
	slots int
}

// kind is the form of an expression.
type kind string

const (
	// kindArgument is what the template is called with.
	kindArgument kind = "argument"
	kindLiteral  kind = "literal"
	kindArray    kind = "array"
	kindObject   kind = "object"
	kindIndex    kind = "index"
	kindOperator kind = "operator"
	kindCall     kind = "call"
	kindIf       kind = "if"
	kindVariable kind = "variable"
	kindScope    kind = "scope"
	// kindLocal is a local of a scope.
	kindLocal kind = "local"
	// kindLoop is a function of the library that calls one of the template's for each
	// element of an array.
	kindLoop kind = "loop"
	// kindError is an error expression: where it is evaluated, the interpreter
	// has to.
	kindError kind = "error"
)

const (
	// maxNodes bounds a plan; a larger template is left to the interpreter.
	maxNodes = 2000
	// maxDepth bounds the nesting of a plan, so that the interpreter's limit on its
	// stack is far away.
	maxDepth = 112
	// maxNesting bounds, for the same reason, that of the value it gives.
	maxNesting = 32
	// callDepth is the nesting that the call of a function counts for, since it
	// takes several frames of the interpreter's stack.
	callDepth = 4
	// formatDepth is that of a format, which the interpreter reads by recursion.
	formatDepth = 8
	// LeastStack is the limit on the interpreter's stack below which a plan might
	// give a value where the interpreter gives up.
	LeastStack = 4 * maxDepth
)

// Prepare makes a plan that came as JSON ready to run. It is false for one that
// is not complete.
func (p *Plan) Prepare() bool {
	if p == nil || !p.isComplete() {
		return false
	}
	if p.Slot > 0 {
		p.slots = p.Slot + loopSlots
	}
	for _, part := range p.Parts {
		if !part.Prepare() {
			return false
		}
		p.slots = max(p.slots, part.slots)
	}
	return true
}

// loopSlots is how many slots a loop sets at most.
const loopSlots = 2

// isComplete says whether a plan has as many parts as its kind asks for, and
// finds its function.
func (p *Plan) isComplete() bool {
	const branches, pair = 3, 2
	switch p.Kind {
	case kindObject:
		return len(p.Parts)%pair == 0
	case kindIndex:
		return len(p.Parts) == pair
	case kindIf:
		return len(p.Parts) == branches
	case kindOperator:
		return isOperator(p.Name, len(p.Parts))
	case kindCall:
		f := library(p.Name)
		p.call = f.call
		return f.takes(len(p.Parts))
	case kindVariable:
		return p.hasSlot()
	case kindScope:
		isLocal := func(part *Plan) bool { return part != nil && part.Kind == kindLocal }
		return len(p.Parts) > 0 && !slices.ContainsFunc(p.Parts[1:], func(part *Plan) bool { return !isLocal(part) })
	case kindLocal:
		return p.hasSlot() && len(p.Parts) == 1
	case kindLoop:
		known, arguments := loopOf(p.Name)
		return known && p.hasSlot() && len(p.Parts) == arguments
	case kindArgument, kindLiteral, kindArray, kindError:
		return true
	}
	return false
}

func (p *Plan) hasSlot() bool { return 0 < p.Slot && p.Slot <= maxNodes }

// isOperator knows the operators that are not left to the interpreter.
func isOperator(spelling string, operands int) bool {
	const one, two = 1, 2
	switch spelling {
	case "!":
		return operands == one
	case "-":
		return operands == one || operands == two
	case "+", "*", "/", "<", "<=", ">", ">=", "==", "!=", "&&", "||":
		return operands == two
	}
	return false
}

// StdName returns NAME when the expression is std.NAME, whatever std is there.
func StdName(node ast.Node) string {
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
