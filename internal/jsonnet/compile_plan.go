package jsonnet

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/google/go-jsonnet/ast"
)

// plan is a template that places values and computes with them in simple ways:
// objects and arrays with constant keys, literals, paths into ctx, operators,
// conditions, and the functions that planFunction knows. Locals and calls of the
// template's own functions are written out where they are used. Such a
// template needs no interpreter: Go writes its result in microseconds, with
// the bytes that go-jsonnet would write. Everything that could fail or differ,
// a missing field for one, is left to a worker, which then says what is wrong.
//
// The worker makes the plan, since only it has the syntax tree.
type plan struct {
	Kind planKind `json:"kind"`
	// Text is the value of a text, the JSON spelling of a scalar, the name of a
	// function, and the spelling of an operator.
	Text string `json:"text,omitempty"`
	// Names are the sorted keys of an object, or the steps of a path.
	Names []string `json:"names,omitempty"`
	// Parts are the values of an object or array, the operands of an operator, the
	// arguments of a function, or a condition with its two branches.
	Parts []*plan `json:"parts,omitempty"`

	// fields are the fields of ctx that the plan needs, unless it needs it whole.
	fields []string
	whole  bool
}

// planKind is the form of a plan.
type planKind string

const (
	planObject planKind = "object"
	planArray  planKind = "array"
	// planText is a string literal.
	planText planKind = "text"
	// planScalar is a number, boolean or null literal.
	planScalar planKind = "scalar"
	planPath   planKind = "path"
	// planConcat is the + of two parts, one of which must turn out to be a string.
	planConcat planKind = "concat"
	// planCall is the call of a function of the standard library.
	planCall planKind = "call"
	// planOperator is an operator with one or two operands.
	planOperator planKind = "operator"
	// planIndex is an element of an array, a field of an object, or a character.
	planIndex planKind = "index"
	planIf    planKind = "if"
	// planFields is an object with computed names: names and values by turns.
	planFields planKind = "fields"
	// planError is an error expression: when it is reached, a worker says so.
	planError planKind = "error"
)

const (
	// maxPlanNodes bounds a plan; a larger template goes to a worker.
	maxPlanNodes = 2000
	// maxPlanDepth bounds the nesting of a plan and, separately, of the values
	// it places, so that the interpreter's limit on its stack is far away.
	maxPlanDepth = 32
	// planStack is the limit on the stack below which nothing is planned.
	planStack = 8 * maxPlanDepth
	// callDepth is the nesting that the call of a function counts for, since it
	// takes several frames of the interpreter's stack.
	callDepth = 4
)

// sound says whether a plan that came over the wire is complete.
func (p *plan) sound() bool {
	return p != nil && p.hasItsParts() &&
		!slices.ContainsFunc(p.Parts, func(part *plan) bool { return !part.sound() })
}

// hasItsParts says whether a plan has as many parts as its kind asks for.
func (p *plan) hasItsParts() bool {
	const branches, pair = 3, 2 // a field is a pair, too
	switch p.Kind {
	case planObject:
		return len(p.Names) == len(p.Parts)
	case planConcat, planIndex:
		return len(p.Parts) == pair
	case planFields:
		return len(p.Parts)%pair == 0
	case planIf:
		return len(p.Parts) == branches
	case planCall:
		f := planFunction(p.Text)
		return f.call != nil && len(p.Parts) >= f.least && len(p.Parts) <= f.most
	case planOperator:
		return isOperator(p.Text, len(p.Parts))
	case planArray, planText, planScalar, planPath, planError:
		return true
	}
	return false
}

// planner builds plans; nodes counts what it built.
type planner struct{ nodes int }

