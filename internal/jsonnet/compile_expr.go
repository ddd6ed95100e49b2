package jsonnet

import (
	"slices"

	"github.com/google/go-jsonnet/ast"
)

// expression plans what is computed.
func (b *planner) expression(node ast.Node, s *scope, depth int) *plan {
	switch n := node.(type) {
	case *ast.Var:
		return b.variable(n, s, depth)
	case *ast.Index:
		return b.index(n, s, depth)
	case *ast.Local:
		return b.plan(n.Body, s.with(n.Binds), depth)
	case *ast.Conditional:
		return b.group(planIf, "", s, depth, n.Cond, n.BranchTrue, n.BranchFalse)
	case *ast.Binary:
		return b.binary(n, s, depth)
	case *ast.Unary:
		return b.operator(n.Op.String(), s, depth, n.Expr)
	case *ast.Apply:
		return b.call(n, s, depth)
	default:
		return nil
	}
}

// group plans several expressions as the parts of one plan.
func (b *planner) group(kind planKind, text string, s *scope, depth int, nodes ...ast.Node) *plan {
	p := &plan{Kind: kind, Text: text}
	for _, node := range nodes {
		part := b.plan(node, s, depth)
		if part == nil {
			return nil
		}
		p.Parts = append(p.Parts, part)
	}
	return p
}

// variable plans ctx, or writes a local out.
func (b *planner) variable(n *ast.Var, s *scope, depth int) *plan {
	bound, ok := s.find(n.Id)
	switch {
	case !ok:
		return nil
	case bound.node == nil:
		return &plan{Kind: planPath}
	}
	return b.plan(bound.node, bound.scope, depth+1)
}

// index plans ctx.a, ctx["a"].b and elements of what is computed.
func (b *planner) index(n *ast.Index, s *scope, depth int) *plan {
	target, index := b.plan(n.Target, s, depth), b.plan(n.Index, s, depth)
	if target == nil || index == nil {
		return nil
	}
	if target.Kind != planPath || index.Kind != planText {
		return &plan{Kind: planIndex, Parts: []*plan{target, index}}
	}
	if len(target.Names) == maxPlanDepth {
		return nil
	}
	return &plan{Kind: planPath, Names: append(slices.Clone(target.Names), index.Text)}
}

func (b *planner) binary(n *ast.Binary, s *scope, depth int) *plan {
	p := b.operator(n.Op.String(), s, depth, n.Left, n.Right)
	if p == nil || n.Op != ast.BopPlus {
		return p
	}
	return concat(p)
}

// operator plans an operator that is known.
func (b *planner) operator(spelling string, s *scope, depth int, nodes ...ast.Node) *plan {
	if !isOperator(spelling, len(nodes)) {
		return nil
	}
	return b.group(planOperator, spelling, s, depth, nodes...)
}

// isOperator knows the operators that are not left to a worker.
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

// concat plans a + b; whether one of them is a string shows only with ctx. What
// is only placed is written without putting the string together first.
func concat(p *plan) *plan {
	placed, isText, isNested := true, false, false
	for _, operand := range p.Parts {
		switch operand.Kind {
		case planText:
			isText = true
		case planScalar, planPath, planConcat:
		case planObject, planArray, planFields:
			placed, isNested = false, true
		case planCall, planOperator, planIndex, planIf, planError:
			placed = false
		}
	}
	if isText && isNested { // the text of an object or array is left to a worker
		return nil
	}
	if placed {
		return &plan{Kind: planConcat, Parts: p.Parts}
	}
	return p
}

// call plans a function of the library, or writes one of the template out.
func (b *planner) call(n *ast.Apply, s *scope, depth int) *plan {
	target, ok := binding{node: n.Target, scope: s}.resolve()
	if !ok || n.TailStrict { // its arguments are evaluated first, and may fail
		return nil
	}
	if name := target.library(); name != "" {
		return b.libraryCall(name, n.Arguments, s, depth+callDepth)
	}
	function, ok := target.node.(*ast.Function)
	if !ok {
		return nil
	}
	inner, ok := target.bind(function, n.Arguments, s)
	if !ok {
		return nil
	}
	return b.plan(function.Body, inner, depth+callDepth)
}

func (b *planner) libraryCall(name string, arguments ast.Arguments, s *scope, depth int) *plan {
	f := planFunction(name)
	count := len(arguments.Positional)
	if f.call == nil || count < f.least || count > f.most || len(arguments.Named) > 0 {
		return nil
	}
	nodes := make([]ast.Node, count)
	for i, argument := range arguments.Positional {
		nodes[i] = argument.Expr
	}
	return b.group(planCall, name, s, depth, nodes...)
}
