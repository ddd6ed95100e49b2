package jsonnet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"

	"courier/internal/jsonnet/plan"
)

// templateFile is the file name of a template inside go-jsonnet: empty, as for
// the anonymous snippets of Ory Kratos, so that std.thisFile is the same.
const templateFile = ""

// loaded is a template that a worker has parsed, with what its errors may quote.
type loaded struct {
	node ast.Node
	// argument is the name of the one that the template is called with.
	argument string
	// function is where the template's function begins, and body where its result is
	// written.
	function, body place
	// words holds every literal and name of the template.
	words map[string]struct{}
	// calls says, by place, what can fail there.
	calls map[place]string
	// fields are the places that read a field by its name, in their order.
	fields []fieldAccess
}

// fieldAccess is the reading of a field by its name.
type fieldAccess struct {
	at place
	// object is what the field is read from, as it is written; empty for an
	// expression that is no path.
	object string
	field  string
}

// parse turns a template into a checked syntax tree. It runs in a worker, since
// deep nesting can exhaust the stack.
func parse(argument, source string) (*loaded, *fault) {
	node, err := parseTree(source)
	if err != nil {
		return nil, staticFault(err)
	}
	t := &loaded{node: node, argument: argument, words: map[string]struct{}{}, calls: map[place]string{}}
	if refused := t.inspect(node); refused != nil {
		return nil, refused
	}
	slices.SortStableFunc(t.fields, func(a, b fieldAccess) int { return a.at.compare(b.at) })
	t.locate()
	return t, nil
}

// locate finds the function of the template and its result.
func (t *loaded) locate() {
	for node := t.node; ; {
		t.body = placeOf(node)
		switch n := node.(type) {
		case *ast.Local:
			node = n.Body
		case *ast.Function:
			if t.function == (place{}) {
				t.function = t.body
			}
			node = n.Body
		default:
			return
		}
	}
}

// compare orders places as they are read.
func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}

func placeOf(node ast.Node) place {
	if at := node.Loc(); at != nil {
		return place{Line: at.Begin.Line, Column: at.Begin.Column}
	}
	return place{}
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

// fieldsRead adds the fields of the argument that an expression reads. The answer is
// true when it does anything with the argument but read a field that it names: then
// any field may matter. Another variable of that name does no harm.
func fieldsRead(node ast.Node, argument string, fields []string) (read []string, whole bool) {
	if variable, ok := node.(*ast.Var); ok {
		return fields, string(variable.Id) == argument
	}
	if index, ok := node.(*ast.Index); ok {
		variable, ofVariable := index.Target.(*ast.Var)
		name, named := index.Index.(*ast.LiteralString)
		if ofVariable && named && string(variable.Id) == argument {
			return append(fields, string([]rune(name.Value))), false
		}
	}
	for _, child := range children(node) {
		var all bool
		fields, all = fieldsRead(child, argument, fields)
		whole = whole || all
	}
	return fields, whole
}

// inspect walks the tree once: it refuses imports and collects what error
// messages may quote.
func (t *loaded) inspect(node ast.Node) *fault {
	switch n := node.(type) {
	case *ast.Import:
		return importFault(n, "import", n.File.Value)
	case *ast.ImportStr:
		return importFault(n, "importstr", n.File.Value)
	case *ast.ImportBin:
		return importFault(n, "importbin", n.File.Value)
	case *ast.LiteralString:
		t.words[n.Value] = struct{}{}
	case *ast.Function:
		for _, parameter := range n.Parameters {
			t.words[string(parameter.Name)] = struct{}{}
		}
	case *ast.Error:
		t.describeAt(n, errorPrefix+errorText(n.Expr))
	case *ast.Apply:
		if name := plan.StdName(n.Target); name != "" {
			t.describeAt(n, "std."+name+" failed "+withheld)
		}
	case *ast.Index:
		if name, ok := n.Index.(*ast.LiteralString); ok {
			t.fields = append(t.fields, fieldAccess{at: placeOf(n), object: pathText(n.Target), field: name.Value})
		}
	default: // holds no word of its own
	}
	for _, child := range children(node) {
		if refused := t.inspect(child); refused != nil {
			return refused
		}
	}
	return nil
}

func (t *loaded) describeAt(node ast.Node, text string) {
	at := placeOf(node)
	if _, taken := t.calls[at]; !taken && at != (place{}) {
		t.calls[at] = clip(text, maxFault)
	}
}

// pathText spells an expression such as ctx.template_data, empty for any other.
func pathText(node ast.Node) string {
	switch n := node.(type) {
	case *ast.Var:
		return strings.TrimPrefix(string(n.Id), "$")
	case *ast.Index:
		name, named := n.Index.(*ast.LiteralString)
		if path := pathText(n.Target); named && path != "" {
			return path + "." + name.Value
		}
	default: // is no path
	}
	return ""
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

func importFault(node ast.Node, keyword, file string) *fault {
	return &fault{place: placeOf(node), Static: true, Message: fmt.Sprintf(
		"%s %q: imports are not available in templates, put the code into the template itself", keyword, clip(file, maxQuote))}
}

// maxFault bounds, in bytes, the text of a fault.
const maxFault = 300

// staticFault describes an error of the parser. The text speaks of the template
// alone; a quoted token is shortened.
func staticFault(err error) *fault {
	var located interface{ Loc() ast.LocationRange }
	message := err.Error()
	if !errors.As(err, &located) {
		return &fault{Static: true, Message: clip(message, maxFault)}
	}
	at := located.Loc()
	for at.IsSet() && strings.HasPrefix(message, at.String()) { // bad escapes carry it twice
		message = strings.TrimSpace(strings.TrimPrefix(message, at.String()))
	}
	return &fault{
		place:  place{Line: at.Begin.Line, Column: at.Begin.Column},
		Static: true, Message: clip(strings.TrimSpace(message), maxFault),
	}
}
