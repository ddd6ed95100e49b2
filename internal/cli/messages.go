package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
)

func newMessages(shared *shared) *cobra.Command {
	return newGroup("messages", "Look at messages, cancel or retry them",
		`  courier messages list --status abandoned
  courier messages get 0190163d-8694-739b-aea5-966c26f8ad91`,
		newMessagesList(shared), newMessagesGet(shared), newMessagesCancel(shared), newMessagesRetry(shared))
}

// byID is a call of the client that takes one message.
type byID func(c *client.Client, ctx context.Context, id courier.ID) (*client.Message, error)

// newOnMessage returns a command that does one thing to one message.
func newOnMessage(shared *shared, verb, short, long string, call byID) *cobra.Command {
	cmd := &cobra.Command{
		Use:     verb + " ID",
		Short:   short,
		Long:    long,
		Example: "  courier messages " + verb + " 0190163d-8694-739b-aea5-966c26f8ad91",
		Args:    cobra.ExactArgs(1),
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		id, err := courier.ParseID(args[0])
		if err != nil {
			return usageText(fmt.Sprintf("read argument %q: %v; see courier messages list", args[0], err))
		}
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		message, err := call(opened, ctx, id)
		if err != nil {
			return err
		}
		return printMessage(cmd.OutOrStdout(), *format, message)
	})
	return cmd
}

func newMessagesGet(shared *shared) *cobra.Command {
	return newOnMessage(shared, "get", "Print a message with its attempts", "", (*client.Client).Message)
}

func newMessagesCancel(shared *shared) *cobra.Command {
	return newOnMessage(shared, "cancel", "Withdraw a message that no gateway has taken",
		"Withdraw a message that is queued, or whose outcome is unknown. One that a gateway\nhas taken, or that is being handed to one right now, cannot be withdrawn.",
		(*client.Client).Cancel)
}

func newMessagesRetry(shared *shared) *cobra.Command {
	return newOnMessage(shared, "retry", "Queue a message that failed again",
		"Queue again a message that was rejected, abandoned, expired or undelivered, or whose\noutcome is unknown. Its retries are counted anew. A message whose content was deleted\n(see retention.scrub_after) cannot be sent again.",
		(*client.Client).Retry)
}
