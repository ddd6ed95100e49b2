package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"courier/client"
)

// maxBody bounds a body read from standard input, in bytes.
const maxBody = 1 << 20

// sendFlags describe one message, or what the rows of a file leave out.
type sendFlags struct {
	to, body, from, channel, subject string
	sendAt, expiresAt                string
	ttl                              time.Duration
	templateType, templateData       string
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
