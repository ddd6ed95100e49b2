package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad_Problems(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "problems")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Ext(file.Name()) == ".want" {
			continue
		}
		t.Run(file.Name(), func(t *testing.T) {
			t.Parallel()
			cfg, err := Load(Options{Files: []string{file.Name()}, Dir: dir})
			golden(t, filepath.Join(dir, file.Name()+".want"), report(t, cfg, err))
		})
	}
}

// report writes the problems and warnings of a configuration, a line for each,
// and fails when one quotes a secret or has no place.
func report(t *testing.T, cfg *Config, err error) string {
	t.Helper()
	var lines []string
	warnings := []Problem(nil)
	var invalid *InvalidError
	switch {
	case errors.As(err, &invalid):
		warnings = invalid.Warnings
		for _, problem := range invalid.Problems {
			lines = append(lines, problem.String())
		}
	case err != nil:
		t.Fatalf("the error is a %T", err)
	default:
		warnings = cfg.Warnings
		lines = append(lines, "valid")
	}
	for _, warning := range warnings {
		lines = append(lines, "warning: "+warning.String())
	}
	text := strings.Join(lines, "\n") + "\n"
	if strings.Contains(text, "hunter2") {
		t.Errorf("a message quotes a secret:\n%s", text)
	}
	for _, problem := range append(Problems(err), warnings...) {
		if problem.Position.Line == 0 || problem.Position.Column == 0 {
			t.Errorf("no place: %s", problem)
		}
	}
	return text
}
