package jsonnet

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/google/go-jsonnet/ast"
)

// plan is a template that only places values: objects and arrays with constant
// keys, literals, paths into ctx, and strings put together with +. Such a
// template needs no interpreter: Go writes its result in a microsecond, with
// the bytes that go-jsonnet would write. Everything that could fail or differ,
// a missing field for one, is left to a worker, which then says what is wrong.
//
// The worker makes the plan, since only it has the syntax tree.
type plan struct {
	Kind planKind `json:"kind"`
	// Text is the value of a text, and the JSON spelling of a scalar.
	Text string `json:"text,omitempty"`
	// Names are the sorted keys of an object, or the steps of a path.
	Names []string `json:"names,omitempty"`
	// Parts are the values of an object or array, or the operands of a concatenation.
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
)

const (
	// maxPlanNodes bounds a plan; a larger template goes to a worker.
	maxPlanNodes = 2000
	// maxPlanDepth bounds the nesting of a plan and, separately, of the values
	// it places, so that the interpreter's limit on its stack is far away.
	maxPlanDepth = 32
	// planStack is the limit on the stack below which nothing is planned.
	planStack = 8 * maxPlanDepth
)

// sound says whether a plan that came over the wire is complete.
func (p *plan) sound() bool {
	if p == nil || p.Kind == planObject && len(p.Names) != len(p.Parts) || p.Kind == planConcat && len(p.Parts) != 2 {
		return false
	}
	for _, part := range p.Parts {
		if !part.sound() {
			return false
		}
	}
	return true
}

// planner builds plans; nodes counts what it built.
type planner struct{ nodes int }

// planOf returns the plan of a template, nil when there is none.
func planOf(template ast.Node) *plan {
	function, ok := template.(*ast.Function)
	if !ok || len(function.Parameters) != 1 {
		return nil
	}
	if p := function.Parameters[0]; p.Name != contextName || p.DefaultArg != nil {
		return nil
	}
	return new(planner).plan(function.Body, 0)
}

func (b *planner) plan(node ast.Node, depth int) *plan {
	b.nodes++
	if depth > maxPlanDepth || b.nodes > maxPlanNodes {
		return nil
	}
	switch n := node.(type) {
	case *ast.DesugaredObject:
		return b.object(n, depth)
	case *ast.Array:
		return b.array(n, depth)
	case *ast.LiteralString:
		return &plan{Kind: planText, Text: validText(n.Value)}
	case *ast.LiteralNumber:
		return numberPlan(n.OriginalString)
	case *ast.LiteralBoolean:
		return &plan{Kind: planScalar, Text: strconv.FormatBool(n.Value)}
	case *ast.LiteralNull:
		return &plan{Kind: planScalar, Text: "null"}
	case *ast.Index, *ast.Var:
		return b.path(n)
	case *ast.Binary:
		return b.concat(n, depth)
	default:
		return nil
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
func (b *planner) object(n *ast.DesugaredObject, depth int) *plan {
	if len(n.Asserts) > 0 || slices.ContainsFunc(n.Locals, isNamed) {
		return nil
	}
	fields := make([]field, 0, len(n.Fields))
	for _, f := range n.Fields {
		name, ok := f.Name.(*ast.LiteralString)
		if !ok || f.PlusSuper || f.Hide == ast.ObjectFieldHidden {
			return nil
		}
		value := b.plan(f.Body, depth+1)
		if value == nil {
			return nil
		}
		fields = append(fields, field{validText(name.Value), value})
	}
	return objectPlan(fields)
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

func (b *planner) array(n *ast.Array, depth int) *plan {
	p := &plan{Kind: planArray}
	for _, element := range n.Elements {
		value := b.plan(element.Expr, depth+1)
		if value == nil {
			return nil
		}
		p.Parts = append(p.Parts, value)
	}
	return p
}

// path plans ctx, ctx.a, ctx["a"].b and so on.
func (b *planner) path(node ast.Node) *plan {
	p := &plan{Kind: planPath}
	for {
		switch n := node.(type) {
		case *ast.Var:
			if n.Id != contextName {
				return nil
			}
			slices.Reverse(p.Names)
			return p
		case *ast.Index:
			name, ok := n.Index.(*ast.LiteralString)
			if !ok || len(p.Names) == maxPlanDepth {
				return nil
			}
			p.Names = append(p.Names, validText(name.Value))
			node = n.Target
		default:
			return nil
		}
	}
}

// concat plans a + b. Operands are anything but objects and arrays; whether one
// of them is a string shows only with ctx.
func (b *planner) concat(n *ast.Binary, depth int) *plan {
	if n.Op != ast.BopPlus {
		return nil
	}
	left, right := b.plan(n.Left, depth), b.plan(n.Right, depth)
	if left == nil || right == nil {
		return nil
	}
	for _, operand := range []*plan{left, right} {
		if operand.Kind == planObject || operand.Kind == planArray {
			return nil
		}
	}
	return &plan{Kind: planConcat, Parts: []*plan{left, right}}
}
