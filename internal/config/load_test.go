package config

import (
	"os"
	"path/filepath"
	"testing"
)

// write puts a file into a directory and returns its name.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoad_Defaults(t *testing.T) {
	t.Parallel()
	cfg, err := Load(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.API.Port != 4478 || cfg.Store.DSN.Reveal() != "sqlite://courier.db" || cfg.SMSEnabled() {
		t.Errorf("defaults = %+v", cfg)
	}
}
