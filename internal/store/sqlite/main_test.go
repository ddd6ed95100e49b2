package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"courier/internal/store/sqlite"
)

// childVariable makes this binary a child process of a test: its value names
// what the child does to the database that is its first argument.
const childVariable = "COURIER_SQLITE_TEST_CHILD"

func TestMain(m *testing.M) {
	if deed := os.Getenv(childVariable); deed != "" {
		os.Exit(runChild(deed, os.Args[1]))
	}
	goleak.VerifyTestMain(m)
}

// runChild does what a child process is for and returns its exit code.
func runChild(deed, path string) int {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Options{DSN: "sqlite://" + path})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	fmt.Fprintln(os.Stdout, "open")
	if deed == "hold" {
		select {} // until it is killed
	}
	return enqueueForEver(ctx, s)
}

// child starts a child process.
func child(t *testing.T, deed, path string) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), executable, path)
	command.Env = append(os.Environ(), childVariable+"="+deed)
	command.Stderr = os.Stderr
	return command
}

// open opens a store on a path, and closes it when the test ends.
func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{DSN: "sqlite://" + path})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// newPath returns the path of a database that is not there yet.
func newPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "courier.db")
}
