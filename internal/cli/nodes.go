package cli

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"courier/client"
)

func newNodes(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "List the couriers that share the database",
		Long: `List the couriers that share the database of the one that is asked: those that are
alive, and those that ended without signing off less than a day ago. One of them,
the keeper, does the housekeeping for all.`,
		Example: `  courier nodes
  courier nodes --format json`,
		Args: cobra.NoArgs,
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		opened, err := connection.open(client.Options{})
		if err != nil {
			return err
		}
		nodes, err := opened.Nodes(ctx)
		if err != nil {
			return err
		}
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), nodes)
		}
		return printNodes(cmd.OutOrStdout(), nodes)
	})
	return cmd
}

func printNodes(out io.Writer, nodes []client.Node) error {
	rows := make([]entry, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		rows[i].cells = []string{
			n.Name, nodeState(n), strconv.Itoa(n.InFlight), printAge(n.SeenAt, time.Now()), printAge(n.StartedAt, time.Now()),
			n.Version, strings.Join(n.Gateways, ", "), n.Host,
		}
	}
	return printTable(out, []string{"NAME", "STATE", "IN FLIGHT", "SEEN", "AGE", "VERSION", "GATEWAYS", "HOST"}, rows)
}

func nodeState(n *client.Node) string {
	switch {
	case !n.Alive:
		return "dead"
	case n.Keeper:
		return "alive, keeper"
	default:
		return "alive"
	}
}
