package pgtest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSweep removes a folder whose owner is gone, and none whose owner lives.
func TestSweep(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	left, kept := filepath.Join(parent, folderPrefix+"left"), filepath.Join(parent, folderPrefix+"kept")
	for _, path := range []string{left, kept} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		lock, err := lockFile(filepath.Join(path, lockName), os.O_CREATE, tryLock)
		if err != nil {
			t.Fatal(err)
		}
		if path == kept {
			defer func() { _ = lock.Close() }()
			continue
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	sweep(parent)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the left folder: %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("the folder in use: %v", err)
	}
}
