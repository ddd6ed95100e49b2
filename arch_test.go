package courier_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// layout names every package of the module and what it may import of the
// module outside its tests. A new package needs a row here and a reason.
func layout() map[string][]string {
	const root, store, jsonnet = "courier", "courier/internal/store", "courier/internal/jsonnet"
	const catcher, mask = "courier/internal/gateway/gatewaytest", "courier/internal/mask"
	return map[string][]string{
		".":                              {},
		"client":                         {root},
		"couriertest":                    {root, "courier/embed", catcher, "courier/internal/inbox"},
		"cmd/courier":                    {"courier/internal/cli", jsonnet},
		"docs":                           {},
		"embed":                          {root, "courier/internal/app", "courier/internal/config", "courier/internal/gateway"},
		"internal/app":                   {"*"},
		"internal/cli":                   {root, "courier/client", "courier/docs", "courier/internal/app", "courier/internal/config", "courier/internal/curl", "courier/internal/inbox", mask, catcher, "courier/internal/gateway/preset", "courier/internal/signature"},
		"internal/action":                {root, store},
		"internal/cluster":               {store},
		"internal/config":                {root},
		"internal/curl":                  {},
		"internal/dispatch":              {root, store},
		"internal/gateway":               {root, jsonnet, mask, "courier/internal/signature"},
		"internal/gateway/gatewaytest":   {root, "courier/internal/signature"},
		"internal/gateway/preset":        {root, "courier/internal/gateway", "courier/internal/signature"},
		"internal/hook":                  {root, store, "courier/internal/signature"},
		"internal/httpapi":               {root, store},
		"internal/inbox":                 {root, catcher, mask},
		"internal/intake":                {root},
		"internal/jsonnet":               {root, jsonnet + "/plan"},
		"internal/jsonnet/plan":          {},
		"internal/mask":                  {},
		"internal/signature":             {},
		"internal/web":                   {root, "courier/client", "courier/internal/httpapi"},
		"internal/webhook":               {root, store},
		"internal/web/webtest":           {},
		"internal/store":                 {root},
		"internal/text":                  {root},
		"internal/store/postgres":        {root, store},
		"internal/store/postgres/pgtest": {},
		"internal/store/sqlite":          {root, store},
		"internal/store/memory":          {root, store},
		"internal/store/storetest":       {root, store, "courier/internal/store/memory"},
	}
}

// owners names the packages outside whose tests a technology is used. Modules
// that are not listed may be imported by every package but the root and client.
func owners() map[string][]string {
	return map[string][]string{
		"github.com/chromedp":                {"internal/web/webtest"},
		"github.com/danielgtaylor/huma":      {"internal/httpapi"},
		"github.com/go-json-experiment/json": {"internal/gateway", "internal/httpapi", "internal/store"},
		"github.com/golang-jwt/jwt":          {"internal/signature"},
		"github.com/google/go-jsonnet":       {"internal/jsonnet", "internal/jsonnet/plan"},
		"go.yaml.in/yaml/v3":                 {"internal/config", "internal/gateway/gatewaytest", "internal/gateway/preset"},
		"github.com/jackc/pgx":               {"internal/store/postgres"},
		"github.com/Masterminds/sprig":       {"internal/text"},
		"github.com/nyaruka/phonenumbers":    {"internal/intake"},
		"github.com/pelletier/go-toml":       {"internal/config"},
		"github.com/pressly/goose":           {"internal/store", "internal/store/postgres", "internal/store/sqlite"},
		"github.com/spf13/cobra":             {"internal/cli"},
		"github.com/standard-webhooks":       {"internal/signature", "internal/webhook"},
		"go.opentelemetry.io/otel/exporters": {"internal/app"},
		"go.opentelemetry.io/otel/sdk":       {"internal/app"},
		"golang.org/x/term":                  {"internal/cli"},
		"modernc.org/sqlite":                 {"internal/store/sqlite"},
	}
}

// TestLayout enforces the import rules of ARCHITECTURE.md.
func TestLayout(t *testing.T) {
	t.Parallel()
	files := parseTree(t, os.DirFS("."))
	if len(files) < 20 {
		t.Fatalf("found %d Go files", len(files))
	}
	report(t, checkImports(files))
}

// TestPackageComments wants exactly one package comment for each package.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	report(t, checkPackageComments(parseTree(t, os.DirFS("."))))
}

// TestSizes keeps functions and files small enough to be read at once, and
// programs free of init functions, which run unasked.
func TestSizes(t *testing.T) {
	t.Parallel()
	report(t, checkSizes(parseTree(t, os.DirFS("."))))
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}

