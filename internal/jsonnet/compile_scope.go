package jsonnet

import (
	"github.com/google/go-jsonnet/ast"
)

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
	for range maxPlanDepth {
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
	return stdName(index)
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
