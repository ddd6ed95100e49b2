package jsonnet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"
)

// templateFile is the file name of a template inside go-jsonnet: empty, as for
// the anonymous snippets of Ory Kratos, so that std.thisFile is the same.
const templateFile = ""

// parse turns a template into a checked syntax tree. It runs in a worker, since
// deep nesting can exhaust the stack.
func parse(source string) (*loaded, error) {
	node, err := parseTree(source)
	if err != nil {
		return nil, err
	}
	t := &loaded{node: node, combinable: isFunction(node), words: wordSet{}, calls: callSites{}}
	if err := t.inspect(node); err != nil {
		return nil, err
	}
	t.fields, t.whole = fieldsRead(node, nil)
	return t, nil
}

// fieldsRead adds the fields of ctx that an expression reads. The answer is true
// when it does anything with ctx but read a field that it names: then any field
// may matter. Another variable that is called ctx does no harm.
func fieldsRead(node ast.Node, fields []string) (read []string, whole bool) {
	if variable, ok := node.(*ast.Var); ok {
		return fields, variable.Id == contextName
	}
	if index, ok := node.(*ast.Index); ok {
		variable, ofVariable := index.Target.(*ast.Var)
		name, named := index.Index.(*ast.LiteralString)
		if ofVariable && named && variable.Id == contextName {
			return append(fields, validText(name.Value)), false
		}
	}
	for _, child := range children(node) {
		var all bool
		fields, all = fieldsRead(child, fields)
		whole = whole || all
	}
	return fields, whole
}

// parseTree contains a panic of the parser.
func parseTree(source string) (node ast.Node, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the Jsonnet parser cannot read this template")
		}
	}()
	return jsonnet.SnippetToAST(templateFile, source)
}

// isFunction says whether a template is a function whatever it is given.
func isFunction(node ast.Node) bool {
	for {
		switch n := node.(type) {
		case *ast.Function:
			return true
		case *ast.Local:
			node = n.Body
		default:
			return false
		}
	}
}

// staticError is an error of a template with its place.
type staticError struct {
	at      ast.LocationRange
	message string
}

// Error implements error.
func (e *staticError) Error() string { return e.message }

// Loc returns the place, as the static errors of go-jsonnet do.
func (e *staticError) Loc() ast.LocationRange { return e.at }

// inspect walks the tree once: it refuses imports and collects what error
// messages may quote.
func (t *loaded) inspect(node ast.Node) error {
	switch n := node.(type) {
	case *ast.Import:
		return importError(n.Loc(), "import", n.File.Value)
	case *ast.ImportStr:
		return importError(n.Loc(), "importstr", n.File.Value)
	case *ast.ImportBin:
		return importError(n.Loc(), "importbin", n.File.Value)
	default:
		t.note(node)
	}
	for _, child := range children(node) {
		if err := t.inspect(child); err != nil {
			return err
		}
	}
	return nil
}

// children returns the children of a node; toolutils leaves out the assertions
// of an object.
func children(node ast.Node) []ast.Node {
	nodes := toolutils.Children(node)
	if object, ok := node.(*ast.DesugaredObject); ok {
		nodes = append(nodes, object.Asserts...)
	}
	return nodes
}

func importError(at *ast.LocationRange, keyword, file string) error {
	return &staticError{at: *at, message: fmt.Sprintf(
		"%s %q: imports are not available in request templates, put the code into the template itself", keyword, clip(file, maxQuote))}
}

// maxFault bounds, in bytes, the text of a fault.
const maxFault = 300

// staticFault describes an error of parse. The text speaks of the template
// alone; a quoted token is shortened.
func staticFault(err error) fault {
	var located interface{ Loc() ast.LocationRange }
	message := err.Error()
	if !errors.As(err, &located) {
		return fault{Message: clip(message, maxFault)}
	}
	at := located.Loc()
	for at.IsSet() && strings.HasPrefix(message, at.String()) { // bad escapes carry it twice
		message = strings.TrimSpace(strings.TrimPrefix(message, at.String()))
	}
	message = strings.TrimSpace(message)
	return fault{Line: at.Begin.Line, Column: at.Begin.Column, Message: clip(message, maxFault)}
}