func checkImports(files []goFile) []string {
	var faults []string
	known := layout()
	for _, file := range files {
		allowed, ok := known[file.Dir]
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: package %s is not in the layout of arch_test.go", file.Path, file.Dir))
			continue
		}
		for _, imported := range file.imports() {
			if why := importFault(file, imported, allowed); why != "" {
				faults = append(faults, fmt.Sprintf("%s imports %s: %s", file.Path, imported, why))
			}
		}
	}
	return faults
}

// importFault returns why a file may not import a path, or nothing.
func importFault(file goFile, imported string, allowed []string) string {
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case first == "courier":
		return ownFault(file, imported, allowed)
	case !strings.Contains(first, ".") || file.Test:
		return ""
	case file.Dir == "." || file.Dir == "client":
		return "it uses the standard library alone"
	}
	for prefix, dirs := range owners() {
		if strings.HasPrefix(imported, prefix) && !slices.Contains(dirs, file.Dir) {
			return "only " + strings.Join(dirs, " and ") + " may"
		}
	}
	return ""
}

func ownFault(file goFile, imported string, allowed []string) string {
	composition := imported == "courier/internal/app" || imported == "courier/internal/cli"
	above := strings.HasPrefix(file.Dir, "cmd/") || file.Dir == "internal/cli" || file.Dir == "internal/app" || file.Dir == "embed"
	switch {
	case file.Dir == "internal/app" && imported == "courier/internal/cli":
		return "the commands are above the composition root"
	case slices.Contains(allowed, "*") || slices.Contains(allowed, imported):
		return ""
	case file.Test && (above || !composition):
		return ""
	}
	return "imports run cmd, cli, app, components, root"
}

func checkPackageComments(files []goFile) []string {
	comments := map[string][]string{}
	for _, file := range files {
		if _, seen := comments[file.Dir]; !seen {
			comments[file.Dir] = nil
		}
		if file.Syntax.Doc != nil {
			comments[file.Dir] = append(comments[file.Dir], file.Path)
		}
	}
	var faults []string
	for dir, paths := range comments {
		if len(paths) != 1 {
			faults = append(faults, fmt.Sprintf("package %s has %d package comments %v, want 1", dir, len(paths), paths))
		}
	}
	return slices.Sorted(slices.Values(faults))
}

// The limits of checkSizes. They stop what nobody can read at once; below them a
// function or a file is as long as its one idea. The message is a row of the store and has more fields.
const (
	maxFileLines, maxFunctionLines        = 600, 80
	maxStructFields, maxConstructorParams = 20, 4
	rowType, rowFile                      = "Message", "message.go"
)

func checkSizes(files []goFile) []string {
	var faults []string
	for _, file := range files {
		if file.Generated {
			continue
		}
		if !file.Test && file.Lines > maxFileLines {
			faults = append(faults, fmt.Sprintf("%s has %d lines, at most %d are allowed", file.Path, file.Lines, maxFileLines))
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			if why := sizeFault(file, node); why != "" {
				first, _ := file.line(node)
				faults = append(faults, fmt.Sprintf("%s:%d: %s", file.Path, first, why))
			}
			return true
		})
	}
	return faults
}

func sizeFault(file goFile, node ast.Node) string {
	switch node := node.(type) {
	case *ast.FuncDecl:
		return functionFault(file, node)
	case *ast.TypeSpec:
		if shape, ok := node.Type.(*ast.StructType); ok && !file.Test && (node.Name.Name != rowType || file.Path != rowFile) {
			if count := shape.Fields.NumFields(); count >= maxStructFields {
				return fmt.Sprintf("struct %s has %d fields, fewer than %d are allowed", node.Name.Name, count, maxStructFields)
			}
		}
	}
	return ""
}

func functionFault(file goFile, function *ast.FuncDecl) string {
	name := function.Name.Name
	_, lines := file.line(function)
	switch {
	case name == "init" && function.Recv == nil:
		return "init functions are not allowed"
	case lines > maxFunctionLines && !file.Test:
		return fmt.Sprintf("function %s has %d lines, at most %d are allowed", name, lines, maxFunctionLines)
	case strings.HasPrefix(name, "New") && function.Recv == nil && function.Type.Params.NumFields() > maxConstructorParams:
		return fmt.Sprintf("constructor %s has more than %d parameters: take Options", name, maxConstructorParams)
	}
	return ""
}

