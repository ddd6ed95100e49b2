// Package webtest shows pages in a real Chromium and fails a test for what a user
// would not like: an error on the console, a request to another host, a serious
// finding of axe-core, a page that is wider than the screen.
package webtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromiumVariable names the program of the browser to use.
const chromiumVariable = "COURIER_CHROMIUM"

// Browser is a running Chromium. Its tabs may be used in parallel.
type Browser struct{ ctx context.Context } //nolint:containedctx // it is what chromedp calls a browser

// starts is how often a browser is started that does not come up: now and then Chromium
// crashes before it has read its first page, which says nothing about the pages.
const starts = 3

// Start starts a browser for a test, in about 300 ms, and stops it at its end.
func Start(tb testing.TB) *Browser {
	tb.Helper()
	program, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	return start(tb, program)
}

func start(tb testing.TB, program string) *Browser {
	tb.Helper()
	// A copy: its array is a variable of the package. No name but that of this machine
	// is found, so what a page asks of another host goes nowhere.
	options := append(append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...),
		chromedp.ExecPath(program),
		chromedp.Flag("disable-lcd-text", true), // letters without coloured edges: smaller pictures
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost , EXCLUDE *.localhost"),
	)
	for try := 1; ; try++ {
		allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(tb.Context()), options...)
		ctx, closeBrowser := chromedp.NewContext(allocator)
		closeAll := func() {
			closeBrowser()
			stop()
		}
		err := chromedp.Do(ctx)
		if err == nil {
			tb.Cleanup(closeAll)
			return &Browser{ctx}
		}
		closeAll()
		if try == starts {
			tb.Fatalf("start %s, %d times: %v", program, starts, err)
		}
		tb.Logf("start %s: %v; trying again", program, err)
	}
}

// program returns the browser that the environment names, or one of the path.
func program() (string, error) {
	if given := os.Getenv(chromiumVariable); given != "" {
		return given, nil
	}
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("find Chromium: none is on the path; install it with: make browser (Debian, as root), or set %s to the program", chromiumVariable)
}
