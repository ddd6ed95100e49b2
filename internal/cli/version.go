package cli

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

func newVersion(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  courier version --format json",
		Args:    cobra.NoArgs,
	}
	format := addFormat(cmd)
	cmd.RunE = shared.action(func(_ context.Context, cmd *cobra.Command, _ []string) error {
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), map[string]string{
				"version": shared.Version, "go": runtime.Version(), "platform": platform,
			})
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), shared.versionText())
		return err
	})
	return cmd
}

const platform = runtime.GOOS + "/" + runtime.GOARCH

func (s *shared) versionText() string {
	return strings.Join([]string{"courier", s.Version, runtime.Version(), platform}, " ")
}
