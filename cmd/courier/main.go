// Command courier takes text messages durably and delivers them through any
// HTTP gateway. `courier --help` lists what it does.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"courier/internal/cli"
	"courier/internal/jsonnet"
)

// version is set by the linker in a release build: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	reloads := hangups() // first, as a hangup without a handler ends the process
	jsonnet.ServeIfChild()
	os.Exit(run(reloads))
}

func run(reloads <-chan os.Signal) int {
	// Go's default log gets what a gateway sends unasked, by net/http, and that may
	// repeat a message.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal finds no handler, so it ends the process at once.
	context.AfterFunc(ctx, stop)
	return cli.Run(ctx, cli.Process{
		Program: os.Args[0],
		Args:    os.Args[1:],
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Environ: os.Environ(),
		Version: buildVersion(),
		Hangups: reloads,
	})
}

// hangups delivers SIGHUP. Under nohup it is ignored and stays so.
func hangups() <-chan os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return nil
	}
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGHUP)
	return received
}

// buildVersion falls back on what the go command noted down: the module's
// version, which names the commit of a build from a work tree.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
