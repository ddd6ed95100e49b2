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

// Argument is the name of the argument through which a template gets its message.
const Argument = "ctx"

// Plan is one expression of a template. It travels as JSON from the process that
// has the syntax tree to the one that runs it.
//
// Locals and calls of the template's own functions are written out where they
// are used.
type Plan struct {
	Kind kind `json:"kind"`
	// Name is a function of the standard library, or the spelling of an operator.
	Name string `json:"name,omitempty"`
	// Value is that of a literal.
	Value any `json:"value,omitempty"`
	// Parts are the elements of an array, the names and values of an object by
	// turns, the target and the index, the operands, the arguments, or a condition
	// with its two branches.
	Parts []*Plan `json:"parts,omitempty"`

	call callFunc
}

// kind is the form of an expression.
type kind string

const (
	kindContext  kind = "ctx"
	kindLiteral  kind = "literal"
	kindArray    kind = "array"
	kindObject   kind = "object"
	kindIndex    kind = "index"
	kindOperator kind = "operator"
	kindCall     kind = "call"
	kindIf       kind = "if"
	// kindError is an error expression: where it is evaluated, the interpreter
	// has to.
	kindError kind = "error"
)

const (
	// maxNodes bounds a plan; a larger template is left to the interpreter.
	maxNodes = 2000
	// maxDepth bounds the nesting of a plan and, separately, of the value it
	// gives, so that the interpreter's limit on its stack is far away.
	maxDepth = 32
	// callDepth is the nesting that the call of a function counts for, since it
	// takes several frames of the interpreter's stack.
	callDepth = 4
	// LeastStack is the limit on the interpreter's stack below which a plan might
	// give a value where the interpreter gives up.
	LeastStack = 8 * maxDepth
)

// Prepare makes a plan that came as JSON ready to run. It is false for one that
// is not complete.
func (p *Plan) Prepare() bool {
	if p == nil || !p.isComplete() {
		return false
	}
	return !slices.ContainsFunc(p.Parts, func(part *Plan) bool { return !part.Prepare() })
}

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
	case kindContext, kindLiteral, kindArray, kindError:
		return true
	}
	return false
}

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