// planOf returns the plan of a template, nil when there is none.
func planOf(template ast.Node) *plan {
	var outer *scope
	for {
		local, ok := template.(*ast.Local)
		if !ok {
			break
		}
		outer, template = outer.with(local.Binds), local.Body
	}
	function, ok := template.(*ast.Function)
	if !ok || len(function.Parameters) != 1 {
		return nil
	}
	if p := function.Parameters[0]; p.Name != contextName || p.DefaultArg != nil {
		return nil
	}
	inner := &scope{outer: outer, names: map[ast.Identifier]binding{contextName: {}}}
	return new(planner).plan(function.Body, inner, 0)
}

func (b *planner) plan(node ast.Node, s *scope, depth int) *plan {
	b.nodes++
	if depth > maxPlanDepth || b.nodes > maxPlanNodes {
		return nil
	}
	switch n := node.(type) {
	case *ast.DesugaredObject:
		return b.object(n, s, depth)
	case *ast.Array:
		return b.array(n, s, depth)
	case *ast.LiteralString:
		return &plan{Kind: planText, Text: validText(n.Value)}
	case *ast.LiteralNumber:
		return numberPlan(n.OriginalString)
	case *ast.LiteralBoolean:
		return &plan{Kind: planScalar, Text: strconv.FormatBool(n.Value)}
	case *ast.LiteralNull:
		return &plan{Kind: planScalar, Text: "null"}
	case *ast.Error:
		return &plan{Kind: planError}
	default:
		return b.expression(n, s, depth)
	}
}

// validText is a string as the interpreter holds it: a sequence of code points.
func validText(s string) string { return string([]rune(s)) }

func numberPlan(spelling string) *plan {
	number, err := strconv.ParseFloat(spelling, 64)
	if err != nil {
		return nil
	}
	return &plan{Kind: planScalar, Text: string(appendNumber(nil, number))}
}

// object plans an object of plain fields. The only local it may have is the $
// that every outermost object has; no plan refers to it.
func (b *planner) object(n *ast.DesugaredObject, s *scope, depth int) *plan {
	if len(n.Asserts) > 0 || slices.ContainsFunc(n.Locals, isNamed) {
		return nil
	}
	fields := make([]field, 0, len(n.Fields))
	for _, f := range n.Fields {
		if f.PlusSuper || f.Hide == ast.ObjectFieldHidden {
			return nil
		}
		name, ok := f.Name.(*ast.LiteralString)
		if !ok {
			return b.computedFields(n, s, depth)
		}
		value := b.plan(f.Body, s, depth+1)
		if value == nil {
			return nil
		}
		fields = append(fields, field{validText(name.Value), value})
	}
	return objectPlan(fields)
}

// computedFields plans an object of which a name shows only with ctx.
func (b *planner) computedFields(n *ast.DesugaredObject, s *scope, depth int) *plan {
	nodes := make([]ast.Node, 0, len(n.Fields))
	for _, f := range n.Fields {
		if f.PlusSuper || f.Hide == ast.ObjectFieldHidden {
			return nil
		}
		nodes = append(nodes, f.Name, f.Body)
	}
	return b.group(planFields, "", s, depth+1, nodes...)
}

// isNamed says whether a local is one of the template's own.
func isNamed(local ast.LocalBind) bool { return local.Variable != "$" }

// field is one key of an object with its value.
type field struct {
	name  string
	value *plan
}

// objectPlan sorts the fields as the interpreter does; a duplicate is left to
// its error.
func objectPlan(fields []field) *plan {
	slices.SortFunc(fields, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	p := &plan{Kind: planObject}
	for i, f := range fields {
		if i > 0 && fields[i-1].name == f.name {
			return nil
		}
		p.Names = append(p.Names, f.name)
		p.Parts = append(p.Parts, f.value)
	}
	return p
}

func (b *planner) array(n *ast.Array, s *scope, depth int) *plan {
	p := &plan{Kind: planArray}
	for _, element := range n.Elements {
		value := b.plan(element.Expr, s, depth+1)
		if value == nil {
			return nil
		}
		p.Parts = append(p.Parts, value)
	}
	return p
}
