package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
)

// listPage is the most messages asked for at once.
const listPage = 100

func newMessages(shared *shared) *cobra.Command {
	return newGroup("messages", "Look at messages, cancel, retry or resolve them",
		`  courier messages list --status abandoned
  courier messages get 0190163d-8694-739b-aea5-966c26f8ad91
  courier messages retry --status rejected --class unauthorized --since 2h
  courier messages list --status unknown
  courier messages why --to +12065550199`,
		newMessagesList(shared),
		newMessagesGet(shared), newMessagesWhy(shared),
		newChange(shared, cancelChange()), newChange(shared, retryChange()), newChange(shared, resolveChange()))
}

func newMessagesWhy(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "why --to RECIPIENT",
		Short:   "Say what became of the last messages to a number, and what to do",
		Example: "  courier messages why --to +12065550199",
		Args:    cobra.NoArgs,
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	to := cmd.Flags().String("to", "", "the recipient")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if *to == "" {
			return usageText("--to is missing: name the recipient")
		}
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		why, err := opened.Why(ctx, *to)
		if err != nil {
			return err
		}
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), why)
		}
		if err := printText(cmd.OutOrStdout(), printable(why.Text)+"\n"); err != nil || len(why.Messages) == 0 {
			return err
		}
		return errors.Join(printText(cmd.OutOrStdout(), "\n"), printPage(cmd, *format, &client.MessagePage{Messages: why.Messages}))
	})
	return cmd
}

// onMessage is a method of the client that does something to one message.
type onMessage func(c *client.Client, ctx context.Context, id courier.ID) (*client.Message, error)

func newMessagesGet(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "get ID",
		Short:   "Print a message with its attempts, receipts and webhooks",
		Example: "  courier messages get 0190163d-8694-739b-aea5-966c26f8ad91",
		Args:    oneID("courier messages list shows them"),
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		return runOnMessage(ctx, cmd, connection, *format, args[0], (*client.Client).Message)
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

// messageFilter selects messages.
type messageFilter struct {
	status, to, gateway, templateType, country, class, since, until string
}

func (f *messageFilter) register(cmd *cobra.Command, connection *connection, statuses []courier.Status) {
	flags := cmd.Flags()
	flags.StringVar(&f.status, "status", "", "only this status: "+strings.Join(texts(statuses), ", "))
	flags.StringVar(&f.to, "to", "", "only this recipient")
	flags.StringVar(&f.gateway, "gateway", "", "only this gateway")
	flags.StringVar(&f.templateType, "template-type", "", "only this template type, such as login_code_valid")
	flags.StringVar(&f.country, "country", "", "only numbers of this country, such as DE")
	flags.StringVar(&f.class, "class", "", "only messages whose last error has this class, such as unauthorized")
	flags.StringVar(&f.since, "since", "", "only messages taken since this `TIME`, such as 2h, 2026-01-31 or 2026-01-31T18:00:00Z")
	flags.StringVar(&f.until, "until", "", "only messages taken before this `TIME`")
	completeFlag(cmd, "status", texts(statuses)...)
	completeFlag(cmd, "class", texts(courier.Classes())...)
	registerCompletion(cmd, "gateway", completeGateways(connection))
}

func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}

// query asks for the messages that the flags select, newest first.
func (f *messageFilter) query(statuses []courier.Status, now time.Time) (client.ListQuery, error) {
	query := client.ListQuery{
		Status: courier.Status(f.status), To: f.to, Gateway: f.gateway, TemplateType: f.templateType, Country: f.country,
		Class: courier.Class(f.class), PageSize: listPage,
	}
	if f.status != "" && !slices.Contains(statuses, query.Status) {
		return query, usageText(fmt.Sprintf("read --status: %q is none of %s", f.status, strings.Join(texts(statuses), ", ")))
	}
	if f.class != "" && !slices.Contains(courier.Classes(), query.Class) {
		return query, usageText(fmt.Sprintf("read --class: %q is none of %s", f.class, strings.Join(texts(courier.Classes()), ", ")))
	}
	var err error
	if query.Since, err = readMoment("--since", f.since, now); err == nil {
		query.Until, err = readMoment("--until", f.until, now)
	}
	return query, err
}

