// Package cli holds the commands of the courier program, one a file. It talks
// to a running courier through the public client, and runs one through app.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
	"courier/internal/config"
)

// The exit codes of the program.
const (
	// ExitDone means that everything asked for was done.
	ExitDone = 0
	// ExitFailed means that something asked for failed.
	ExitFailed = 1
	// ExitUsage means wrong usage or configuration: nothing was done.
	ExitUsage = 2
)

// Process is what a command knows of the process it runs in.
type Process struct {
	// Program is the name by which the program was called, "courier" when empty.
	Program string
	// Args are the arguments after it.
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Environ has entries NAME=value, as os.Environ returns them.
	Environ []string
	// Version is what `courier version` prints.
	Version string
	// Hangups delivers SIGHUP, which makes serve read its configuration again and
	// ends any other command in order: its terminal was closed. Nil for none.
	Hangups <-chan os.Signal
}

// lookupEnv finds a variable; the last of several counts, as for exec.Cmd.
func (p Process) lookupEnv(name string) (string, bool) {
	for _, entry := range slices.Backward(p.Environ) {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value, true
		}
	}
	return "", false
}

func (p Process) getenv(name string) string {
	value, _ := p.lookupEnv(name)
	return value
}

// Run runs one command and returns the exit code. When ctx ends, a command that
// stays up stops in order, and any other breaks off.
func Run(ctx context.Context, process Process) int {
	if process.Program == "" {
		process.Program = "courier"
	}
	shared := &shared{Process: process}
	root := newRoot(shared) //nolint:contextcheck // cobra hands the context of ExecuteContext on
	root.SetArgs(process.Args)
	root.SetIn(process.Stdin)
	root.SetOut(process.Stdout)
	root.SetErr(process.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitDone
	}
	if !shared.began {
		err = &usageError{err}
	}
	for _, line := range explain(err) {
		tell(process.Stderr, "error: %s\n", line)
	}
	return exitCode(err)
}

// shared is what the commands of one run have in common.
type shared struct {
	Process
	// configFiles are the values of -c, in order.
	configFiles []string
	// began is set once the arguments were understood: an error before it is wrong usage.
	began bool
}

// action turns a function into what cobra runs, and notes that it began. Its context
// ends with a hangup.
func (s *shared) action(do actionFunc) func(*cobra.Command, []string) error {
	return s.daemon(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-s.Hangups:
				cancel()
			case <-ctx.Done():
			}
		}()
		return do(ctx, cmd, args)
	})
}

// daemon is action for a command that takes hangups itself.
func (s *shared) daemon(do actionFunc) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s.began = true
		return do(cmd.Context(), cmd, args)
	}
}

type actionFunc func(ctx context.Context, cmd *cobra.Command, args []string) error

func newRoot(shared *shared) *cobra.Command {
	root := newGroup("courier", "Take text messages durably and deliver them through any HTTP gateway",
		`  courier dev                        # try it: courier, fake phone and a sample message
  courier -c courier.yml serve      # run it
  courier send --to +12065550199 --body "Your code is 123456"`,
		newServe(shared), newDev(shared), newSend(shared), newMessages(shared), newActions(shared), newGateways(shared), newNodes(shared), newAudit(shared),
		newRender(shared), newConfig(shared), newInbox(shared), newWebhooks(shared), newVersion(shared))
	root.Long = `courier takes text messages over HTTP, keeps them durably and delivers them
through any SMS gateway that has an HTTP API, by configuration alone.`
	root.Version, root.SilenceErrors, root.SilenceUsage = shared.versionText(), true, true
	root.SetVersionTemplate("{{.Version}}\n")
	root.PersistentFlags().StringArrayVarP(&shared.configFiles, "config", "c", nil,
		"configuration `FILE` (YAML, JSON or TOML); repeat it to merge several, the later wins")
	return root
}

// newGroup returns a command that only holds others.
func newGroup(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:     use,
		Short:   short,
		Example: example,
		Args:    onlySubcommands,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// Cobra sets the default only when it looks for a command by itself.
		SuggestionsMinimumDistance: 2,
	}
	group.AddCommand(commands...)
	return group
}

func onlySubcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := nearest(args[0], cmd.SuggestionsFor(args[0])); len(near) > 0 {
		return fmt.Errorf("unknown command %q for %q; did you mean %s?", args[0], cmd.CommandPath(), strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q for %q; see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())
}

// oneID wants one id and says where to find it.
func oneID(where string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("expected one ID, got %d; %s, and %s --help has an example", len(args), where, cmd.CommandPath())
	}
}

// nearest prefers the names that begin with the same letter.
func nearest(text string, names []string) []string {
	same := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return text == "" || name[0] != text[0] })
	if len(same) > 0 {
		return same
	}
	return names
}

func newVersion(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  courier version --format json",
		Args:    cobra.NoArgs,
	}
	format := addFormat(cmd)
	cmd.RunE = shared.action(func(_ context.Context, cmd *cobra.Command, _ []string) error {
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), map[string]string{
				"version": shared.Version, "go": runtime.Version(), "platform": platform,
			})
		}
		return printText(cmd.OutOrStdout(), shared.versionText()+"\n")
	})
	return cmd
}

const platform = runtime.GOOS + "/" + runtime.GOARCH

func (s *shared) versionText() string {
	return strings.Join([]string{"courier", s.Version, runtime.Version(), platform}, " ")
}

// usageError is wrong usage or configuration: the program ends with ExitUsage.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// usageText returns an error that ends the program with ExitUsage.
func usageText(text string) error { return &usageError{errors.New(text)} }

func exitCode(err error) int {
	if len(config.Problems(err)) > 0 {
		return ExitUsage
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return ExitUsage
	}
	return ExitFailed
}

// explain puts an error into one line that ends with what to do next, or into
// one line for each problem of a configuration.
func explain(err error) []string {
	if problems := config.Problems(err); len(problems) > 0 {
		lines := make([]string, len(problems))
		for i, problem := range problems {
			lines[i] = oneLine(problem.String())
		}
		return lines
	}
	text := oneLine(err.Error())
	if hint := hintFor(err); hint != "" {
		text += "; " + hint
	}
	return []string{text}
}

func oneLine(text string) string { return strings.Join(strings.Fields(printable(text)), " ") }

func hintFor(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	if _, ok := errors.AsType[*client.TransportError](err); ok {
		return "is the courier running there? start it with `courier serve` or `courier dev`, or name another with --server or COURIER_SERVER"
	}
	switch courier.CodeOf(err) { //nolint:exhaustive // the other codes come with their own next step
	case courier.CodeUnauthorized:
		return "give an API key in COURIER_API_KEY or with --api-key-file"
	case courier.CodeForbidden:
		return "use an API key that has the scope for it"
	default:
		return ""
	}
}
