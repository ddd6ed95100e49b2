package courier_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"courier"
)

// declared returns the string constants of a type in a file of this package,
// in the order in which they are written.
func declared(t *testing.T, file, typeName string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %s: %v", file, err)
	}
	var values []string
	for _, declaration := range parsed.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.CONST {
			continue
		}
		for _, spec := range general.Specs {
			values = append(values, constantsOf(t, spec, typeName)...)
		}
	}
	return values
}

func constantsOf(t *testing.T, spec ast.Spec, typeName string) []string {
	t.Helper()
	value, ok := spec.(*ast.ValueSpec)
	if !ok {
		return nil
	}
	if name, isName := value.Type.(*ast.Ident); !isName || name.Name != typeName {
		return nil
	}
	var texts []string
	for _, expression := range value.Values {
		literal, isLiteral := expression.(*ast.BasicLit)
		if !isLiteral {
			t.Fatalf("constant %s is not a literal", value.Names[0])
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatalf("constant %s: %v", value.Names[0], err)
		}
		texts = append(texts, text)
	}
	return texts
}

// texts turns the values of a closed set into strings.
func texts[T ~string](values []T) []string {
	var out []string
	for _, value := range values {
		out = append(out, string(value))
	}
	return out
}

// Each function that returns a closed set returns every constant of its type,
// in order and once.
func TestClosedSets(t *testing.T) {
	t.Parallel()
	sets := []struct {
		file, typeName string
		got            []string
	}{
		{"status.go", "Status", texts(courier.Statuses())},
		{"lane.go", "Lane", texts(courier.Lanes())},
		{"attempt.go", "Outcome", texts(courier.Outcomes())},
		{"attempt.go", "Class", texts(courier.Classes())},
		{"error.go", "ErrorCode", texts(courier.ErrorCodes())},
	}
	for _, set := range sets {
		t.Run(set.typeName, func(t *testing.T) {
			t.Parallel()
			want := declared(t, set.file, set.typeName)
			if len(want) < 2 {
				t.Fatalf("found %d constants of type %s in %s", len(want), set.typeName, set.file)
			}
			if !slices.Equal(set.got, want) {
				t.Errorf("the function returns %v, the file declares %v", set.got, want)
			}
			sorted := slices.Sorted(slices.Values(want))
			if unique := slices.Compact(slices.Clone(sorted)); len(unique) != len(sorted) {
				t.Errorf("two constants of %s are equal: %v", set.typeName, sorted)
			}
		})
	}
}