// readMoment reads a time, or how long ago it was; zero for none.
func readMoment(flag, text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return day, nil
	}
	at, err := parseTime(text)
	if err != nil {
		return at, usageText(fmt.Sprintf("read %s: %q is neither a duration such as 2h nor a time such as 2026-01-31T18:00:00Z", flag, text))
	}
	return at, nil
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
		query, err := filter.query(courier.Statuses(), time.Now())
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
		all := &client.MessagePage{Messages: []client.Message{}}
		query.PageToken = *token
		for { // a page may be empty and still not the last
			query.PageSize = min(*limit-len(all.Messages), listPage)
			page, err := opened.Messages(ctx, query)
			if err != nil {
				return err
			}
			all.Messages = append(all.Messages, page.Messages...)
			query.PageToken = page.NextPageToken
			if len(all.Messages) >= *limit || query.PageToken == "" {
				all.NextPageToken = query.PageToken
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
	width := cmp.Or(terminalWidth(out), defaultWidth)
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

// printMessage prints all that is known of one message.
func printMessage(out io.Writer, format format, message *client.Message) error {
	if format == formatJSON {
		return printJSON(out, message)
	}
	if err := printFields(out, messageFields(message)); err != nil {
		return err
	}
	err := printBelow(out, []string{"ATTEMPT", "STARTED", "OUTCOME", "HTTP", "DURATION", "GATEWAY"}, attemptRows(message.Attempts))
	if err != nil {
		return err
	}
	err = printBelow(out, []string{"RECEIPT", "RECEIVED", "GATEWAY", "GATEWAY ID"}, receiptRows(message.Receipts))
	if err != nil {
		return err
	}
	return printBelow(out, []string{"WEBHOOK", "HOST", "EVENT", "STATE", "TRIES", "LAST TRY"}, webhookRows(message.Webhooks))
}

// printBelow prints a table after what stands above, and nothing for no rows.
func printBelow(out io.Writer, head []string, rows []entry) error {
	if len(rows) == 0 {
		return nil
	}
	if err := printText(out, "\n"); err != nil {
		return err
	}
	return printTable(out, head, rows)
}

// receiptRows print below a receipt why a message was not delivered.
func receiptRows(receipts []client.Receipt) []entry {
	rows := make([]entry, len(receipts))
	for i := range receipts {
		r := &receipts[i]
		rows[i].cells = []string{string(r.Status), printTime(r.ReceivedAt), r.Gateway, r.GatewayMessageID}
		if fault := faultText(&client.Fault{Class: r.Class, Code: r.Code, Message: r.Message}); fault != "" {
			rows[i].notes = []string{fault}
		}
	}
	return rows
}

// webhookRows print below a webhook why it was not taken.
func webhookRows(webhooks []client.Webhook) []entry {
	rows := make([]entry, len(webhooks))
	for i := range webhooks {
		w := &webhooks[i]
		rows[i].cells = []string{w.Webhook, w.Host, w.Event, string(w.State), strconv.Itoa(w.Tries), printTime(w.TriedAt)}
		if w.Fault != "" {
			rows[i].notes = []string{w.Fault}
		}
	}
	return rows
}

func messageFields(message *client.Message) [][2]string {
	segments := ""
	if message.Segments > 0 {
		segments = fmt.Sprintf("%d (%s)", message.Segments, message.Encoding)
	}
	supersededBy := ""
	if !message.SupersededBy.IsZero() {
		supersededBy = message.SupersededBy.String()
	}
	advice := ""
	if message.LastError != nil {
		advice = message.LastError.Advice
	}
	return [][2]string{
		{"id", message.ID.String()},
		{"status", string(message.Status)},
		{"channel", message.Channel},
		{"to", message.To},
		{"from", message.From},
		{"body", message.Body},
		{"segments", segments},
		{"gateway", message.Gateway},
		{"gateway id", message.GatewayMessageID},
		{"attempts", strconv.Itoa(message.SendCount)},
		{"last error", faultText(message.LastError)},
		{"advice", advice},
		{"superseded by", supersededBy},
		{"created", printTime(message.CreatedAt)},
		{"updated", printTime(message.UpdatedAt)},
		{"next attempt", printTime(message.NextAttemptAt)},
		{"expires", printTime(message.ExpiresAt)},
		{"sent", printTime(message.SentAt)},
		{"scrubbed", printTime(message.ScrubbedAt)},
	}
}

// attemptRows print what went wrong, and what the gateway said, below the attempt.
func attemptRows(attempts []client.Attempt) []entry {
	rows := make([]entry, len(attempts))
	for i := range attempts {
		attempt := &attempts[i]
		status := ""
		if attempt.HTTPStatus != 0 {
			status = strconv.Itoa(attempt.HTTPStatus)
		}
		rows[i].cells = []string{
			strconv.Itoa(attempt.Number), printTime(attempt.StartedAt), string(attempt.Outcome), status, attempt.Duration, attempt.Gateway,
		}
		if fault := faultText(&attempt.Fault); fault != "" {
			rows[i].notes = append(rows[i].notes, fault)
		}
		if attempt.Warning != "" {
			rows[i].notes = append(rows[i].notes, "warning: "+attempt.Warning)
		}
		if attempt.Excerpt != "" {
			rows[i].notes = append(rows[i].notes, "excerpt of the answer: "+attempt.Excerpt)
		}
	}
	return rows
}

func faultText(fault *client.Fault) string {
	if fault == nil {
		return ""
	}
	text := string(fault.Class)
	if fault.Code != "" {
		text = strings.TrimSpace(text + " (" + fault.Code + ")")
	}
	if text != "" && fault.Message != "" {
		text += ": "
	}
	return text + fault.Message
}
