package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"courier/internal/app"
	"courier/internal/config"
)

// TestDocuments_Hooks checks every configuration of docs/hooks.md.
func TestDocuments_Hooks(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	if len(blocks) < 9 {
		t.Fatalf("%d configurations", len(blocks))
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "courier.yml"), []byte(text), 0o600); err != nil { //nolint:gosec // a file of this test
			t.Fatal(err)
		}
		cfg, err := config.Load(config.Options{
			Files: []string{"courier.yml"}, Dir: dir, Environ: []string{"HOOK_SECRET=v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="},
		})
		if err == nil {
			err = app.Check(t.Context(), cfg)
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
