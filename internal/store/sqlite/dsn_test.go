package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"courier/internal/store/sqlite"
)

func TestParseDSN(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"sqlite:///var/lib/courier.db": "/var/lib/courier.db",
		"sqlite://courier.db":          "courier.db",
		"sqlite://./data/courier.db":   "./data/courier.db",
		"sqlite:///with space/100%.db": "/with space/100%.db",
	}
	for dsn, want := range good {
		if got, err := sqlite.ParseDSN(dsn); err != nil || got != want {
			t.Errorf("ParseDSN(%q) = %q, %v, want %q", dsn, got, err, want)
		}
	}
	bad := []string{
		"", "courier.db", "/var/lib/courier.db", "sqlite:", "sqlite:/", "sqlite://", "sqlite:///", "sqlite://data/",
		"postgres://localhost/courier", "sqlite3://courier.db", "SQLITE://courier.db", "file:courier.db",
		"sqlite://courier.db?mode=ro", "sqlite://courier.db#x", "sqlite://a\x00b", "sqlite://:memory:", "sqlite://file::memory:",
	}
	for _, dsn := range bad {
		if got, err := sqlite.ParseDSN(dsn); !errors.Is(err, sqlite.ErrInvalidDSN) {
			t.Errorf("ParseDSN(%q) = %q, %v, want ErrInvalidDSN", dsn, got, err)
		}
	}
}

// TestOpen_OddPaths opens files whose names mean something in an address.
func TestOpen_OddPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with space.db", "100%41.db", "plus+and&.db", "наш.db", "no-suffix", "quote'\".db", "a;b.db"} {
		path := filepath.Join(t.TempDir(), name)
		s := open(t, path)
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		closeStore(t, s)
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s was not written: %v", name, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
			t.Errorf("%s: the directory holds %v, want the database and its lock", name, entries)
		}
	}
}

func TestOpen_RelativePath(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	s, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://courier.db"})
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if _, err := os.Stat(filepath.Join(directory, "courier.db")); err != nil {
		t.Error(err)
	}
}

// TestOpen_KeepsFilesPrivate checks that nobody else can read the texts of messages.
func TestOpen_KeepsFilesPrivate(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	open(t, path)
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, want it for its owner alone", info.Name(), info.Mode())
		}
	}
}
