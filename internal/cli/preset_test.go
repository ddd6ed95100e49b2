package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/gateway/preset"
)

// TestConfigInit_Presets begins a configuration with each preset, sets the variables that
// it names to the examples of their parameters, and checks it.
func TestConfigInit_Presets(t *testing.T) {
	t.Parallel()
	set, err := preset.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range set.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := set.Get(name)
			if err != nil {
				t.Fatal(err)
			}
			starter := p.Starter()
			path := filepath.Join(t.TempDir(), "courier.yml")
			if err := os.WriteFile(path, []byte(starter), 0o600); err != nil {
				t.Fatal(err)
			}
			var environ []string
			for _, found := range regexp.MustCompile(`(?m)^ +(# )?(\w+): env://(\w+)$`).FindAllStringSubmatch(starter, -1) {
				value := p.Params[found[2]].Example
				if value == "" || strings.HasPrefix(value, "…") {
					value = "a-long-random-text"
				}
				environ = append(environ, found[3]+"="+value)
			}
			cfg, err := config.Load(config.Options{Files: []string{path}, Environ: environ})
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Check(t.Context(), cfg); err != nil || len(cfg.Warnings) > 0 {
				t.Errorf("%v, warnings %v, of\n%s", err, cfg.Warnings, starter)
			}
		})
	}
}
