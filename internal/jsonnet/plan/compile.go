package plan

import (
	"slices"
	"strconv"

	"github.com/google/go-jsonnet/ast"
)

// Of returns the plan of a template, nil when there is none.
func Of(template ast.Node) *Plan {
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
	if p := function.Parameters[0]; p.Name != Argument || p.DefaultArg != nil {
		return nil
	}
	inner := &scope{outer: outer, names: map[ast.Identifier]binding{Argument: {}}}
	return new(planner).plan(function.Body, inner, 0)
}

// planner builds plans; nodes counts what it built.
type planner struct{ nodes int }

func (b *planner) plan(node ast.Node, s *scope, depth int) *Plan {
	b.nodes++
	if depth > maxDepth || b.nodes > maxNodes {
		return nil
	}
	switch n := node.(type) {
	case *ast.LiteralString:
		return literal(validText(n.Value))
	case *ast.LiteralNumber:
		number, err := strconv.ParseFloat(n.OriginalString, 64)
		if err != nil {
			return nil
		}
		return literal(number)
	case *ast.LiteralBoolean:
		return literal(n.Value)
	case *ast.LiteralNull:
		return literal(nil)
	case *ast.DesugaredObject:
		return b.object(n, s, depth)
	case *ast.Array:
		return b.array(n, s, depth)
	case *ast.Var:
		return b.variable(n, s, depth)
	case *ast.Index:
		return b.group(kindIndex, "", s, depth, n.Target, n.Index)
	case *ast.Local:
		return b.plan(n.Body, s.with(n.Binds), depth)
	case *ast.Conditional:
		return b.group(kindIf, "", s, depth, n.Cond, n.BranchTrue, n.BranchFalse)
	case *ast.Binary:
		return b.operator(n.Op.String(), s, depth, n.Left, n.Right)
	case *ast.Unary:
		return b.operator(n.Op.String(), s, depth, n.Expr)
	case *ast.Apply:
		return b.call(n, s, depth)
	case *ast.Error:
		return &Plan{Kind: kindError}
	default:
		return nil
	}
}

func literal(value any) *Plan { return &Plan{Kind: kindLiteral, Value: value} }

// validText is a string as the interpreter holds it: a sequence of code points.
func validText(s string) string { return string([]rune(s)) }

// group plans several expressions as the parts of one plan.
func (b *planner) group(kind kind, name string, s *scope, depth int, nodes ...ast.Node) *Plan {
	p := &Plan{Kind: kind, Name: name}
	for _, node := range nodes {
		part := b.plan(node, s, depth)
		if part == nil {
			return nil
		}
		p.Parts = append(p.Parts, part)
	}
	return p
}

// object plans an object of plain fields. The only local it may have is the $
// that every outermost object has; no plan refers to it.
func (b *planner) object(n *ast.DesugaredObject, s *scope, depth int) *Plan {
	if len(n.Asserts) > 0 || slices.ContainsFunc(n.Locals, isNamed) {
		return nil
	}
	nodes := make([]ast.Node, 0, 2*len(n.Fields))
	for _, f := range n.Fields {
		if f.PlusSuper || f.Hide == ast.ObjectFieldHidden {
			return nil
		}
		nodes = append(nodes, f.Name, f.Body)
	}
	return b.group(kindObject, "", s, depth+1, nodes...)
}

// isNamed says whether a local is one of the template's own.
func isNamed(local ast.LocalBind) bool { return local.Variable != "$" }

func (b *planner) array(n *ast.Array, s *scope, depth int) *Plan {
	nodes := make([]ast.Node, len(n.Elements))
	for i, element := range n.Elements {
		nodes[i] = element.Expr
	}
	return b.group(kindArray, "", s, depth+1, nodes...)
}

// variable plans ctx, or writes a local out.
func (b *planner) variable(n *ast.Var, s *scope, depth int) *Plan {
	bound, ok := s.find(n.Id)
	switch {
	case !ok:
		return nil
	case bound.node == nil:
		return &Plan{Kind: kindContext}
	}
	return b.plan(bound.node, bound.scope, depth+1)
}

func (b *planner) operator(spelling string, s *scope, depth int, nodes ...ast.Node) *Plan {
	if !isOperator(spelling, len(nodes)) {
		return nil
	}
	return b.group(kindOperator, spelling, s, depth, nodes...)
}

// call plans a function of the library, or writes one of the template out.
func (b *planner) call(n *ast.Apply, s *scope, depth int) *Plan {
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

func (b *planner) libraryCall(name string, arguments ast.Arguments, s *scope, depth int) *Plan {
	if !library(name).takes(len(arguments.Positional)) || len(arguments.Named) > 0 {
		return nil
	}
	nodes := make([]ast.Node, len(arguments.Positional))
	for i, argument := range arguments.Positional {
		nodes[i] = argument.Expr
	}
	return b.group(kindCall, name, s, depth, nodes...)
}

// scope is what the names of a template mean at one place of it.
type scope struct {
	outer *scope
	names map[ast.Identifier]binding
}

// binding is an expression together with the scope it is written in. Without an
// expression it is ctx.
type binding struct {
	node  ast.Node
	scope *scope
}

// with adds the locals of an expression, which know each other.
func (s *scope) with(binds ast.LocalBinds) *scope {
	inner := &scope{outer: s, names: make(map[ast.Identifier]binding, len(binds))}
	for _, bind := range binds {
		inner.names[bind.Variable] = binding{node: bind.Body, scope: inner}
	}
	return inner
}

// find returns the meaning of a name.
func (s *scope) find(name ast.Identifier) (binding, bool) {
	for ; s != nil; s = s.outer {
		if b, ok := s.names[name]; ok {
			return b, true
		}
	}
	return binding{}, false
}

// resolve follows names to the expression that they stand for.
func (b binding) resolve() (binding, bool) {
	for range maxDepth {
		name, ok := b.node.(*ast.Var)
		if !ok {
			return b, b.node != nil
		}
		next, found := b.scope.find(name.Id)
		if !found {
			return b, false
		}
		b = next
	}
	return b, false
}

// library returns NAME when the expression is std.NAME and std is the library.
func (b binding) library() string {
	index, ok := b.node.(*ast.Index)
	if !ok {
		return ""
	}
	if library, ok := index.Target.(*ast.Var); ok {
		if _, shadowed := b.scope.find(library.Id); shadowed {
			return ""
		}
	}
	return StdName(index)
}

// bind gives the parameters of a function their arguments, false when they do
// not fit.
func (b binding) bind(function *ast.Function, arguments ast.Arguments, at *scope) (*scope, bool) {
	inner := &scope{outer: b.scope, names: make(map[ast.Identifier]binding, len(function.Parameters))}
	if len(arguments.Positional) > len(function.Parameters) {
		return nil, false
	}
	for i, argument := range arguments.Positional {
		inner.names[function.Parameters[i].Name] = binding{node: argument.Expr, scope: at}
	}
	for _, argument := range arguments.Named {
		if _, twice := inner.names[argument.Name]; twice {
			return nil, false
		}
		inner.names[argument.Name] = binding{node: argument.Arg, scope: at}
	}
	given := len(inner.names)
	for _, parameter := range function.Parameters {
		if _, has := inner.names[parameter.Name]; has {
			given--
			continue
		}
		if parameter.DefaultArg == nil {
			return nil, false
		}
		inner.names[parameter.Name] = binding{node: parameter.DefaultArg, scope: inner}
	}
	return inner, given == 0
}
