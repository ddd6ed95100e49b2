package courier_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing"
)

// goFile is a parsed Go file of the module.
type goFile struct {
	// Path is relative to the module, Dir its folder: "." for the root package.
	Path, Dir string
	Test      bool
	Generated bool
	Lines     int
	Syntax    *ast.File
	Files     *token.FileSet
}

// parseTree parses every Go file of the module in-process. `go list` would hide
// what it read from the test cache.
func parseTree(t *testing.T, tree fs.FS) []goFile {
	t.Helper()
	var files []goFile
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && foreign(name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		file, err := parseFile(tree, name)
		files = append(files, file)
		return err
	})
	if err != nil {
		t.Fatalf("parse the module: %v", err)
	}
	return files
}

// foreign reports whether a folder holds no code of the main module.
func foreign(dir string) bool {
	name := path.Base(dir)
	return dir == "tools" || dir == "bench" || dir == "bin" || name == "testdata" || (strings.HasPrefix(name, ".") && name != ".")
}

func parseFile(tree fs.FS, name string) (goFile, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return goFile{}, err
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return goFile{}, err
	}
	return goFile{
		Path: name, Dir: path.Dir(name),
		Test:      strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(syntax),
		Lines:     strings.Count(string(source), "\n"),
		Syntax:    syntax, Files: set,
	}, nil
}

// imports returns the import paths of a file.
func (f goFile) imports() []string {
	var paths []string
	for _, spec := range f.Syntax.Imports {
		if text, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, text)
		}
	}
	return paths
}

// line returns the line on which a node begins, and how many it takes.
func (f goFile) line(node ast.Node) (first, count int) {
	first = f.Files.Position(node.Pos()).Line
	return first, f.Files.Position(node.End()).Line - first + 1
}
