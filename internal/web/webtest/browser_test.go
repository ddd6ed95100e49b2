package webtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// crashing returns a browser that crashes the first times that it is started.
func crashing(t *testing.T, times int) string {
	t.Helper()
	browser, err := program()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "browser")
	script := fmt.Sprintf("#!/bin/sh\necho . >>%[1]s.starts\n[ $(wc -l <%[1]s.starts) -gt %[2]d ] || kill -SEGV $$\nexec %[3]s \"$@\"\n", path, times, browser)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return path
}

// failing is a test that ends where it fails.
type failing struct {
	testing.TB

	fault string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.fault = fmt.Sprintf(format, args...)
	panic(f)
}

func TestStart_Crash(t *testing.T) {
	t.Parallel()
	start(t, crashing(t, starts-1)).Tab(t, Look{}).Open("about:blank")

	never := &failing{TB: t}
	func() {
		defer func() { _ = recover() }()
		start(never, crashing(t, starts))
	}()
	if !strings.Contains(never.fault, "3 times") {
		t.Errorf("a browser that never starts: %q", never.fault)
	}
}
