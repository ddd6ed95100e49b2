package jsonnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/google/go-jsonnet/ast"
)

// contextName is the argument through which a template receives its message.
const contextName = "ctx"

// errDocument says that ctx is not one JSON document; it quotes nothing of it.
var errDocument = errors.New("ctx is not a JSON document")

// documentNode turns a JSON document into the syntax tree that Jsonnet would
// build from it, without the fields that the template does not read. It reads
// JSON alone: Ory Kratos passes the document as Jsonnet code (TLACode), where
// what is not JSON would be executed.
func (t *loaded) documentNode(document []byte) (ast.Node, error) {
	decode := decodeDocument
	if !t.whole {
		decode = func(document []byte) (any, error) { return decodeFields(document, t.fields) }
	}
	value, err := decode(document)
	if err != nil {
		return nil, err
	}
	return valueNode(value), nil
}

// decodeDocument reads one JSON document; numbers keep their spelling.
func decodeDocument(document []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, errDocument
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errDocument
	}
	return value, nil
}

// valueNode builds the tree of a decoded JSON value.
func valueNode(value any) ast.Node {
	switch value := value.(type) {
	case map[string]any:
		return objectNode(value)
	case []any:
		array := &ast.Array{Elements: make([]ast.CommaSeparatedExpr, len(value))}
		for i, element := range value {
			array.Elements[i].Expr = valueNode(element)
		}
		return array
	case string:
		return &ast.LiteralString{Value: value, Kind: ast.StringDouble}
	case json.Number:
		return &ast.LiteralNumber{OriginalString: value.String()}
	case bool:
		return &ast.LiteralBoolean{Value: value}
	default:
		return &ast.LiteralNull{}
	}
}

func objectNode(fields map[string]any) ast.Node {
	object := &ast.DesugaredObject{Fields: make(ast.DesugaredObjectFields, 0, len(fields))}
	for name, value := range fields {
		object.Fields = append(object.Fields, ast.DesugaredObjectField{
			Name: &ast.LiteralString{Value: name, Kind: ast.StringDouble},
			Hide: ast.ObjectFieldInherit,
			Body: valueNode(value),
		})
	}
	return object
}
