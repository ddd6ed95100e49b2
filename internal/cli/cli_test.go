package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// everyCommand calls check with each command of the program.
func everyCommand(command *cobra.Command, check func(*cobra.Command)) {
	check(command)
	for _, child := range command.Commands() {
		everyCommand(child, check)
	}
}

// TestHelp wants that each command says what it does, with an example, and that
// its help prints both and every flag.
func TestHelp(t *testing.T) {
	t.Parallel()
	count := 0
	everyCommand(newRoot(&shared{}), func(command *cobra.Command) {
		count++
		path := strings.Fields(command.CommandPath())[1:]
		if command.Short == "" || strings.HasSuffix(command.Short, ".") || command.Example == "" {
			t.Errorf("%s: Short %q, Example %q", command.CommandPath(), command.Short, command.Example)
		}
		got := runCommand(t, nil, "", append(path, "--help")...)
		if got.code != ExitDone || got.stderr != "" {
			t.Errorf("%s: %+v", command.CommandPath(), got)
		}
		for _, want := range []string{"Usage:", "Examples:\n" + command.Example, "--config"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%s: help lacks %q:\n%s", command.CommandPath(), want, got.stdout)
			}
		}
	})
	if count < 15 {
		t.Errorf("found %d commands", count)
	}
}

// TestCommands_EveryDataCommandPrintsJSON names the commands that print no data.
func TestCommands_EveryDataCommandPrintsJSON(t *testing.T) {
	t.Parallel()
	prose := map[string]bool{"courier serve": true, "courier dev": true, "courier config schema": true, "courier config init": true}
	everyCommand(newRoot(&shared{}), func(command *cobra.Command) {
		if command.HasSubCommands() || prose[command.CommandPath()] {
			return
		}
		if command.Flags().Lookup("format") == nil {
			t.Errorf("%s has no --format", command.CommandPath())
		}
	})
}

func TestProcess_LookupEnv(t *testing.T) {
	t.Parallel()
	process := Process{Environ: []string{"A=1", "AB=2", "A=3", "C="}}
	for name, want := range map[string]string{"A": "3", "AB": "2", "C": "", "D": ""} {
		got, found := process.lookupEnv(name)
		if got != want || found != (name != "D") || process.getenv(name) != want {
			t.Errorf("%s is %q, %v", name, got, found)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	if got := printable("a\x1b[31mb\r\n\u202ec\u0085é•"); got != "a [31mb   c é•" {
		t.Errorf("got %q", got)
	}
}
