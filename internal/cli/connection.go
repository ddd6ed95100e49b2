package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"courier/client"
)

// maxKeyFile bounds the file of an API key, in bytes.
const maxKeyFile = 4096

// connection is how a command calls a running courier.
type connection struct {
	shared  *shared
	server  string
	keyFile string
}

func addConnection(cmd *cobra.Command, shared *shared) *connection {
	c := &connection{shared: shared}
	cmd.Flags().StringVar(&c.server, "server", "",
		"address of the courier's admin listener (default COURIER_SERVER, or "+client.DefaultBaseURL+")")
	cmd.Flags().StringVar(&c.keyFile, "api-key-file", "",
		"`FILE` that holds the API key (default COURIER_API_KEY: the key, env://NAME or file:///path)")
	return c
}

// open returns a client. Nothing is sent yet. Unless asked to, it repeats
// nothing: a person wants to know at once that the server is away.
func (c *connection) open(options client.Options) (*client.Client, error) {
	key, err := c.apiKey()
	if err != nil {
		return nil, &usageError{err}
	}
	options.BaseURL = cmp.Or(c.server, c.shared.getenv("COURIER_SERVER"))
	options.APIKey, options.UserAgent = key, "courier-cli"
	options.RetryFor = cmp.Or(options.RetryFor, -1)
	opened, err := client.New(options)
	if err != nil {
		return nil, &usageError{err}
	}
	return opened, nil
}

// apiKey never comes from a flag's value, which other users of the machine can see.
func (c *connection) apiKey() (string, error) {
	if c.keyFile != "" {
		return readKeyFile(c.keyFile)
	}
	key := c.shared.getenv("COURIER_API_KEY")
	if name, found := strings.CutPrefix(key, "env://"); found {
		value, ok := c.shared.lookupEnv(name)
		if !ok {
			return "", fmt.Errorf("read API key: COURIER_API_KEY names the variable %s, which is not set", name)
		}
		return strings.TrimSpace(value), nil
	}
	if path, found := strings.CutPrefix(key, "file://"); found {
		return readKeyFile(path)
	}
	return strings.TrimSpace(key), nil
}

func readKeyFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read API key: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("read API key: %w", err)
	}
	key := strings.TrimSpace(string(content))
	if key == "" || len(content) > maxKeyFile {
		return "", fmt.Errorf("read API key: %s must hold the key and nothing else", path)
	}
	return key, nil
}

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

// completeGateways completes with the gateways of all nodes. A server that is away
// completes nothing.
func completeGateways(connection *connection) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
		defer cancel()
		var names []string
		if opened, err := connection.open(client.Options{}); err == nil {
			nodes, _ := opened.Nodes(ctx) // none with an error
			for i := range nodes {
				names = append(names, nodes[i].Gateways...)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}
