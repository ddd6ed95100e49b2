package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"courier/client"
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
	once, open                  bool
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
goes the whole way to a gateway that behaves as Twilio's, and its receipt comes back.
A phone in the browser shows what came, and makes the gateway fail, hang or report what
you like. It stays up until Ctrl-C.

Messages are kept in a temporary folder that is removed at the end, or in --dir.`,
		Example: `  courier dev
  courier dev --open                 # and show the phone in the browser
  courier dev --dir ./courier-dev    # keep the messages and the configuration
  courier dev --once                 # only the sample, for scripts`,
		Args: cobra.NoArgs,
	}
	flags := devFlags{
		port:       devPort{flag: "port", number: 4478},
		publicPort: devPort{flag: "public-port", number: 4477},
		inboxPort:  devPort{flag: "inbox-port", number: inboxPort},
	}
	set := cmd.Flags()
	set.StringVar(&flags.dir, "dir", "", "`FOLDER` to keep the messages in (default a temporary one)")
	set.IntVar(&flags.port.number, flags.port.flag, flags.port.number, "port of the courier, 0 for any free one")
	set.IntVar(&flags.publicPort.number, flags.publicPort.flag, flags.publicPort.number, "port of the courier's public listener")
	set.IntVar(&flags.inboxPort.number, flags.inboxPort.flag, flags.inboxPort.number, "port of the inbox")
	set.BoolVar(&flags.open, "open", false, "open the phone in the browser")
	set.BoolVar(&flags.once, "once", false, "end after the sample message")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if len(shared.configFiles) > 0 {
			return usageText("dev makes its own configuration; use courier serve -c FILE for yours")
		}
		for _, port := range []*devPort{&flags.port, &flags.publicPort, &flags.inboxPort} {
			port.asked = cmd.Flags().Changed(port.flag)
		}
		defer keepWithoutLog()()
		d := &dev{shared: shared, flags: flags, out: cmd.OutOrStdout(), log: cmd.ErrOrStderr()}
		return d.run(ctx)
	})
	return cmd
}

// dev is one run of courier dev.
type dev struct {
	shared   *shared
	flags    devFlags
	out, log io.Writer
	// sample is the text of the sample, shown is set once it was printed apart.
	sample string
	shown  atomic.Bool
}

// caught prints what the inbox catches, but for the first sample.
func (d *dev) caught(printer *catchPrinter) func(inbox.Message) {
	return func(message inbox.Message) {
		if message.Text != d.sample || d.shown.Swap(true) {
			printer.print(message)
		}
	}
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
	code, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return nil, err
	}
	d.sample = fmt.Sprintf("Your code is %06d", code)
	emulator, err := (&emulationFlags{name: devPreset}).options()
	if err != nil {
		return nil, err
	}
	emulator.PlainNumbers = true
	printer := &catchPrinter{out: d.out, format: formatTable}
	options := inbox.Options{
		Emulation: &inbox.Emulation{Name: devPreset, Emulator: emulator}, ReceiptDelay: devReceiptDelay,
		OnMessageFunc: d.caught(printer),
		OnReceiptFunc: func(receipt inbox.Receipt) {
			if !receipt.Taken() {
				printer.printReceipt(receipt)
			}
		},
	}
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
	if err == nil && publicPort == 0 { // the address of receipts names it
		publicPort, err = anyPort(ctx)
	}
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

// anyPort returns a port that no program has.
func anyPort(ctx context.Context) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	address, _ := listener.Addr().(*net.TCPAddr)
	return address.Port, listener.Close()
}

// sampleTo is the recipient of the sample: a number kept for fiction.
const sampleTo = "+12065550199"

// sampleTimeout is how long the sample may take.
const sampleTimeout = 15 * time.Second

