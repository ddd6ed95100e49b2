package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
)

// sendRetryFor is how long a message with an idempotency key is sent again
// while the server is away.
const sendRetryFor = 10 * time.Second

// The delays between two looks at a message that is waited for double from the first to
// the longest.
const firstLook, longestLook = 25 * time.Millisecond, time.Second

func newSend(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "send (--to RECIPIENT --body TEXT | --csv FILE)",
		Short: "Send one message, or many from a CSV file",
		Long: `Send one message, or many from a CSV file, through a running courier.

The file has a header row with the columns to and body, and optionally from,
channel, subject, ttl, send_at, expires_at, template_type, template_data (a JSON
object), metadata (a JSON object), metadata.NAME and idempotency_key. What a flag
says holds for every row whose own column is empty.

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
	options := client.Options{}
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
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), message.ID, message.Status); err != nil {
		return fmt.Errorf("print message: %w", err)
	}
	return nil
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
