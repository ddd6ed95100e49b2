package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
	"courier/internal/app"
	"courier/internal/config"
)

func newGateways(shared *shared) *cobra.Command {
	return newGroup("gateways", "Look at gateways, try one, pause one",
		`  courier gateways list -c courier.yml
  courier gateways show twilio -c courier.yml
  courier gateways test twilio --to +12065550199
  courier gateways status`,
		newGatewaysList(shared), newGatewaysShow(shared), newGatewaysTest(shared),
		newGatewaysStatus(shared), newGatewaysPause(shared), newGatewaysResume(shared))
}

// described returns the gateways of the configuration that -c names.
func (s *shared) described(reveal bool) ([]app.GatewayInfo, error) {
	cfg, err := config.Load(s.configOptions())
	if err != nil {
		return nil, err
	}
	return app.Gateways(cfg, reveal)
}

func newGatewaysList(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the gateways of a configuration, in order",
		Example: "  courier gateways list -c courier.yml",
		Args:    cobra.NoArgs,
	}
	format := addFormat(cmd)
	cmd.RunE = shared.action(func(_ context.Context, cmd *cobra.Command, _ []string) error {
		gateways, err := shared.described(false)
		if err != nil {
			return err
		}
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), gateways)
		}
		rows := make([]entry, len(gateways))
		for i := range gateways {
			g := &gateways[i]
			host := g.URL
			if target, err := url.Parse(g.URL); err == nil {
				host = target.Host
			}
			rows[i].cells = []string{g.ID, g.Preset, g.From, g.Receipts, strings.Join(g.Routes, ", "), host}
		}
		return printTable(cmd.OutOrStdout(), []string{"ID", "PRESET", "FROM", "RECEIPTS", "ROUTES", "HOST"}, rows)
	})
	return cmd
}

func newGatewaysShow(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Print what a gateway of a configuration does, and what to set at the provider",
		Example: `  courier gateways show twilio -c courier.yml
  courier gateways show infobip -c courier.yml --reveal    # the whole address for receipts`,
		Args: oneID("courier gateways list shows them"),
	}
	format := addFormat(cmd)
	reveal := cmd.Flags().Bool("reveal", false, "show the secret in the address for receipts")
	cmd.RunE = shared.action(func(_ context.Context, cmd *cobra.Command, args []string) error {
		gateways, err := shared.described(*reveal)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(gateways, func(g app.GatewayInfo) bool { return g.ID == args[0] })
		if at < 0 {
			ids := make([]string, len(gateways))
			for i := range gateways {
				ids[i] = gateways[i].ID
			}
			return usageText(fmt.Sprintf("no gateway has the id %q; there are %s", args[0], strings.Join(ids, ", ")))
		}
		g := &gateways[at]
		out := cmd.OutOrStdout()
		if *format == formatJSON {
			return printJSON(out, g)
		}
		return errors.Join(printFields(out, gatewayFields(g)), printNotes(cmd, g))
	})
	return cmd
}

func gatewayFields(g *app.GatewayInfo) [][2]string {
	return [][2]string{
		{"id", g.ID},
		{"preset", g.Preset},
		{"provider", g.Title},
		{"request", g.Method + " " + g.URL},
		{"from", g.From},
		{"receipts", g.Receipts},
		{"receipt address", g.ReceiptURL},
		{"timeout", g.Timeout},
		{"max in flight", fmt.Sprint(g.MaxInFlight)},
		{"rate limit", g.RateLimit},
		{"on unknown", g.OnUnknown},
		{"routes", strings.Join(g.Routes, ", ")},
	}
}

func printNotes(cmd *cobra.Command, g *app.GatewayInfo) error {
	if g.Notes == "" {
		return nil
	}
	return printText(cmd.OutOrStdout(), "\n"+strings.TrimSpace(g.Notes)+"\n")
}

