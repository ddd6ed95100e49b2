package sqlite_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"courier/internal/store"
	"courier/internal/store/sqlite"
)

// isLocked checks that a database cannot be opened and that the error names
// the process that holds it and what to do.
func isLocked(t *testing.T, path string, pid int) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://" + path})
	if err == nil {
		closeStore(t, s)
		t.Fatal("a database that is held was opened")
	}
	if !errors.Is(err, store.ErrLocked) {
		t.Fatalf("error is %v, want store.ErrLocked", err)
	}
	host, hostErr := os.Hostname()
	if hostErr != nil {
		t.Fatal(hostErr)
	}
	for _, part := range []string{"process " + strconv.Itoa(pid), host, "since 20", filepath.Base(path), "stop that process", "store.dsn"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestOpen_LockedByThisProcess(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	first := open(t, path)
	isLocked(t, path, os.Getpid())
	closeStore(t, first)
	closeStore(t, open(t, path))
}

func TestOpen_LockedUnderAnotherName(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	open(t, path)
	directory := t.TempDir()
	byFile, byDirectory := filepath.Join(directory, "link.db"), filepath.Join(directory, "link")
	if err := errors.Join(os.Symlink(path, byFile), os.Symlink(filepath.Dir(path), byDirectory)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{byFile, filepath.Join(byDirectory, filepath.Base(path))} {
		if _, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://" + name}); !errors.Is(err, store.ErrLocked) {
			t.Errorf("%s: error is %v, want store.ErrLocked", name, err)
		}
	}
}

// startHolder starts a child that holds a database and waits until it does.
func startHolder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	command := child(t, "hold", path)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	return command
}

func TestOpen_LockEndsWithTheProcess(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	holder := startHolder(t, path)
	isLocked(t, path, holder.Process.Pid)
	kill(t, holder)
	if err := holder.Wait(); err == nil {
		t.Error("child ended by itself")
	}
	if err := open(t, path).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOpen_FailureGivesTheLockUp opens a file that is no database: nothing of
// the attempt may remain.
func TestOpen_FailureGivesTheLockUp(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	if err := os.WriteFile(path, []byte("this is not a database, but long enough to look like one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://" + path}); err == nil {
		t.Fatal("a text was opened as a database")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Check(t.Context()); err != nil {
		t.Error(err)
	}
}
