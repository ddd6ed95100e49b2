package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
)

func newActions(shared *shared) *cobra.Command {
	return newGroup("actions", "See and stop what is done to all messages of a filter",
		`  courier messages retry --status rejected --since 2h --yes --no-wait
  courier actions list
  courier actions stop 0190163d-8694-739b-aea5-966c26f8ad91`,
		newActionsList(shared),
		newOnActions(shared, "get", "Show how far actions are", "",
			func(c *client.Client, ctx context.Context, id courier.ID, _ string) (*client.Action, error) {
				return c.Action(ctx, id)
			}),
		newOnActions(shared, "stop", "Stop actions", "Stop actions. What they have changed stays as it is; one that has ended is left alone.",
			(*client.Client).StopAction))
}

func newActionsList(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the last actions, newest first", Example: "  courier actions list --format json", Args: cobra.NoArgs,
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		actions, err := opened.Actions(ctx)
		if err != nil {
			return err
		}
		return printActions(cmd.OutOrStdout(), *format, actions)
	})
	return cmd
}

// newOnActions returns a command that does one thing to each of some actions.
func newOnActions(
	shared *shared, verb, short, long string, call func(c *client.Client, ctx context.Context, id courier.ID, reason string) (*client.Action, error),
) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " ID...", Short: short, Long: long, Example: "  courier actions " + verb + " 0190163d-8694-739b-aea5-966c26f8ad91",
		Args: cobra.MinimumNArgs(1),
	}
	connection, format, reason := addConnection(cmd, shared), addFormat(cmd), ""
	if verb == "stop" {
		cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	}
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		ids := make([]courier.ID, len(args))
		for i, text := range args {
			var err error
			if ids[i], err = courier.ParseID(text); err != nil {
				return usageText(fmt.Sprintf("read argument %q: %v; see courier actions list", text, err))
			}
		}
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		actions := make([]client.Action, len(ids))
		for i, id := range ids {
			action, err := call(opened, ctx, id, reason)
			if err != nil {
				return err
			}
			actions[i] = *action
		}
		return printActions(cmd.OutOrStdout(), *format, actions)
	})
	return cmd
}

func printActions(out io.Writer, format format, actions []client.Action) error {
	if format == formatJSON {
		return printJSON(out, actions)
	}
	rows := make([]entry, len(actions))
	for i := range actions {
		a := &actions[i]
		action := string(a.Action)
		if a.As != "" {
			action += " as " + string(a.As)
		}
		rows[i].cells = []string{
			a.ID.String(), action, a.Status, strconv.FormatInt(a.Changed, 10), strconv.FormatInt(a.Skipped, 10), printAge(a.At, time.Now()), a.Who,
		}
		for _, note := range []string{a.Reason, a.Error} {
			if note != "" {
				rows[i].notes = append(rows[i].notes, note)
			}
		}
	}
	return printTable(out, []string{"ID", "ACTION", "STATUS", "CHANGED", "SKIPPED", "AGE", "WHO"}, rows)
}