// show sends the sample and stays up, unless it is to end.
func (d *dev) show(ctx context.Context, running *app.App, phone *inbox.Server, folder devPlace) error {
	server := "http://" + running.AdminAddr()
	tell(d.out, "The phone, for your browser, is    %s\n", phone.URL())
	tell(d.out, "The courier, pages and API, is at  %s\n", server)
	lifetime := ""
	if d.flags.dir == "" {
		lifetime = " (removed at the end)"
	}
	tell(d.out, "Configuration and messages are in  %s%s\n\n", folder, lifetime)
	if err := d.showSample(ctx, server, phone); err != nil {
		return err
	}
	if d.flags.once {
		return nil
	}
	d.showNext(server, phone.URL())
	if d.flags.open {
		if err := openBrowser(ctx, phone.URL()); err != nil {
			tell(d.out, "No browser could be started (%s): open %s yourself.\n\n", err, phone.URL())
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-running.Failed():
		return err
	}
}

// showSample sends a message the way that any program would.
func (d *dev) showSample(ctx context.Context, server string, phone *inbox.Server) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	sender, err := client.New(client.Options{BaseURL: server, UserAgent: "courier-dev"})
	if err != nil {
		return err
	}
	began := time.Now()
	sent, err := sender.Send(ctx, client.SendRequest{To: sampleTo, Body: d.sample})
	if err != nil {
		return fmt.Errorf("send sample: %w", err)
	}
	for count := 1; phone.WaitFor(ctx, count) == nil; count++ { // messages of another day may come first
		for _, message := range phone.Messages() {
			if message.Text == d.sample {
				took := max(message.ReceivedAt.Sub(began), 0)
				tell(d.out, "Sent a sample message over the HTTP API: %s\n", sent.ID)
				tell(d.out, "It was kept on disk and sent on; the phone received it after %.1f ms:\n\n", took.Seconds()*1000)
				tell(d.out, "    request  %s %s\n", message.Method, message.Target)
				tell(d.out, "    to       %s\n", printable(message.To))
				tell(d.out, "    text     %s\n\n", printable(message.Text))
				return nil
			}
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("sample did not arrive within %s; the log above says why", sampleTimeout)
	}
	return nil
}

func (d *dev) showNext(server, phone string) {
	program, flag := d.shared.Program, ""
	if server != client.DefaultBaseURL {
		flag = " --server " + server
	}
	inboxFlag := ""
	if phone != defaultInbox() {
		inboxFlag = " --inbox " + phone
	}
	tell(d.out, "Try next, in another terminal:\n\n    %s\n\n", strings.Join([]string{
		program + " send" + flag + " --to " + sampleTo + ` --body "Your code is 123456"`,
		program + " inbox wait" + inboxFlag + " --to " + sampleTo + "   # prints the code: for tests",
		program + " messages list" + flag,
		"curl -s " + server + `/v1/messages -H 'Content-Type: application/json' -d '{"to":"` + sampleTo + `","body":"Hello"}'`,
		"curl -s " + phone + "/_inbox/messages",
	}, "\n    "))
	tell(d.out, "What the phone receives is printed here. Stop with Ctrl-C.\n\n")
}

// devPlace is the folder in which dev keeps its files.
type devPlace string

// devFolder makes the folder and takes it for this process, so that a second dev does not
// change the files of the first. It returns what gives it back, and removes it when it is
// temporary.
func devFolder(dir string) (folder devPlace, leave func() error, err error) {
	remove := func() error { return nil }
	if dir == "" {
		if dir, err = os.MkdirTemp("", "courier-dev-"); err != nil {
			return "", nil, fmt.Errorf("make temporary folder: %w; name one with --dir", err)
		}
		remove = func() error { return os.RemoveAll(dir) }
	}
	absolute, err := filepath.Abs(dir)
	if strings.ContainsAny(absolute, "?#") {
		return "", nil, usageText("make folder: the address of a database cannot hold ? or #; name another --dir")
	}
	if err == nil {
		err = os.MkdirAll(absolute, 0o700)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make folder: %w; name another --dir", err)
	}
	lock, err := os.OpenFile(filepath.Join(absolute, "courier-dev.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("make lock file: %w; name another --dir", err)
	}
	if err := lockFile(lock); err != nil {
		err = fmt.Errorf("lock folder %s: %w; name another --dir", absolute, err)
		if errors.Is(err, errLocked) {
			err = fmt.Errorf("folder %s is used by another courier dev: stop that one, or name another --dir", absolute)
		}
		return "", nil, errors.Join(err, lock.Close())
	}
	return devPlace(absolute), func() error { return errors.Join(unlockFile(lock), lock.Close(), remove()) }, nil
}

func (p devPlace) file(name string) string { return filepath.Join(string(p), name) }

func (p devPlace) configFile() string { return p.file("courier-dev.yml") }

// devPreset is the ready-made gateway that dev sends through. Its emulator tells that
// a phone got a message devReceiptDelay later, and again until it was delivered.
const (
	devPreset       = "twilio"
	devReceiptDelay = 500 * time.Millisecond
)

// devConfig is a courier whose Twilio is the inbox.
const devConfig = `# Written by courier dev at each start. Copy it to begin a configuration of
# your own: without base_url, with your own account and an address that the
# internet reaches as public.url, it sends text messages.
courier:
  gateways:
    - id: phone
      preset: twilio
      from: "+12065550110"
      receipt_secret: ${SECRET}
      params:
        account_sid: AC00000000000000000000000000000000
        auth_token: no-real-token
        base_url: ${GATEWAY}
store:
  dsn: ${DSN}
api:
  port: ${PORT}
public:
  port: ${PUBLIC_PORT}
  url: http://127.0.0.1:${PUBLIC_PORT}
log:
  level: warning
`

// write writes the configuration.
func (p devPlace) write(gateway string, port, publicPort int) error {
	text := strings.NewReplacer(
		"${GATEWAY}", gateway,
		"${SECRET}", strings.ToLower(rand.Text()),
		"${DSN}", strconv.Quote("sqlite://"+filepath.ToSlash(p.file("courier.db"))),
		"${PORT}", strconv.Itoa(port),
		"${PUBLIC_PORT}", strconv.Itoa(publicPort),
	).Replace(devConfig)
	if err := os.WriteFile(p.configFile(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w; name another --dir", err)
	}
	return nil
}
