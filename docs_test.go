package courier_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestDocuments wants that what the documents name exists: the paths of the
// repository, the targets of the Makefile, the ends of relative links.
func TestDocuments(t *testing.T) {
	t.Parallel()
	tree := os.DirFS(".")
	documents := markdown(t, tree)
	if len(documents) < 10 {
		t.Fatalf("found %d documents: %v", len(documents), documents)
	}
	for _, document := range documents {
		report(t, checkDocument(t, tree, document))
	}
}

// TestDocuments_Dependencies wants a line with a reason for every direct dependency.
func TestDocuments_Dependencies(t *testing.T) {
	t.Parallel()
	const record = "docs/decisions/007-dependencies.md"
	text, module := read(t, os.DirFS("."), record), read(t, os.DirFS("."), "go.mod")
	direct := 0
	for line := range strings.Lines(module) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") {
			continue
		}
		direct++
		if !strings.Contains(text, "`"+fields[0]+"`") {
			t.Errorf("%s does not say why %s is used", record, fields[0])
		}
	}
	if direct == 0 {
		t.Error("found no direct dependency in go.mod")
	}
}

// TestDocuments_Metrics wants docs/deployment.md to list exactly the metrics that
// the code registers.
func TestDocuments_Metrics(t *testing.T) {
	t.Parallel()
	const document = "docs/deployment.md"
	text := read(t, os.DirFS("."), document)
	listed := matches(text, "(?m)^\\| `(courier_[a-z_]+)` ", prose)
	named := matches(text, `(courier_[a-z_]+?)(?:_bucket)?\b`, whole)
	registered := metricNames(parseTree(t, os.DirFS(".")))
	if len(registered) < 10 {
		t.Fatalf("found the metrics %v", registered)
	}
	for _, name := range registered {
		if !slices.Contains(listed, name) {
			t.Errorf("%s does not list %s", document, name)
		}
	}
	for _, name := range named {
		if !slices.Contains(registered, name) {
			t.Errorf("%s names %s, which nothing registers", document, name)
		}
	}
}

// TestDocuments_Images wants each picture to be small and in a document, with a text for
// those who do not see it. That pictures exist is looked at as for any link.
func TestDocuments_Images(t *testing.T) {
	t.Parallel()
	const folder, most = "docs/images", 120_000
	tree, all := os.DirFS("."), ""
	for _, document := range markdown(t, tree) {
		all += read(t, tree, document)
	}
	images, err := fs.ReadDir(tree, folder)
	if err != nil || len(images) == 0 {
		t.Fatalf("read the pictures: %v, %v", images, err)
	}
	for _, image := range images {
		if !regexp.MustCompile(`!\[[^\]]{20,}\]\((docs/)?images/` + regexp.QuoteMeta(image.Name()) + `\)`).MatchString(all) {
			t.Errorf("no document shows %s/%s with a text that tells what is to be seen", folder, image.Name())
		}
		if info, err := image.Info(); err != nil || info.Size() > most {
			t.Errorf("%s/%s has more than %d bytes: %v", folder, image.Name(), most, err)
		}
	}
}

// metricNames returns the string literals of the components that are names of metrics.
func metricNames(files []goFile) []string {
	name := regexp.MustCompile(`^"courier_[a-z_]+"$`)
	var names []string
	for _, file := range files {
		if file.Test || !strings.HasPrefix(file.Dir, "internal/") {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && name.MatchString(literal.Value) {
				names = append(names, strings.Trim(literal.Value, `"`))
			}
			return true
		})
	}
	return names
}

// markdown returns the paths of all documents.
func markdown(t *testing.T, tree fs.FS) []string {
	t.Helper()
	var documents []string
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && foreign(name):
			return fs.SkipDir
		case path.Ext(name) == ".md":
			documents = append(documents, name)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("find the documents: %v", err)
	}
	return documents
}

func read(t *testing.T, tree fs.FS, name string) string {
	t.Helper()
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		t.Fatalf("read document: %v", err)
	}
	return string(text)
}

