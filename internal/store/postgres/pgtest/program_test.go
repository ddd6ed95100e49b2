package pgtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrograms_Named refuses a named folder without the programs, and says what
// to set.
func TestPrograms_Named(t *testing.T) {
	bin := t.TempDir()
	t.Setenv(BinVariable, bin)
	if _, err := programs(""); err == nil || !strings.Contains(err.Error(), BinVariable) {
		t.Errorf("programs of an empty folder: %v", err)
	}
	for _, name := range needed() {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o700); err != nil { //nolint:gosec // it stands for a program
			t.Fatal(err)
		}
	}
	if found, err := programs(""); err != nil || found != bin {
		t.Errorf("programs = %q, %v, want %q", found, err, bin)
	}
}
