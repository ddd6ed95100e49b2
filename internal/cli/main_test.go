package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"courier/internal/jsonnet"
)

func TestMain(m *testing.M) {
	jsonnet.ServeIfChild()
	testscript.Main(leakChecked{m}, map[string]func(){"courier": program})
}

// program is the courier as the scripts call it: what cmd/courier does.
func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := Run(ctx, Process{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Version: "v1.2.3-test",
	})
	stop()
	os.Exit(code) //nolint:forbidigo // it is a program
}

// leakChecked fails a run that leaves goroutines behind.
type leakChecked struct{ tests *testing.M }

// Run implements testscript.TestingM.
func (l leakChecked) Run() int {
	code := l.tests.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
