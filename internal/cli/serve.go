package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"

	"github.com/spf13/cobra"

	"courier/internal/app"
	"courier/internal/config"
)

func newServe(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the courier",
		Long: `Run the courier until it is stopped: SIGINT and SIGTERM let the attempts in
flight finish, a second signal ends it at once. A changed configuration is taken
over by itself; SIGHUP makes it read everything again at once.

Every key of the configuration can be set from the environment too, such as
COURIER_SMS_FROM for courier.sms.from. A file of Ory Kratos can be given as it is.`,
		Example: `  courier serve -c courier.yml
  courier -c kratos.yml -c local.yml serve
  STORE_DSN=sqlite:///var/lib/courier/courier.db courier serve -c courier.yml`,
		Args: cobra.NoArgs,
	}
	profile := cmd.Flags().String("cpuprofile", "", "`FILE` for a CPU profile, written at the end")
	// For measurements, not for operators.
	_ = cmd.Flags().MarkHidden("cpuprofile")
	cmd.RunE = shared.daemon(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
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
			defer keepWithoutLog()()
			return serve(ctx, shared.Hangups, app.Options{Config: cfg, Watch: options, LogOutput: cmd.ErrOrStderr(), Version: shared.Version})
		})
	})
	return cmd
}

// serve runs a courier until ctx ends, or until a part of it fails.
func serve(ctx context.Context, hangups <-chan os.Signal, options app.Options) error {
	running, err := app.New(options)
	if err != nil {
		return err
	}
	if err := running.Start(ctx); err != nil {
		return err
	}
	for err == nil {
		select {
		case <-hangups:
			_ = running.Reload(ctx) // it has logged what is wrong
			continue
		case <-ctx.Done():
		case err = <-running.Failed():
		}
		break
	}
	return errors.Join(err, running.Stop(context.WithoutCancel(ctx)))
}

// keepWithoutLog lets the process outlive who reads its log: a write to a pipe whose
// reader is gone is an error then, and no longer a signal that ends the process. It
// returns what undoes it.
func keepWithoutLog() (undo func()) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	return func() { signal.Stop(broken) }
}

// configOptions say where the configuration comes from.
func (s *shared) configOptions() config.Options {
	return config.Options{
		Files:         s.configFiles,
		Environ:       s.Environ,
		IgnoreEnviron: []string{"COURIER_SERVER", "COURIER_API_KEY", inboxVariable},
	}
}

const (
	// heapGrowth is how much the heap may grow between two collections, in percent.
	// What lives in it is small, the messages in flight, and at Go's default of 100
	// a busy courier spends a tenth of its time on collecting.
	heapGrowth = 400
	// memoryBase and memoryAttempt, in bytes, are from where on memory counts for
	// more than time: what a courier needs at all, and what an attempt in flight does.
	memoryBase    = 72 << 20
	memoryAttempt = 48 << 10
)

// tuneMemory fits the garbage collector to a courier of this configuration. The
// environment variables GOGC and GOMEMLIMIT of Go have the last word.
func tuneMemory(cfg *config.Config) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(heapGrowth)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		attempts := 0
		for i := range cfg.Gateways {
			attempts += cmp.Or(cfg.Gateways[i].MaxInFlight, cfg.Dispatch.MaxInFlight)
		}
		attempts = max(attempts, cfg.Dispatch.MaxInFlight)
		debug.SetMemoryLimit(int64(memoryBase + attempts*memoryAttempt))
	}
}

// profiled runs do and writes what the processor did meanwhile to the file, in
// the format of pprof. Without a file it only runs do.
func profiled(path string, do func() error) (err error) {
	if path == "" {
		return do()
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(fmt.Errorf("start the CPU profile: %w", err), file.Close())
	}
	defer func() {
		pprof.StopCPUProfile()
		err = errors.Join(err, file.Close())
	}()
	return do()
}
