package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"courier/client"
)

// completeTimeout bounds how long the shell waits for values that the server knows.
const completeTimeout = time.Second

// completeFlag lets the shell complete the values of a flag.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	registerCompletion(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func registerCompletion(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag is not there or has one already: a mistake in this package
	}
}

// completeFrom returns what completes with what the server answers. A server that is
// away completes nothing.
func completeFrom(connection *connection, ask func(context.Context, *client.Client) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
		defer cancel()
		opened, err := connection.open(client.Options{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		values, err := ask(ctx, opened)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return values, cobra.ShellCompDirectiveNoFileComp
	}
}

// gatewayNames returns the gateways of all nodes.
func gatewayNames(ctx context.Context, from *client.Client) ([]string, error) {
	nodes, err := from.Nodes(ctx)
	var names []string
	for i := range nodes {
		names = append(names, nodes[i].Gateways...)
	}
	slices.Sort(names)
	return slices.Compact(names), err
}
