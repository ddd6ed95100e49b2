package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
)

// sendRetryFor is how long a message with an idempotency key is sent again
// while the server is away.
const sendRetryFor = 10 * time.Second

// The delays between two looks at what is waited for double from the first to
// the longest.
const firstLook, longestLook = 25 * time.Millisecond, time.Second

func newSend(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "send (--to RECIPIENT --body TEXT | --csv FILE)",
		Short: "Send one message, or many from a CSV file",
		Long: `Send one message, or many from a CSV file, through a running courier.

The file has a header row with the columns to and body, and optionally from,
channel, subject, ttl, send_at, expires_at, template_type, template_data (a JSON
object), metadata (a JSON object), metadata.NAME, lane, supersede_key and
idempotency_key. What a flag says holds for every row whose own column is empty.

Repeating a command that was broken off, or with refused rows corrected or
deleted, sends nothing twice: each row is known by its content, and equal rows
are counted. To send the same rows again on purpose, give another --run-id.`,
		Example: `  courier send --to +12065550199 --body "Your code is 123456" --ttl 5m
  courier send --to +12065550199 --body "Ready" --wait
  echo "Hello" | courier send --to +12065550199 --body -
  courier send --csv recipients.csv --report refused.csv
  courier send --csv recipients.csv --run-id june --from Shop`,
		Args: cobra.NoArgs,
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	var flags sendFlags
	flags.register(cmd)
	var bulk bulkFlags
	bulk.register(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if bulk.file != "" {
			return sendBulk(ctx, cmd, connection, *format, flags, bulk)
		}
		return sendOne(ctx, cmd, connection, *format, flags)
	})
	return cmd
}

func sendOne(ctx context.Context, cmd *cobra.Command, connection *connection, format format, flags sendFlags) error {
	request, err := flags.request(cmd.InOrStdin())
	if err != nil {
		return &usageError{err}
	}
	var options client.Options
	if request.IdempotencyKey != "" {
		options.RetryFor = sendRetryFor
	}
	opened, err := connection.open(options)
	if err != nil {
		return err
	}
	message, err := opened.Send(ctx, request)
	if err != nil {
		return err
	}
	if message.Replayed {
		tell(cmd.ErrOrStderr(), "this idempotency key was used before, so nothing was sent now\n")
	}
	if flags.wait {
		return waitAndPrint(ctx, cmd, opened, format, message.ID, flags.waitTimeout)
	}
	return printSent(cmd, format, message)
}

func printSent(cmd *cobra.Command, format format, message *client.Message) error {
	if format == formatJSON {
		return printJSON(cmd.OutOrStdout(), message)
	}
	return printText(cmd.OutOrStdout(), fmt.Sprintln(message.ID, message.Status))
}

// waitAndPrint prints what became of a message, and returns an error when no
// gateway took it.
func waitAndPrint(ctx context.Context, cmd *cobra.Command, from *client.Client, format format, id courier.ID, timeout time.Duration) error {
	message, err := await(ctx, from, id, timeout)
	if err != nil {
		return err
	}
	if err := printSent(cmd, format, message); err != nil {
		return err
	}
	if message.Status == courier.StatusSent || message.Status == courier.StatusDelivered {
		return nil
	}
	if text := faultText(message.LastError); text != "" {
		return fmt.Errorf("message is %s: %s", message.Status, text)
	}
	return fmt.Errorf("message is %s; see courier messages get %s", message.Status, id)
}

// await asks for a message until the courier has done what it can.
func await(ctx context.Context, from *client.Client, id courier.ID, timeout time.Duration) (*client.Message, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var status courier.Status
	for delay := firstLook; ; delay = min(2*delay, longestLook) {
		message, err := from.Message(limited, id)
		switch {
		case err == nil && message.Settled():
			return message, nil
		case err == nil:
			status = message.Status
		case limited.Err() == nil:
			return nil, err
		}
		select {
		case <-time.After(delay):
		case <-limited.Done():
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for message %s: %w", id, ctx.Err())
		}
		if limited.Err() != nil {
			return nil, fmt.Errorf("message %s is still %s after %s; look later with courier messages get %s", id, status, timeout, id)
		}
	}
}

// maxBody bounds a body read from standard input, in bytes.
const maxBody = 1 << 20

// sendFlags describe one message, or what the rows of a file leave out.
type sendFlags struct {
	to, body, from, channel, subject string
	sendAt, expiresAt                string
	ttl                              time.Duration
	templateType, templateData       string
	gateway, callbackURL             string
	lane                             string
	supersedeKey                     *string
	metadata                         []string
	idempotencyKey                   string
	wait                             bool
	waitTimeout                      time.Duration
}

