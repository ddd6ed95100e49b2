package storetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"courier/internal/store"
)

// RunStatements checks the file of statements of the engine in the working
// directory: each is whole, and named in the sources of the engine or of the
// rules that engines share.
func RunStatements(t *testing.T, file string) {
	t.Helper()
	var sources strings.Builder
	for _, pattern := range []string{"*.go", "../*.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(source)
		}
	}
	texts := store.ParseQueries(file)
	if len(texts) == 0 {
		t.Error("the file has no statements")
	}
	for name, text := range texts {
		if !strings.Contains(sources.String(), `"`+name+`"`) {
			t.Errorf("nobody runs the statement %s", name)
		}
		if text == "" || strings.Contains(strings.ReplaceAll(text, "{most}", ""), "{") || strings.Contains(text, ";") {
			t.Errorf("statement %s is %q", name, text)
		}
	}
}
