package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/gateway/preset"
	"courier/internal/hook"
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
		checkHooks(t, text)
	}
}

// TestConfig_StarterWithHook checks what courier config init --hook writes for each type,
// with a gateway and as the whole file.
func TestConfig_StarterWithHook(t *testing.T) {
	t.Parallel()
	if !slices.Equal(config.HookTypes(), hook.Types()) {
		t.Errorf("there are %v, and starters for %v", hook.Types(), config.HookTypes())
	}
	presets, err := preset.Load("")
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := presets.Get("webhook")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range config.HookTypes() {
		for _, starter := range []string{config.Starter(), webhook.Starter()} {
			cfg := checkHooks(t, config.StarterWithHook(starter, kind))
			if cfg != nil && (len(cfg.Hooks) != 1 || cfg.Hooks[0].Type != kind || len(cfg.Warnings) > 0) {
				t.Errorf("%s: %+v, warnings %v", kind, cfg.Hooks, cfg.Warnings)
			}
		}
	}
}

// checkHooks loads and checks a configuration whose secret is in HOOK_SECRET.
func checkHooks(t *testing.T, text string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "courier.yml"), []byte(text), 0o600); err != nil { //nolint:gosec // a file of this test
		t.Fatal(err)
	}
	const secret = "v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" //nolint:gosec // no secret of anybody
	cfg, err := config.Load(config.Options{Files: []string{"courier.yml"}, Dir: dir, Environ: []string{
		"HOOK_SECRET=" + secret, "WEBHOOK_SECRET=" + secret, "WEBHOOK_URL=https://gateway.example/sms", "WEBHOOK_RECEIPT_SECRET=a-long-random-text",
	}})
	if err == nil {
		err = app.Check(t.Context(), cfg)
	}
	if err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return cfg
}