func (f *sendFlags) register(cmd *cobra.Command) {
	f.registerMessage(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.sendAt, "send-at", "", "send it no earlier than this `TIME` (2026-01-31T18:00:00Z)")
	flags.StringVar(&f.expiresAt, "expires-at", "", "do not send it after this `TIME`")
	flags.DurationVar(&f.ttl, "ttl", 0, "do not send it later than this after now (5m)")
	flags.StringVar(&f.callbackURL, "callback-url", "", "`URL` that is told of each change of status")
	flags.StringVar(&f.lane, "lane", "", "how urgent it is: otp, normal or bulk (default otp for a one-time code, or else normal)")
	flags.Func("supersede-key", "take the place of messages with this `KEY` that no gateway has taken yet (a one-time code has one by default; \"\" for none)",
		func(key string) error { f.supersedeKey = &key; return nil })
	flags.StringVar(&f.idempotencyKey, "idempotency-key", "", "send it only if no message with this `KEY` was sent")
	flags.BoolVar(&f.wait, "wait", false, "wait until a gateway has taken it, or none ever will")
	flags.DurationVar(&f.waitTimeout, "wait-timeout", time.Minute, "how long to wait")
}

// registerMessage adds the flags that make up the text, which render has too.
func (f *sendFlags) registerMessage(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "recipient, best as +12065550199")
	flags.StringVar(&f.body, "body", "", "text, or - to read it from standard input")
	flags.StringVar(&f.from, "from", "", "sender (default the configured one)")
	flags.StringVar(&f.channel, "channel", "", "channel (default sms)")
	flags.StringVar(&f.gateway, "gateway", "", "the only gateway that may take it (default as the routes say)")
	flags.StringVar(&f.subject, "subject", "", "subject, for gateways that have one")
	flags.StringVar(&f.templateType, "template-type", "", "what kind of text it is, passed to the gateway's template")
	flags.StringVar(&f.templateData, "template-data", "", "`JSON` object passed to the gateway's template")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "`KEY=VALUE` kept with the message; repeat it for several")
}

// request returns the one message that the flags describe.
func (f *sendFlags) request(stdin io.Reader) (client.SendRequest, error) {
	if f.to == "" {
		return client.SendRequest{}, errors.New("--to is missing: name a recipient, or a file with --csv")
	}
	if f.body == "" && f.templateType == "" && f.templateData == "" {
		return client.SendRequest{}, errors.New("--body is missing: give the text, - to read it from standard input, or --template-type or --template-data")
	}
	request, err := f.base()
	if err != nil {
		return client.SendRequest{}, err
	}
	request.To, request.Body, request.IdempotencyKey = f.to, f.body, f.idempotencyKey
	if f.body == "-" {
		if request.Body, err = readBody(stdin); err != nil {
			return client.SendRequest{}, err
		}
	}
	return request, nil
}

// base returns what holds for every message of the command.
func (f *sendFlags) base() (client.SendRequest, error) {
	request := client.SendRequest{
		From: f.from, Channel: f.channel, Subject: f.subject, TTL: f.ttl, TemplateType: f.templateType,
		Gateway: f.gateway, CallbackURL: f.callbackURL, Lane: courier.Lane(f.lane), SupersedeKey: f.supersedeKey,
	}
	if f.ttl < 0 {
		return request, errors.New("read --ttl: it must not be negative")
	}
	var err error
	if request.SendAt, err = parseTime(f.sendAt); err != nil {
		return request, fmt.Errorf("read --send-at: %w", err)
	}
	if request.ExpiresAt, err = parseTime(f.expiresAt); err != nil {
		return request, fmt.Errorf("read --expires-at: %w", err)
	}
	if f.templateData != "" {
		if request.TemplateData, err = parseObject(f.templateData); err != nil {
			return request, fmt.Errorf("read --template-data: %w", err)
		}
	}
	request.Metadata, err = parsePairs(f.metadata)
	return request, err
}

// readBody leaves out the line break that echo and editors put at the end.
func readBody(stdin io.Reader) (string, error) {
	content, err := io.ReadAll(io.LimitReader(stdin, maxBody+1))
	if err != nil {
		return "", fmt.Errorf("read body from standard input: %w", err)
	}
	if len(content) > maxBody {
		return "", fmt.Errorf("read body from standard input: it is longer than %d bytes", maxBody)
	}
	if !utf8.Valid(content) {
		return "", errors.New("read body from standard input: it is not UTF-8")
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return "", errors.New("read body from standard input: it is empty")
	}
	return text, nil
}

func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time such as 2026-01-31T18:00:00Z", text)
	}
	return at, nil
}

// parseObject checks for a JSON object and returns it as it is.
func parseObject(text string) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
		return nil, errors.New(`it must be a JSON object such as {"code": "123456"}`)
	}
	return json.RawMessage(text), nil
}

func parsePairs(pairs []string) (map[string]any, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	values := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("read --metadata: %q is not KEY=VALUE", pair)
		}
		values[name] = value
	}
	return values, nil
}
