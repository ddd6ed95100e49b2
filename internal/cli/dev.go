package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/inbox"
)

// loopback is the only address that dev listens on.
const loopback = "127.0.0.1"

// devFlags are the flags of dev.
type devFlags struct {
	dir                         string
	port, publicPort, inboxPort devPort
	once                        bool
}

// devPort is a port that may be taken by another program.
type devPort struct {
	flag   string
	number int
	// asked is true when the user named it, so that no other will do.
	asked bool
}

func newDev(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Try it: a courier, a fake phone and a sample message, with nothing to configure",
		Long: `Run a courier on this machine with the inbox, a fake gateway, behind it: nothing
to configure, no account and no text message leaves the machine. A sample message
goes the whole way, in Twilio's form encoding with basic auth, and what the phone
received is printed. It stays up until Ctrl-C.

Messages are kept in a temporary folder that is removed at the end, or in --dir.`,
		Example: `  courier dev
  courier dev --dir ./courier-dev    # keep the messages and the configuration
  courier dev --once                 # only the sample, for scripts`,
		Args: cobra.NoArgs,
	}
	flags := devFlags{
		port:       devPort{flag: "port", number: 4478},
		publicPort: devPort{flag: "public-port", number: 4477},
		inboxPort:  devPort{flag: "inbox-port", number: inboxPort},
	}
	flags.register(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if len(shared.configFiles) > 0 {
			return usageText("dev makes its own configuration; use courier serve -c FILE for yours")
		}
		for _, port := range flags.ports() {
			port.asked = cmd.Flags().Changed(port.flag)
		}
		defer keepWithoutLog()()
		d := &dev{shared: shared, flags: flags, out: cmd.OutOrStdout(), log: cmd.ErrOrStderr()}
		return d.run(ctx)
	})
	return cmd
}

func (f *devFlags) ports() []*devPort { return []*devPort{&f.port, &f.publicPort, &f.inboxPort} }

func (f *devFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "", "`FOLDER` to keep the messages in (default a temporary one)")
	flags.IntVar(&f.port.number, f.port.flag, f.port.number, "port of the courier, 0 for any free one")
	flags.IntVar(&f.publicPort.number, f.publicPort.flag, f.publicPort.number, "port of the courier's public listener")
	flags.IntVar(&f.inboxPort.number, f.inboxPort.flag, f.inboxPort.number, "port of the inbox")
	flags.BoolVar(&f.once, "once", false, "end after the sample message")
}

// run starts everything, shows the sample and takes everything down again.
func (d *dev) run(ctx context.Context) (err error) {
	folder, remove, err := devFolder(d.flags.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	phone, err := d.startInbox(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopInbox(ctx, phone)) }()
	running, err := d.startApp(ctx, folder, phone.URL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Stop(context.WithoutCancel(ctx))) }()
	return d.show(ctx, running, phone, folder)
}

// startInbox listens on the wanted port, or on a free one.
func (d *dev) startInbox(ctx context.Context) (*inbox.Server, error) {
	port, err := d.free(ctx, d.flags.inboxPort)
	if err != nil {
		return nil, err
	}
	d.sample = fmt.Sprintf("Your code is %06d", rand.N(1_000_000))
	options := inbox.Options{OnMessageFunc: d.caught(&catchPrinter{out: d.out, format: formatTable})}
	server, err := inbox.Listen(ctx, net.JoinHostPort(loopback, strconv.Itoa(port)), options)
	if err != nil {
		return nil, fmt.Errorf("start inbox: %w; name another --%s", err, d.flags.inboxPort.flag)
	}
	return server, nil
}

func (d *dev) startApp(ctx context.Context, folder devPlace, gateway string) (*app.App, error) {
	port, err := d.free(ctx, d.flags.port)
	if err != nil {
		return nil, err
	}
	publicPort, err := d.free(ctx, d.flags.publicPort)
	if err != nil {
		return nil, err
	}
	if err := folder.write(gateway, port, publicPort); err != nil {
		return nil, err
	}
	source := config.Options{Files: []string{folder.configFile()}}
	cfg, err := config.Load(source)
	if err != nil {
		return nil, err
	}
	running, err := app.New(app.Options{Config: cfg, Watch: source, LogOutput: d.log, Version: d.shared.Version})
	if err != nil {
		return nil, err
	}
	return running, running.Start(ctx)
}

// free returns the port, or 0 for any when another program has it.
func (d *dev) free(ctx context.Context, port devPort) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port.number)))
	switch {
	case err == nil:
		return port.number, listener.Close()
	case port.asked:
		return 0, fmt.Errorf("use --%s %d: %w; name another", port.flag, port.number, err)
	}
	tell(d.out, "Port %d is taken by another program, so a free one is used.\n", port.number)
	return 0, nil
}

func serverURL(address string) string {
	return (&url.URL{Scheme: "http", Host: address}).String()
}
