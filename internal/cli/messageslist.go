package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
)

// listPage is the most messages asked for at once.
const listPage = 100

type listFlags struct {
	status, to, gateway, pageToken string
	limit                          int
}

func newMessagesList(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List messages, newest first",
		Example: `  courier messages list
  courier messages list --status queued --to +12065550199
  courier messages list --limit 1000 --format json`,
		Args: cobra.NoArgs,
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	var flags listFlags
	cmd.Flags().StringVar(&flags.status, "status", "", "only this status: "+statusList())
	cmd.Flags().StringVar(&flags.to, "to", "", "only this recipient")
	cmd.Flags().StringVar(&flags.gateway, "gateway", "", "only this gateway")
	cmd.Flags().IntVar(&flags.limit, "limit", 50, "the most messages to list")
	cmd.Flags().StringVar(&flags.pageToken, "page-token", "", "go on where another listing ended")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		page, err := collect(ctx, opened, flags)
		if err != nil {
			return err
		}
		return printPage(cmd, *format, page)
	})
	return cmd
}

func statusList() string {
	names := make([]string, 0, len(courier.Statuses()))
	for _, status := range courier.Statuses() {
		names = append(names, string(status))
	}
	return strings.Join(names, ", ")
}

func (f listFlags) check() error {
	if f.status != "" && !courier.Status(f.status).Valid() {
		return usageText(fmt.Sprintf("read --status: %q is none of %s", f.status, statusList()))
	}
	if f.limit < 1 {
		return usageText("read --limit: it must be 1 or more")
	}
	return nil
}

// collect asks for pages until there are enough messages. A page may be empty
// and still not the last.
func collect(ctx context.Context, from *client.Client, flags listFlags) (*client.MessagePage, error) {
	all := &client.MessagePage{Messages: []client.Message{}, NextPageToken: flags.pageToken}
	for {
		page, err := from.Messages(ctx, client.ListQuery{
			Status:    courier.Status(flags.status),
			To:        flags.to,
			Gateway:   flags.gateway,
			PageSize:  min(flags.limit-len(all.Messages), listPage),
			PageToken: all.NextPageToken,
		})
		if err != nil {
			return nil, err
		}
		all.Messages = append(all.Messages, page.Messages...)
		all.NextPageToken = page.NextPageToken
		if len(all.Messages) >= flags.limit || all.NextPageToken == "" {
			return all, nil
		}
	}
}

func printPage(cmd *cobra.Command, format format, page *client.MessagePage) error {
	if format == formatJSON {
		return printJSON(cmd.OutOrStdout(), page)
	}
	rows := [][]string{{"ID", "STATUS", "TO", "GATEWAY", "ATTEMPTS", "CREATED", "LAST ERROR"}}
	for _, message := range page.Messages {
		rows = append(rows, []string{
			message.ID.String(), string(message.Status), message.To, message.Gateway,
			fmt.Sprint(message.SendCount), printTime(message.CreatedAt), faultText(message.LastError),
		})
	}
	if err := printTable(cmd.OutOrStdout(), rows); err != nil {
		return err
	}
	if page.NextPageToken != "" {
		tell(cmd.ErrOrStderr(), "more: add --page-token %s\n", page.NextPageToken)
	}
	return nil
}
