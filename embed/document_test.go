package embed_test

import (
	"os"
	"strings"
	"testing"
)

// TestDocument wants that the Go code of docs/embed.md stands in examples, which are
// compiled and run.
func TestDocument(t *testing.T) {
	t.Parallel()
	var examples, document string
	for path, into := range map[string]*string{"example_test.go": &examples, "../couriertest/example_test.go": &examples, "../docs/embed.md": &document} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		*into += string(text)
	}
	blocks := strings.Split(document, "```go\n")[1:]
	if len(blocks) < 5 {
		t.Fatalf("found %d blocks of code", len(blocks))
	}
	for _, block := range blocks {
		if code, _, _ := strings.Cut(block, "```"); !strings.Contains(examples, code) {
			t.Errorf("no example has the code\n%s", code)
		}
	}
}
