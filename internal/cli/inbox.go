package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"courier/internal/inbox"
)

// inboxPort is where the inbox listens unless --port says otherwise, next to
// the courier's own ports.
const inboxPort = 4479

// stopTimeout bounds how long a fake gateway waits for requests under way.
const stopTimeout = 5 * time.Second

type inboxFlags struct {
	host    string
	port    int
	options inbox.Options
	as      emulationFlags
}

func newInbox(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inbox",
		Short: "Run a fake gateway that catches messages and shows them on a phone in the browser",
		Long: `Run a fake gateway that takes any request on any path, answers 201 with an id
and prints the text it caught. Its address, opened in a browser, is a phone that
shows what came, with buttons that make the gateway fail or report. courier inbox
wait gives a test the code; GET /_inbox/messages lists what came, DELETE
/_inbox/messages empties it. Of more than 1,000 messages the oldest are forgotten.

With --as it takes requests as strictly as a provider does, answers in its words and
sends its receipts. Set base_url of the gateway's params to its address. Some
recipients get an error or a receipt of their own: --as NAME --numbers lists them.`,
		Example: `  courier inbox
  courier inbox --status 503 --retry-after 30s     # a gateway with a bad day
  courier inbox --fail-rate 0.1 --latency 200ms
  courier inbox --as twilio                        # Twilio, without an account
  courier inbox --as twilio --numbers              # which numbers fail, and how
  courier inbox wait --to +12065550199             # prints the next code
  curl -s http://127.0.0.1:4479/_inbox/messages`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newInboxWait(shared))
	format := addFormat(cmd)
	var flags inboxFlags
	set := cmd.Flags()
	set.StringVar(&flags.host, "host", "127.0.0.1", "address to listen on")
	set.IntVar(&flags.port, "port", inboxPort, "port to listen on, 0 for any free one")
	set.IntVar(&flags.options.Status, "status", 201, "status of the answers")
	set.DurationVar(&flags.options.Latency, "latency", 0, "how long an answer takes")
	set.Float64Var(&flags.options.FailRate, "fail-rate", 0, "share of requests, 0 to 1, that are answered with 503")
	set.DurationVar(&flags.options.RetryAfter, "retry-after", 0, "delay asked for in answers that are no success")
	set.BoolVar(&flags.options.Hang, "hang", false, "never answer")
	set.BoolVar(&flags.options.Reset, "reset", false, "break the connection instead of answering")
	flags.as.register(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if err := flags.check(); err != nil {
			return &usageError{err}
		}
		if flags.as.numbers {
			return flags.as.printNumbers(cmd.OutOrStdout(), *format)
		}
		return runInbox(ctx, cmd, flags, *format)
	})
	return cmd
}

func (f *inboxFlags) check() error {
	switch {
	case f.port < 0 || f.port > 65535:
		return errors.New("read --port: it must be 0 to 65535")
	case f.options.Status < 200 || f.options.Status > 599:
		return errors.New("read --status: it must be 200 to 599")
	case f.options.FailRate < 0 || f.options.FailRate > 1:
		return errors.New("read --fail-rate: it must be 0 to 1, such as 0.1")
	case f.options.Latency < 0 || f.options.RetryAfter < 0:
		return errors.New("read --latency and --retry-after: they must not be negative")
	case f.options.Hang && f.options.Reset:
		return errors.New("--hang and --reset exclude each other")
	case f.as.numbers && f.as.name == "":
		return errors.New("--numbers needs --as: name the provider")
	case f.as.receiptDelay < 0:
		return errors.New("read --receipt-delay: it must not be negative")
	}
	return nil
}

func runInbox(ctx context.Context, cmd *cobra.Command, flags inboxFlags, format format) error {
	caught := &catchPrinter{out: cmd.OutOrStdout(), format: format}
	flags.options.OnMessageFunc = caught.print
	server, err := flags.listen(ctx, caught)
	if err != nil {
		return err
	}
	tell(cmd.ErrOrStderr(), "inbox listens on %s, which shows a phone in a browser; messages are listed at %s/_inbox/messages; stop it with Ctrl-C\n",
		server.URL(), server.URL())
	<-ctx.Done()
	return stopInbox(ctx, server)
}

// listen starts the inbox, as a provider if one is named.
func (f *inboxFlags) listen(ctx context.Context, caught *catchPrinter) (*inbox.Server, error) {
	f.options.ReceiptDelay, f.options.OnReceiptFunc = f.as.receiptDelay, caught.printReceipt
	if f.as.name != "" {
		emulator, err := f.as.options()
		if err != nil {
			return nil, err
		}
		f.options.Emulation = &inbox.Emulation{Name: f.as.name, Emulator: emulator}
	}
	server, err := inbox.Listen(ctx, net.JoinHostPort(f.host, strconv.Itoa(f.port)), f.options)
	if err != nil {
		return nil, fmt.Errorf("start inbox: %w; is it running already? name another --port", err)
	}
	return server, nil
}

func stopInbox(ctx context.Context, server *inbox.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		return fmt.Errorf("stop inbox: %w", err)
	}
	return nil
}

// catchPrinter prints messages one at a time, although they come at once.
type catchPrinter struct {
	mutex  sync.Mutex
	out    io.Writer
	format format
}

func (p *catchPrinter) print(message inbox.Message) {
	text := message.To + "  " + message.Text
	if message.To == "" && message.Text == "" {
		text = message.Method + " " + message.Target + "  (no recipient and text in it)"
	}
	switch {
	case message.Status == 0:
		text += "  (not answered)"
	case !message.Arrived():
		text += fmt.Sprintf("  (answered %d, so no phone has it)", message.Status)
	}
	line := printable(message.ReceivedAt.Local().Format("15:04:05.000") + "  " + text)
	if p.format == formatJSON {
		encoded, err := json.Marshal(message)
		if err != nil {
			return
		}
		line = string(encoded)
	}
	p.line(line)
}

func (p *catchPrinter) line(text string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	tell(p.out, "%s\n", text)
}
