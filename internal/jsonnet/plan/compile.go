package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-jsonnet/ast"
)

// Of returns the plan of a template that is a function of an argument of this
// name, nil when there is none.
func Of(template ast.Node, argument string) *Plan {
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
	if p := function.Parameters[0]; string(p.Name) != argument || p.DefaultArg != nil {
		return nil
	}
	inner := outer.with(nil)
	inner.names[ast.Identifier(argument)] = &binding{value: &Plan{Kind: kindArgument}}
	planner := &planner{}
	body := planner.plan(function.Body, inner, 0)
	for ; outer != nil; outer = outer.outer {
		body = outer.around(body)
	}
	return body
}

// planner builds plans.
type planner struct {
	// nodes counts what it built, and slots the variables.
	nodes, slots int
	// deepest is the greatest depth that was met.
	deepest int
}

func (b *planner) plan(node ast.Node, s *scope, depth int) *Plan {
	b.nodes++
	if !b.enter(depth) || b.nodes > maxNodes {
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
		inner := s.with(n.Binds)
		return inner.around(b.plan(n.Body, inner, depth))
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

// enter notes that a depth is met, false for one that is too great.
func (b *planner) enter(depth int) bool {
	b.deepest = max(b.deepest, depth)
	return depth <= maxDepth
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

// constant turns an array or object of literals into a literal, which need not be
// built for each message.
func constant(p *Plan) *Plan {
	if p == nil || slices.ContainsFunc(p.Parts, func(part *Plan) bool { return part.Kind != kindLiteral }) {
		return p
	}
	if value, ok := (&run{budget: maxConstant}).eval(p); ok {
		return literal(value)
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
	return constant(b.group(kindObject, "", s, depth+1, nodes...))
}

// isNamed says whether a local is one of the template's own.
func isNamed(local ast.LocalBind) bool { return local.Variable != "$" }

func (b *planner) array(n *ast.Array, s *scope, depth int) *Plan {
	nodes := make([]ast.Node, len(n.Elements))
	for i, element := range n.Elements {
		nodes[i] = element.Expr
	}
	return constant(b.group(kindArray, "", s, depth+1, nodes...))
}

// variable plans the argument or a local. What it stands for is planned at its
// first use: that may be as deep as there is room for at the others.
func (b *planner) variable(n *ast.Var, s *scope, depth int) *Plan {
	bound, ok := s.find(n.Id)
	if !ok || bound.isBusy || !b.enter(depth+1+bound.height) {
		return nil
	}
	if bound.value != nil {
		return bound.value
	}
	bound.isBusy = true // until it is planned, it cannot be used: its value depends on itself
	deepest := b.deepest
	b.deepest = depth + 1
	value := b.plan(bound.node, bound.scope, depth+1)
	if value == nil {
		return nil
	}
	bound.isBusy = false
	bound.height = b.deepest - (depth + 1)
	b.deepest = max(b.deepest, deepest)
	bound.value = value
	if len(value.Parts) > 0 {
		bound.value = b.newVariable()
		bound.owner.locals = append(bound.owner.locals, &Plan{Kind: kindLocal, Slot: bound.value.Slot, Parts: []*Plan{value}})
	}
	return bound.value
}

func (b *planner) newVariable() *Plan {
	b.slots++
	return &Plan{Kind: kindVariable, Slot: b.slots}
}

func (b *planner) operator(spelling string, s *scope, depth int, nodes ...ast.Node) *Plan {
	if !isOperator(spelling, len(nodes)) {
		return nil
	}
	return b.group(kindOperator, spelling, s, depth, nodes...)
}

// call plans a function of the library, or writes one of the template out.
func (b *planner) call(n *ast.Apply, s *scope, depth int) *Plan {
	target, ok := (&binding{node: n.Target, scope: s}).resolve()
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
	return inner.around(b.plan(function.Body, inner, depth+callDepth))
}

func (b *planner) libraryCall(name string, arguments ast.Arguments, s *scope, depth int) *Plan {
	if len(arguments.Named) > 0 {
		return nil
	}
	nodes := make([]ast.Node, len(arguments.Positional))
	for i, argument := range arguments.Positional {
		nodes[i] = argument.Expr
	}
	if known, count := loopOf(name); known {
		if len(nodes) != count {
			return nil
		}
		return b.loop(name, nodes, s, depth)
	}
	if !library(name).takes(len(nodes)) {
		return nil
	}
	if name == "format" || name == "mod" {
		depth += formatDepth - callDepth
	}
	return b.group(kindCall, name, s, depth, nodes...)
}

// loopOf knows the functions of the library that take a function, an array, and
// std.foldl also the value to begin with.
func loopOf(name string) (known bool, arguments int) {
	switch name {
	case "map", "mapWithIndex", "filter", "flatMap", "$flatMapArray":
		return true, 2
	case "foldl":
		return true, 3
	}
	return false, 0
}

// loop plans a function of the library that calls another for each element.
func (b *planner) loop(name string, nodes []ast.Node, s *scope, depth int) *Plan {
	outside := b.deepest
	b.deepest = depth
	p := b.group(kindLoop, name, s, depth, nodes[1:]...)
	height := b.deepest - depth
	b.deepest = max(b.deepest, outside)
	target, ok := (&binding{node: nodes[0], scope: s}).resolve()
	if p == nil || !ok {
		return nil
	}
	p.Slot = b.slots + 1
	variables := []*Plan{b.newVariable(), b.newVariable()}
	if name != "mapWithIndex" && name != "foldl" {
		variables = variables[:1]
	}
	body := b.loopBody(target, variables, height, depth+1)
	if body == nil {
		return nil
	}
	p.Parts = slices.Insert(p.Parts, 1, body)
	return p
}

// loopBody plans the call of a function for an element, with these variables,
// which it takes a height of the stack to compute.
func (b *planner) loopBody(target *binding, variables []*Plan, height, depth int) *Plan {
	if name := target.library(); name != "" && library(name).takes(len(variables)) {
		if !b.enter(depth + callDepth + height) {
			return nil
		}
		return &Plan{Kind: kindCall, Name: name, Parts: variables}
	}
	function, ok := target.node.(*ast.Function)
	if !ok {
		return nil
	}
	inner := target.scope.with(nil)
	for i, parameter := range function.Parameters {
		switch {
		case i < len(variables):
			inner.names[parameter.Name] = &binding{value: variables[i], height: height}
		case parameter.DefaultArg != nil:
			inner.names[parameter.Name] = &binding{node: parameter.DefaultArg, scope: inner, owner: inner}
		default:
			return nil
		}
	}
	if len(function.Parameters) < len(variables) {
		return nil
	}
	return inner.around(b.plan(function.Body, inner, depth))
}

// scope is what the names of a template mean at one place of it.
type scope struct {
	outer *scope
	names map[ast.Identifier]*binding
	// locals are those of its names that have a value to compute, in the order in
	// which they are first used.
	locals []*Plan
}

// binding is an expression together with the scope it is written in.
type binding struct {
	node  ast.Node
	scope *scope
	// owner is the scope that the name is in.
	owner *scope
	// value is what stands for it in a plan, nil until it is used, and height how far
	// its own expression goes down.
	value  *Plan
	height int
	// isBusy is true while the expression is planned.
	isBusy bool
}

// with adds the locals of an expression, which know each other.
func (s *scope) with(binds ast.LocalBinds) *scope {
	inner := &scope{outer: s, names: make(map[ast.Identifier]*binding, len(binds))}
	for _, bind := range binds {
		inner.names[bind.Variable] = &binding{node: bind.Body, scope: inner, owner: inner}
	}
	return inner
}

// around puts the locals of a scope around the plan that uses them.
func (s *scope) around(body *Plan) *Plan {
	if body == nil || len(s.locals) == 0 {
		return body
	}
	return &Plan{Kind: kindScope, Parts: append([]*Plan{body}, s.locals...)}
}

// find returns the meaning of a name.
func (s *scope) find(name ast.Identifier) (*binding, bool) {
	for ; s != nil; s = s.outer {
		if b, ok := s.names[name]; ok {
			return b, true
		}
	}
	return nil, false
}

// resolve follows names to the expression that they stand for.
func (b *binding) resolve() (*binding, bool) {
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
func (b *binding) library() string {
	index, ok := b.node.(*ast.Index)
	if !ok {
		return ""
	}
	library, ok := index.Target.(*ast.Var)
	if !ok {
		return ""
	}
	if _, shadowed := b.scope.find(library.Id); shadowed {
		return ""
	}
	name := StdName(index)
	if strings.HasPrefix(name, "$") && library.Id != "$std" { // only comprehensions call these
		return ""
	}
	return name
}

// bind gives the parameters of a function their arguments, false when they do
// not fit.
func (b *binding) bind(function *ast.Function, arguments ast.Arguments, at *scope) (*scope, bool) {
	inner := b.scope.with(nil)
	if len(arguments.Positional) > len(function.Parameters) {
		return nil, false
	}
	for i, argument := range arguments.Positional {
		inner.names[function.Parameters[i].Name] = &binding{node: argument.Expr, scope: at, owner: inner}
	}
	for _, argument := range arguments.Named {
		if _, twice := inner.names[argument.Name]; twice {
			return nil, false
		}
		inner.names[argument.Name] = &binding{node: argument.Arg, scope: at, owner: inner}
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
		inner.names[parameter.Name] = &binding{node: parameter.DefaultArg, scope: inner, owner: inner}
	}
	return inner, given == 0
}