// TestRules_Bad shows that each rule finds a fault in a bad sample and none in
// a good one.
func TestRules_Bad(t *testing.T) {
	t.Parallel()
	const doc = "// Package x is documented.\n"
	long := doc + "package x\nfunc long() {\n" + strings.Repeat("\tprintln()\n", maxFunctionLines) + "}\n"
	wide := doc + "package x\ntype wide struct { " + strings.Repeat("a, ", maxStructFields) + "b int }\n"
	cases := []struct {
		name, path, source string
		check              func([]goFile) []string
		want               string
	}{
		{"RootThirdParty", "a.go", `package courier; import "github.com/google/uuid"`, checkImports, "standard library alone"},
		{"RootComponent", "a.go", `package courier; import "courier/internal/store"`, checkImports, "imports run"},
		{"ClientInternal", "client/a.go", `package client; import "courier/internal/store"`, checkImports, "imports run"},
		{"Sideways", "internal/dispatch/a.go", `package dispatch; import "courier/internal/gateway"`, checkImports, "imports run"},
		{"Adapter", "internal/httpapi/a.go", `package httpapi; import "courier/internal/store/sqlite"`, checkImports, "imports run"},
		{"ConfigComponent", "internal/config/a.go", `package config; import "courier/internal/gateway"`, checkImports, "imports run"},
		{"Upwards", "internal/app/a.go", `package app; import "courier/internal/cli"`, checkImports, "above"},
		{"UpwardsInTest", "internal/inbox/a_test.go", `package inbox; import "courier/internal/app"`, checkImports, "imports run"},
		{"Technology", "internal/dispatch/a.go", `package dispatch; import _ "modernc.org/sqlite"`, checkImports, "only internal/store/sqlite may"},
		{"NewPackage", "internal/util/a.go", `package util`, checkImports, "not in the layout"},
		{"Good", "internal/dispatch/a.go", `package dispatch; import ("courier"; "fmt"; "courier/internal/store")`, checkImports, ""},
		{"GoodTest", "internal/dispatch/a_test.go", `package dispatch; import "courier/internal/store/sqlite"`, checkImports, ""},
		{"NoComment", "client/a.go", "package client", checkPackageComments, "has 0 package comments"},
		{"OneComment", "client/a.go", doc + "package client", checkPackageComments, ""},
		{"Init", "client/a.go", "package client\nfunc init() {}", checkSizes, "init functions"},
		{"LongFunction", "client/a.go", long, checkSizes, "function long has 82 lines"},
		{"LongFile", "client/a.go", "package client\n" + strings.Repeat("\n", maxFileLines), checkSizes, "has 601 lines"},
		{"WideStruct", "client/a.go", wide, checkSizes, "has 21 fields"},
		{"Constructor", "client/a.go", "package client\nfunc New(a, b, c int, d, e string) {}", checkSizes, "take Options"},
		{"GoodSizes", "client/a.go", doc + "package x\nfunc New(a, b, c, d int) {}\n", checkSizes, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			expect(t, test.check(parseTree(t, fstest.MapFS{test.path: {Data: []byte(test.source)}})), test.want)
		})
	}
}

// expect wants one fault with the given text, or none for an empty one.
func expect(t *testing.T, faults []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(faults) > 0:
		t.Errorf("faults in a good sample: %v", faults)
	case want != "" && (len(faults) != 1 || !strings.Contains(faults[0], want)):
		t.Errorf("faults = %v, want one with %q", faults, want)
	}
}

func TestPackageComments_Two(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"client/a.go": {Data: []byte("// Package client is one.\npackage client")},
		"client/b.go": {Data: []byte("// Package client is two.\npackage client")},
	}
	expect(t, checkPackageComments(parseTree(t, tree)), "has 2 package comments")
}

// TestLayout_Document holds the table of ARCHITECTURE.md against the layout.
func TestLayout_Document(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for line := range strings.Lines(string(document)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 && strings.HasPrefix(cells[1], " `") {
			dir := strings.Trim(cells[1], " `")
			if _, twice := told[dir]; twice {
				t.Errorf("ARCHITECTURE.md has two rows of %s", dir)
			}
			imports := strings.Split(strings.TrimSpace(cells[3]), ", ")
			slices.Sort(imports)
			told[dir] = strings.Join(imports, ", ")
		}
	}
	delete(told, "bench") // a module of its own
	want := map[string]string{}
	for dir, imports := range layout() {
		names := make([]string, len(imports))
		for i, imported := range imports {
			names[i] = strings.NewReplacer("courier", "root", "*", "all below").Replace(path.Base(imported))
		}
		slices.Sort(names)
		want[dir] = strings.Join(names, ", ")
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("the layout (-) is not that of ARCHITECTURE.md (+):\n%s", diff)
	}
}

// TestLayout_Current fails when the layout names a package that is gone.
func TestLayout_Current(t *testing.T) {
	t.Parallel()
	tree := os.DirFS(".")
	for dir := range layout() {
		if matches, err := fs.Glob(tree, path.Join(dir, "*.go")); err != nil || len(matches) == 0 {
			t.Errorf("package %s of the layout does not exist (%v)", dir, err)
		}
	}
}