func newGatewaysTest(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test ID --to RECIPIENT",
		Short: "Send one real message through a gateway, and follow it to its receipt",
		Long: `Send one real message through a gateway of a running courier, whatever the routes
say, and tell of each change until its receipt is there. The exit code is 0 when it
was delivered, or with --sent when the gateway took it.`,
		Example: `  courier gateways test twilio --to +12065550199
  courier gateways test twilio --to +12065550199 --body "Hello" --wait-timeout 10m`,
		Args: oneID("courier gateways list shows them"),
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	var flags gatewayTest
	set := cmd.Flags()
	set.StringVar(&flags.to, "to", "", "recipient: a phone of your own")
	set.StringVar(&flags.body, "body", "", "text (default one with the time)")
	set.StringVar(&flags.from, "from", "", "sender (default the gateway's)")
	set.DurationVar(&flags.timeout, "wait-timeout", 2*time.Minute, "how long to wait for the receipt")
	set.BoolVar(&flags.sent, "sent", false, "wait no longer than until the gateway has taken it")
	cmd.ValidArgsFunction = completeGateways(connection)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		if flags.to == "" {
			return usageText("--to is missing: name a phone of your own")
		}
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		flags.gateway, flags.format = args[0], *format
		return flags.run(ctx, cmd, opened)
	})
	return cmd
}

// gatewayTest is one real message through a gateway.
type gatewayTest struct {
	gateway, to, body, from string
	timeout                 time.Duration
	sent                    bool
	format                  format
}

func (g *gatewayTest) run(ctx context.Context, cmd *cobra.Command, from *client.Client) error {
	body := g.body
	if body == "" {
		body = "Test of the gateway " + g.gateway + " at " + time.Now().Format(time.TimeOnly)
	}
	began := time.Now()
	message, err := from.Send(ctx, client.SendRequest{To: g.to, Body: body, From: g.from, Gateway: g.gateway, TTL: g.timeout})
	if err != nil {
		return err
	}
	message, err = g.follow(ctx, cmd, from, message, began)
	if err != nil {
		return err
	}
	if g.format == formatJSON {
		if err := printJSON(cmd.OutOrStdout(), message); err != nil {
			return err
		}
	}
	switch {
	case message.Status == courier.StatusDelivered, g.sent && message.Status == courier.StatusSent:
		return nil
	case message.Status == courier.StatusSent:
		return fmt.Errorf("the gateway took the message, and no receipt came within %s; compare public.url and the address that the provider has with courier gateways show %s, or give --sent if it has no receipts", g.timeout, g.gateway)
	}
	status := string(message.Status)
	if fault := faultText(message.LastError); fault != "" {
		status += ": " + fault
	}
	return fmt.Errorf("the message is %s; see courier messages get %s", status, message.ID)
}

// follow tells of each change of the message until its last, or the time is over.
func (g *gatewayTest) follow(ctx context.Context, cmd *cobra.Command, from *client.Client, message *client.Message, began time.Time) (*client.Message, error) {
	limited, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	var seen courier.Status
	for delay := firstLook; ; delay = min(2*delay, longestLook) {
		if message.Status != seen {
			seen = message.Status
			g.tell(cmd, message, time.Since(began))
		}
		if message.Status.Final() || message.Status == courier.StatusUnknown || g.sent && message.Status == courier.StatusSent {
			return message, nil
		}
		select {
		case <-time.After(delay):
		case <-limited.Done():
			return message, ctx.Err()
		}
		current, err := from.Message(ctx, message.ID)
		if err != nil {
			return nil, err
		}
		message = current
	}
}

// tell prints a change, with what the gateway said.
func (g *gatewayTest) tell(cmd *cobra.Command, message *client.Message, after time.Duration) {
	if g.format == formatJSON {
		return
	}
	text := fmt.Sprintf("%7.2fs  %s", after.Seconds(), message.Status)
	if message.Status == courier.StatusSent && message.GatewayMessageID != "" {
		text += "  the gateway calls it " + message.GatewayMessageID
	}
	if fault := faultText(message.LastError); fault != "" {
		text += "  " + fault
	}
	tell(cmd.OutOrStdout(), "%s\n", printable(text))
}
