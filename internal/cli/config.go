package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"courier/docs"
	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/curl"
)

func newConfig(shared *shared) *cobra.Command {
	return newGroup("config", "Check a configuration, begin one, or print its schema",
		`  courier config init --output courier.yml
  courier config check -c courier.yml`,
		newConfigCheck(shared), newConfigSchema(shared), newConfigInit(shared))
}

func newConfigCheck(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Print everything that is wrong with a configuration",
		Long: `Print everything that is wrong with a configuration, each with its place, the key,
what was expected and the nearest right key. Templates are compiled too. Nothing
is sent and no database is opened. The exit code is 2 when something is wrong.`,
		Example: `  courier config check -c courier.yml
  courier config check -c kratos.yml -c local.yml --format json`,
		Args: cobra.NoArgs,
	}
	format := addFormat(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		cfg, err := config.Check(shared.configOptions(), func(cfg *config.Config) error { return app.Check(ctx, cfg) })
		if *format == formatJSON {
			printing := printJSON(cmd.OutOrStdout(), struct {
				Valid    bool          `json:"valid"`
				Problems []problemText `json:"problems"`
				Warnings []problemText `json:"warnings"`
			}{err == nil, problemTexts(config.Problems(err)), problemTexts(warningsOf(cfg, err))})
			return errors.Join(err, printing)
		}
		for _, warning := range warningsOf(cfg, err) {
			tell(cmd.ErrOrStderr(), "warning: %s\n", oneLine(warning.String()))
		}
		if err != nil {
			return err
		}
		return printText(cmd.OutOrStdout(), summary(cfg, shared.configFiles)+"\n")
	})
	return cmd
}

func warningsOf(cfg *config.Config, err error) []config.Problem {
	if invalid, ok := errors.AsType[*config.InvalidError](err); ok {
		return invalid.Warnings
	}
	if cfg == nil {
		return nil
	}
	return cfg.Warnings
}

// summary says what the configuration comes to.
func summary(cfg *config.Config, files []string) string {
	name := strings.Join(files, " with ")
	if name == "" {
		name = "the configuration of the environment and the defaults"
	}
	if !cfg.SMSEnabled() {
		return "ok: " + name + " is valid, and sends nothing: sending text messages is not enabled"
	}
	gateways := make([]string, len(cfg.Gateways))
	for i := range cfg.Gateways {
		gateways[i] = app.GatewaySummary(&cfg.Gateways[i])
	}
	return "ok: " + name + " is valid; gateway " + strings.Join(gateways, ", ")
}

// problemText is a problem or a warning for machines.
type problemText struct {
	Source  string `json:"source,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

func problemTexts(problems []config.Problem) []problemText {
	texts := make([]problemText, 0, len(problems))
	for _, problem := range problems {
		at := problem.Position
		texts = append(texts, problemText{
			Source: at.Source, Line: at.Line, Column: at.Column, Key: problem.Path, Message: problem.Message,
		})
	}
	return texts
}

func newConfigSchema(shared *shared) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print a JSON Schema of the configuration, for editors",
		Example: "  courier config schema > courier.schema.json",
		Args:    cobra.NoArgs,
		RunE: shared.action(func(_ context.Context, cmd *cobra.Command, _ []string) error {
			return printText(cmd.OutOrStdout(), docs.ConfigSchema)
		}),
	}
}

func newConfigInit(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a commented configuration to begin with",
		Example: `  courier config init --output courier.yml
  courier config init --preset twilio --output courier.yml    # for a ready-made gateway
  courier config init --preset twilio --hook supabase         # for an identity system too`,
		Args: cobra.NoArgs,
	}
	output, name, dir, hook := "-", "", "", ""
	cmd.Flags().StringVar(&name, "preset", "", "`PRESET` to send through, such as twilio")
	cmd.Flags().StringVar(&dir, "presets-dir", "", "`FOLDER` with presets of your own")
	registerCompletion(cmd, "preset", completePresets)
	cmd.Flags().StringVar(&hook, "hook", "", "`TYPE` of the hook of an identity system: "+strings.Join(config.HookTypes(), ", "))
	completeFlag(cmd, "hook", config.HookTypes()...)
	cmd.Flags().StringVar(&output, "output", output, "`FILE` to write, which must not exist; - for standard output")
	cmd.RunE = shared.action(func(_ context.Context, cmd *cobra.Command, _ []string) error {
		starter := config.Starter()
		if name != "" {
			chosen, err := loadPreset(dir, name)
			if err != nil {
				return err
			}
			starter = chosen.Starter()
		}
		if hook != "" {
			if !slices.Contains(config.HookTypes(), hook) {
				return usageText(fmt.Sprintf("read --hook: %q is none of %s", hook, strings.Join(config.HookTypes(), ", ")))
			}
			starter = config.StarterWithHook(starter, hook)
		}
		if output == "-" {
			return printText(cmd.OutOrStdout(), starter)
		}
		if err := writeNew(output, starter); err != nil {
			return err
		}
		tell(cmd.ErrOrStderr(), "wrote %s; fill in your gateway, then: %s config check -c %s\n", output, shared.Program, curl.Quote(output))
		return nil
	})
	return cmd
}

// writeNew never overwrites. The file is for its owner, as secrets will be in it.
func writeNew(path, content string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usageText("write configuration: " + path + " exists and is not overwritten; name another --output")
	}
	if err == nil {
		_, err = file.WriteString(content)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}
