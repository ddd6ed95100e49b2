package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
)

// listPage is the most messages asked for at once.
const listPage = 100

func newMessages(shared *shared) *cobra.Command {
	return newGroup("messages", "Look at messages, cancel or retry them",
		`  courier messages list --status abandoned
  courier messages get 0190163d-8694-739b-aea5-966c26f8ad91
  courier messages retry --status rejected --class unauthorized --since 2h`,
		newMessagesList(shared), newMessagesGet(shared), newMessagesCancel(shared), newMessagesRetry(shared))
}

// onMessage is a call of the client that takes one message.
type onMessage func(c *client.Client, ctx context.Context, id courier.ID) (*client.Message, error)

// newOnMessage returns a command that does one thing to one message.
func newOnMessage(shared *shared, verb, short, long string, call onMessage) *cobra.Command {
	cmd := &cobra.Command{
		Use:     verb + " ID",
		Short:   short,
		Long:    long,
		Example: "  courier messages " + verb + " 0190163d-8694-739b-aea5-966c26f8ad91",
		Args:    cobra.ExactArgs(1),
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		return runOnMessage(ctx, cmd, connection, *format, args[0], call)
	})
	return cmd
}

func runOnMessage(ctx context.Context, cmd *cobra.Command, connection *connection, format format, text string, call onMessage) error {
	id, err := courier.ParseID(text)
	if err != nil {
		return usageText(fmt.Sprintf("read argument %q: %v; see courier messages list", text, err))
	}
	opened, err := connection.open(client.Options{})
	if err != nil {
		return err
	}
	message, err := call(opened, ctx, id)
	if err != nil {
		return err
	}
	return printMessage(cmd.OutOrStdout(), format, message)
}

func newMessagesGet(shared *shared) *cobra.Command {
	return newOnMessage(shared, "get", "Print a message with its attempts", "", (*client.Client).Message)
}

func newMessagesCancel(shared *shared) *cobra.Command {
	return newOnMessage(shared, "cancel", "Withdraw a message that no gateway has taken",
		"Withdraw a message that is queued, or whose outcome is unknown. One that a gateway\nhas taken, or that is being handed to one right now, cannot be withdrawn.",
		(*client.Client).Cancel)
}

// messageFilter selects messages.
type messageFilter struct {
	status, to, gateway, class, since string
}

func (f *messageFilter) register(cmd *cobra.Command, connection *connection, statuses []courier.Status) {
	flags := cmd.Flags()
	flags.StringVar(&f.status, "status", "", "only this status: "+joined(statuses, ", "))
	flags.StringVar(&f.to, "to", "", "only this recipient")
	flags.StringVar(&f.gateway, "gateway", "", "only this gateway")
	flags.StringVar(&f.class, "class", "", "only messages whose last error has this class, such as unauthorized")
	flags.StringVar(&f.since, "since", "", "only messages taken since this `TIME`, such as 2h, 2026-01-31 or 2026-01-31T18:00:00Z")
	completeFlag(cmd, "status", texts(statuses)...)
	completeFlag(cmd, "class", texts(courier.Classes())...)
	registerCompletion(cmd, "gateway", completeFrom(connection, gatewayNames))
}

func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}

func joined[T ~string](values []T, separator string) string {
	return strings.Join(texts(values), separator)
}

// check returns the time that --since says, the zero time without one.
func (f *messageFilter) check(statuses []courier.Status, now time.Time) (time.Time, error) {
	if f.status != "" && !slices.Contains(statuses, courier.Status(f.status)) {
		return time.Time{}, usageText(fmt.Sprintf("read --status: %q is none of %s", f.status, joined(statuses, ", ")))
	}
	if f.class != "" && !slices.Contains(courier.Classes(), courier.Class(f.class)) {
		return time.Time{}, usageText(fmt.Sprintf("read --class: %q is none of %s", f.class, joined(courier.Classes(), ", ")))
	}
	if f.since == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(f.since); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, f.since, time.Local); err == nil {
		return day, nil
	}
	at, err := parseTime(f.since)
	if err != nil {
		return time.Time{}, usageText(fmt.Sprintf("read --since: %q is neither a duration such as 2h nor a time such as 2026-01-31T18:00:00Z", f.since))
	}
	return at, nil
}

// query asks for one page of messages, newest first. A page may be empty and still not
// the last.
func (f *messageFilter) query(since time.Time, size int, token string) client.ListQuery {
	return client.ListQuery{
		Status: courier.Status(f.status), To: f.to, Gateway: f.gateway, Class: courier.Class(f.class), Since: since,
		PageSize: size, PageToken: token,
	}
}

func newMessagesList(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List messages, newest first",
		Example: `  courier messages list
  courier messages list --status queued --to +12065550199
  courier messages list --since 2h --class unauthorized
  courier messages list --limit 1000 --format json`,
		Args: cobra.NoArgs,
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	var filter messageFilter
	filter.register(cmd, connection, courier.Statuses())
	limit := cmd.Flags().Int("limit", 50, "the most messages to list")
	token := cmd.Flags().String("page-token", "", "go on where another listing ended")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		since, err := filter.check(courier.Statuses(), time.Now())
		if err != nil {
			return err
		}
		if *limit < 1 {
			return usageText("read --limit: it must be 1 or more")
		}
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		all := &client.MessagePage{Messages: []client.Message{}, NextPageToken: *token}
		for {
			size := min(*limit-len(all.Messages), listPage)
			page, err := opened.Messages(ctx, filter.query(since, size, all.NextPageToken))
			if err != nil {
				return err
			}
			all.Messages = append(all.Messages, page.Messages...)
			if all.NextPageToken = page.NextPageToken; len(all.Messages) >= *limit || all.NextPageToken == "" {
				return printPage(cmd, *format, all)
			}
		}
	})
	return cmd
}

// printPage prints an error below its message, cut to a line; get prints it whole.
func printPage(cmd *cobra.Command, format format, page *client.MessagePage) error {
	out := cmd.OutOrStdout()
	if format == formatJSON {
		return printJSON(out, page)
	}
	width := terminalWidth(out)
	if width == 0 {
		width = defaultWidth
	}
	rows := make([]entry, len(page.Messages))
	for i := range page.Messages {
		m := &page.Messages[i]
		rows[i].cells = []string{m.ID.String(), string(m.Status), m.To, printAge(m.CreatedAt, time.Now()), m.Gateway, fmt.Sprint(m.SendCount)}
		if fault := faultText(m.LastError); fault != "" {
			rows[i].notes = []string{cut(oneLine(fault), width-4)}
		}
	}
	if err := printTable(out, []string{"ID", "STATUS", "TO", "AGE", "GATEWAY", "ATTEMPTS"}, rows); err != nil {
		return err
	}
	if page.NextPageToken != "" {
		tell(cmd.ErrOrStderr(), "more: add --page-token %s\n", page.NextPageToken)
	}
	return nil
}
