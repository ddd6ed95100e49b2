package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"courier/internal/app"
	"courier/internal/config"
)

func newServe(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the courier",
		Long: `Run the courier until it is told to stop: SIGINT, SIGTERM or a closed terminal
(SIGHUP) let the attempts in flight finish, a second signal ends it at once. A
changed configuration is taken over by itself, without a signal.

Every key of the configuration can be set from the environment too, such as
COURIER_SMS_FROM for courier.sms.from. A file of Ory Kratos can be given as it is.`,
		Example: `  courier serve -c courier.yaml
  courier -c kratos.yml -c local.yaml serve
  STORE_DSN=sqlite:///var/lib/courier/courier.db courier serve -c courier.yaml`,
		Args: cobra.NoArgs,
	}
	profile := cmd.Flags().String("cpuprofile", "", "`FILE` for a CPU profile, written at the end")
	// For measurements, not for operators.
	_ = cmd.Flags().MarkHidden("cpuprofile")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		options := shared.configOptions()
		cfg, err := config.Load(options)
		if err != nil {
			return err
		}
		if len(shared.configFiles) == 0 {
			tell(cmd.ErrOrStderr(), "hint: no configuration file was given, only the environment and the defaults count; "+
				"write one with courier config init and give it with -c, or try courier dev\n")
		}
		tuneMemory(cfg)
		return profiled(*profile, func() error {
			return serve(ctx, app.Options{Config: cfg, Watch: options, LogOutput: cmd.ErrOrStderr(), Version: shared.Version})
		})
	})
	return cmd
}

// serve runs a courier until ctx ends, or until a part of it fails.
func serve(ctx context.Context, options app.Options) error {
	running, err := app.New(options)
	if err != nil {
		return err
	}
	if err := running.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-running.Failed():
	}
	return errors.Join(err, running.Stop(context.WithoutCancel(ctx)))
}

// configOptions say where the configuration comes from.
func (s *shared) configOptions() config.Options {
	return config.Options{
		Files:         s.configFiles,
		Environ:       s.Environ,
		IgnoreEnviron: []string{"COURIER_SERVER", "COURIER_API_KEY"},
	}
}
