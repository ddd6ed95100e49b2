package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"courier"
	"courier/internal/app"
	"courier/internal/config"
)

func newRender(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render --to RECIPIENT --body TEXT",
		Short: "Print the request that a message would make, without sending it",
		Long: `Print the exact request that a message would make to its gateway, as a curl
command, without sending anything. Neither a running courier nor its database is
needed. Secrets are printed as *** unless --show-secrets is given.`,
		Example: `  courier render -c courier.yml --to +12065550199 --body "Your code is 123456"
  courier render -c courier.yml --to +12065550199 --body Hi --show-secrets | sh`,
		Args: cobra.NoArgs,
	}
	format := addFormat(cmd)
	var flags sendFlags
	flags.registerMessage(cmd)
	var showSecrets bool
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "print passwords and keys as they are")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		draft, err := flags.draft(cmd.InOrStdin())
		if err != nil {
			return &usageError{err}
		}
		cfg, err := config.Load(shared.configOptions())
		if err != nil {
			return err
		}
		text, err := app.Render(ctx, cfg, draft)
		if err != nil {
			return fmt.Errorf("render message: %w", err)
		}
		if !showSecrets {
			text = app.NewMasker(cfg).Mask(text)
		}
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), text)
		}
		return printText(cmd.OutOrStdout(), text.Command()+"\n")
	})
	return cmd
}

// draft returns the message that the flags describe, as the API would read it.
func (f *sendFlags) draft(stdin io.Reader) (courier.Draft, error) {
	request, err := f.request(stdin)
	if err != nil {
		return courier.Draft{}, err
	}
	draft := courier.Draft{
		To: request.To, Body: request.Body, From: request.From, Channel: request.Channel,
		Subject: request.Subject, Gateway: request.Gateway, TemplateType: request.TemplateType, TemplateData: request.TemplateData,
	}
	if request.Metadata != nil {
		if draft.Metadata, err = json.Marshal(request.Metadata); err != nil {
			return courier.Draft{}, fmt.Errorf("read --metadata: %w", err)
		}
	}
	return draft, nil
}
