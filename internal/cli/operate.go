package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"courier/client"
)

func newGatewaysStatus(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [ID]",
		Short: "Print how the gateways of a running courier are",
		Long: `Print how the gateways of a running courier are, on all its nodes: whether they take
messages, why not and what to do, and what became of the messages of the last hour.`,
		Example: `  courier gateways status
  courier gateways status twilio --format json`,
		Args: cobra.MaximumNArgs(1),
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	cmd.ValidArgsFunction = completeGateways(connection)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		if len(args) == 1 {
			gateway, err := opened.Gateway(ctx, args[0])
			if err != nil {
				return err
			}
			return printGateway(cmd.OutOrStdout(), *format, gateway)
		}
		gateways, err := opened.Gateways(ctx)
		if err != nil {
			return err
		}
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), gateways)
		}
		return printGateways(cmd.OutOrStdout(), gateways)
	})
	return cmd
}

// printGateway prints a gateway after it was looked at or changed.
func printGateway(out io.Writer, format format, gateway *client.Gateway) error {
	if format == formatJSON {
		return printJSON(out, gateway)
	}
	return printGateways(out, []client.Gateway{*gateway})
}

func printGateways(out io.Writer, gateways []client.Gateway) error {
	rows := make([]entry, len(gateways))
	for i := range gateways {
		g := &gateways[i]
		inFlight, p99 := 0, ""
		for _, n := range g.Nodes {
			inFlight += n.InFlight
		}
		if g.Hour.ToGateway != nil {
			p99 = g.Hour.ToGateway.P99.String()
		}
		rows[i].cells = []string{
			g.ID, g.State, strconv.Itoa(inFlight), strconv.FormatInt(g.Hour.Sent, 10), strconv.FormatInt(g.Hour.Delivered, 10),
			strconv.FormatInt(g.Hour.Failed, 10), p99,
		}
		if g.Paused != nil {
			rows[i].notes = append(rows[i].notes, fmt.Sprintf("paused by %s %s ago: %s", g.Paused.Who, printAge(g.Paused.At, time.Now()), g.Paused.Reason))
		} else if why := strings.TrimSpace(g.Why + " " + g.NextStep); why != "" {
			rows[i].notes = append(rows[i].notes, why)
		}
		for _, w := range g.Weights {
			if w.Weight < 100 {
				rows[i].notes = append(rows[i].notes, fmt.Sprintf("%d %% of its part of route %s: %s", w.Weight, w.Route, w.Reason))
			}
		}
	}
	return printTable(out, []string{"ID", "STATE", "IN FLIGHT", "SENT/H", "DELIVERED/H", "FAILED/H", "P99"}, rows)
}

func newGatewaysPause(shared *shared) *cobra.Command {
	return newOnGateway(shared, "pause", "Have a gateway take no messages, on all nodes",
		`Have a gateway of a running courier take no messages until it is resumed, on all nodes
and also after a restart. What waits for it goes to the next gateway of its route, or
waits. Attempts under way finish.`, (*client.Client).PauseGateway)
}

func newGatewaysResume(shared *shared) *cobra.Command {
	return newOnGateway(shared, "resume", "Have a paused gateway take messages again", "", (*client.Client).ResumeGateway)
}

// newOnGateway returns a command that does one thing to one gateway.
func newOnGateway(
	shared *shared, verb, short, long string, call func(c *client.Client, ctx context.Context, id, reason string) (*client.Gateway, error),
) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short, Long: long,
		Example: `  courier gateways ` + verb + ` twilio --reason "the provider's status page is red"`,
		Args:    oneID("courier gateways status shows them"),
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	reason := cmd.Flags().String("reason", "", "why, for the audit log and for those who see it")
	cmd.ValidArgsFunction = completeGateways(connection)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		if verb == "pause" && strings.TrimSpace(*reason) == "" {
			return usageText("--reason is missing: say why, for those who see the gateway paused")
		}
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		gateway, err := call(opened, ctx, args[0], *reason)
		if err != nil {
			return err
		}
		return printGateway(cmd.OutOrStdout(), *format, gateway)
	})
	return cmd
}

func newAudit(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List who did what",
		Long: `List who did what, the newest first: every change by API or page, each sign-in, and each
configuration that was put in force.`,
		Example: `  courier audit
  courier audit --action gateway.pause --limit 10
  courier audit --target 0190163d-8694-739b-aea5-966c26f8ad91`,
		Args: cobra.NoArgs,
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	var query client.AuditQuery
	cmd.Flags().StringVar(&query.Action, "action", "", "only this action, such as message.cancel")
	cmd.Flags().StringVar(&query.Target, "target", "", "only what was done to this message, gateway or action")
	limit := cmd.Flags().Int("limit", 50, "the most entries to list")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if *limit < 1 {
			return usageText("read --limit: it must be 1 or more")
		}
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		entries := []client.AuditEntry{}
		for len(entries) < *limit {
			query.PageSize = min(*limit-len(entries), listPage)
			page, err := opened.Audit(ctx, query)
			if err != nil {
				return err
			}
			entries = append(entries, page.Entries...)
			if query.PageToken = page.NextPageToken; query.PageToken == "" {
				break
			}
		}
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), entries)
		}
		return printAudit(cmd.OutOrStdout(), entries)
	})
	return cmd
}

func printAudit(out io.Writer, entries []client.AuditEntry) error {
	rows := make([]entry, len(entries))
	for i := range entries {
		e := &entries[i]
		rows[i].cells = []string{printTime(e.At), e.Who, e.Action, e.Target}
		if why := strings.Trim(e.Reason+"; "+e.Detail, "; "); why != "" {
			rows[i].notes = []string{why}
		}
	}
	return printTable(out, []string{"AT", "WHO", "ACTION", "TARGET"}, rows)
}
