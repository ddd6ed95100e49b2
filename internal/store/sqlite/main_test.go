package sqlite_test

import (
	"context"
	"flag"
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

// historyChecks is how many random histories the conformance suite runs, unless
// -rapid.checks says otherwise: each step is synced to the disk.
const historyChecks = "40"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", historyChecks); err != nil {
		panic(err)
	}
	if deed := os.Getenv(childVariable); deed != "" {
		runChild(deed, os.Args[1])
		return
	}
	goleak.VerifyTestMain(m)
}

// runChild does what a child process is for. It ends only for a fault, which it
// says: children are to be killed.
func runChild(deed, path string) {
	if deed == "locks" {
		say(sharedLock(path))
		return
	}
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Options{DSN: "sqlite://" + path})
	if err != nil {
		say(err)
		return
	}
	say("open")
	if deed == "hold" {
		select {}
	}
	enqueueForEver(ctx, s)
}

// say tells the test one line.
func say(line any) {
	if _, err := fmt.Fprintln(os.Stdout, line); err != nil {
		panic(err)
	}
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
func open(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{DSN: "sqlite://" + path})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { closeStore(tb, s) })
	return s
}

func closeStore(tb testing.TB, s *sqlite.Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
}

// newPath returns the path of a database that is not there yet.
func newPath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "courier.db")
}