// checkDocument returns what a document names and the tree does not have.
func checkDocument(t *testing.T, tree fs.FS, document string) []string {
	t.Helper()
	text := read(t, tree, document)
	var faults []string
	fault := func(format string, args ...any) {
		faults = append(faults, document+": "+fmt.Sprintf(format, args...))
	}
	for _, name := range namedPaths(tree, text) {
		if _, err := fs.Stat(tree, strings.TrimSuffix(name, "/")); err != nil {
			fault("there is no %s", name)
		}
	}
	targets := makeTargets(read(t, tree, "Makefile"))
	for _, target := range matches(text, `(?m)(?:^|[^\w.-])make ([a-z][a-z-]*)(?:[^\w]|$)`, code) {
		if !slices.Contains(targets, target) {
			fault("the Makefile has no target %s", target)
		}
	}
	for _, link := range matches(text, `\]\(([^)\s]+)\)`, prose) {
		target, anchor, _ := strings.Cut(link, "#")
		if strings.Contains(target, "://") {
			continue
		}
		linked := document
		if target != "" {
			linked = path.Join(path.Dir(document), target)
		}
		if _, err := fs.Stat(tree, linked); err != nil {
			fault("link %s leads nowhere", link)
			continue
		}
		if anchor != "" && !slices.Contains(anchors(read(t, tree, linked)), anchor) {
			fault("link %s names no heading", link)
		}
	}
	return faults
}

// namedPaths returns the code spans that look like a path of the repository: a
// Go or Markdown file, or something below one of its folders.
func namedPaths(tree fs.FS, text string) []string {
	var names []string
	for _, span := range matches(text, "`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?)`", prose) {
		first, _, below := strings.Cut(span, "/")
		ext := path.Ext(span)
		switch {
		case below && isDir(tree, first), !below && (ext == ".go" || ext == ".md"):
			names = append(names, span)
		case span == "Makefile" || span == "LICENSE" || span == ".golangci.yml":
			names = append(names, span)
		}
	}
	return names
}

func isDir(tree fs.FS, name string) bool {
	info, err := fs.Stat(tree, name)
	return err == nil && info.IsDir() && name != "bin"
}

func makeTargets(makefile string) []string {
	return matches(makefile, `(?m)^([a-z][a-z-]*):`, whole)
}

// anchors returns the anchors of the headings of a document.
func anchors(text string) []string {
	var out []string
	for _, heading := range matches(text, `(?m)^#+ (.*)$`, prose) {
		kept := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(heading), "")
		out = append(out, strings.ReplaceAll(kept, " ", "-"))
	}
	return out
}

// The parts of a document in which matches looks.
type part int

const (
	whole part = iota
	// prose is a document without its fenced blocks.
	prose
	// code is its fenced blocks and code spans.
	code
)

// matches returns the first group of every match of a pattern in a part of a text.
func matches(text, pattern string, where part) []string {
	fences := regexp.MustCompile("(?ms)^```.*?^```")
	searched := []string{text}
	switch where {
	case whole:
	case prose:
		searched[0] = fences.ReplaceAllString(text, "")
	case code:
		spans := regexp.MustCompile("`[^`\n]+`")
		searched = append(fences.FindAllString(text, -1), spans.FindAllString(fences.ReplaceAllString(text, ""), -1)...)
	}
	var out []string
	for _, piece := range searched {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(piece, -1) {
			out = append(out, match[1])
		}
	}
	return out
}

// TestDocuments_Bad shows that checkDocument finds each kind of fault.
func TestDocuments_Bad(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{
		{"Path", "see `internal/gone/file.go`", "there is no internal/gone/file.go"},
		{"File", "see `gone.go`", "there is no gone.go"},
		{"Target", "run `make gone`", "no target gone"},
		{"TargetInBlock", "```\nmake gone\n```\n", "no target gone"},
		{"Link", "[x](docs/gone.md)", "leads nowhere"},
		{"Anchor", "[x](#gone)", "names no heading"},
		{"Good", "# One, two\nrun `make test`, see `internal/here/` and [x](#one-two), [y](https://example.org/z), make sure", ""},
		{"NotOurs", "`/v1/messages`, `docs.example/x`, `kratos.yml`, `courier.sms`", ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{
				"Makefile":           {Data: []byte("test: build\n\ttrue\n")},
				"internal/here/a.go": {},
				"README.md":          {Data: []byte(test.text)},
			}
			expect(t, checkDocument(t, tree, "README.md"), test.want)
		})
	}
}
