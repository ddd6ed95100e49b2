package app_test

import (
	"fmt"
	"os"
	"os/exec"
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

// TestDocuments_HookExamples runs the example of each type with the tools that it names: a
// message goes out of each.
func TestDocuments_HookExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	gateway, calls := silent(t)
	c := start(t, func(dir string) string {
		text := channel(dir, gateway) + "limits: []\nhooks:\n"
		for _, kind := range hook.Types() {
			id, secret := kind, "a-long-secret"
			switch kind {
			case "webhook":
				id = "auth0"
			case "supabase":
				secret = supabaseSecret
			}
			text += fmt.Sprintf("  - { id: %s, type: %s, secret: %q }\n", id, kind, secret)
		}
		return text
	})
	examples := strings.Split(string(page), "```sh\n")[1:]
	if len(examples) != len(hook.Types()) {
		t.Errorf("%d examples for %d types", len(examples), len(hook.Types()))
	}
	for _, example := range examples {
		text, _, _ := strings.Cut(example, "```")
		secret := "a-long-secret"
		if strings.Contains(text, "/hooks/supabase") {
			secret = supabaseSecret
		}
		command := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(text, "127.0.0.1:4477", c.PublicAddr()))
		command.Env = append(os.Environ(), "HOOK_SECRET="+secret, "NO_PROXY=127.0.0.1")
		if answer, err := command.CombinedOutput(); err != nil || !strings.Contains(string(answer), `"status":"queued"`) {
			t.Errorf("%s: %s, %v", text, answer, err)
		}
	}
	until(t, "the messages", func() bool { return calls.Load() == int64(len(examples)) })
}

const supabaseSecret = "v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" //nolint:gosec // no secret of anybody

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
	cfg, err := config.Load(config.Options{Files: []string{"courier.yml"}, Dir: dir, Environ: []string{
		"HOOK_SECRET=" + supabaseSecret, "WEBHOOK_SECRET=" + supabaseSecret, "WEBHOOK_URL=https://gateway.example/sms", "WEBHOOK_RECEIPT_SECRET=a-long-random-text",
	}})
	if err == nil {
		err = app.Check(t.Context(), cfg)
	}
	if err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return cfg
}
