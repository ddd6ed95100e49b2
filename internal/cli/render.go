package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"courier"
	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/curl"
	"courier/internal/mask"
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
			text = newMasker(cfg).mask(text)
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

// masker hides the secrets of a configuration in a request.
type masker struct {
	// headers are those that hold a secret although their names are harmless.
	headers []string
	known   mask.Known
}

func newMasker(cfg *config.Config) *masker {
	m := &masker{}
	for i := range cfg.Gateways {
		gateway := &cfg.Gateways[i]
		m.headers = append(append(m.headers, http.CanonicalHeaderKey(gateway.Auth.Name)), gateway.SecretHeaders...)
		m.known.Add(gateway.Auth.Password.Reveal(), gateway.Auth.Value.Reveal(), gateway.ReceiptSecret.Reveal())
		for name, param := range gateway.Params {
			if param.Referred || mask.SoundsSecret(name) {
				m.known.Add(param.Text.Reveal())
			}
		}
		for name, value := range gateway.Header {
			if mask.SoundsSecret(name) || slices.Contains(m.headers, http.CanonicalHeaderKey(name)) {
				m.known.Add(value.Reveal())
			}
		}
		target, err := url.Parse(gateway.URL.Reveal())
		if err != nil {
			continue
		}
		secrets := mask.Userinfo(target.User)
		if len(secrets) > 0 && secrets[1] != "" {
			secrets = secrets[1:] // with a password, the user name may be a word of the text
		}
		m.known.Add(secrets...)
		for name, values := range target.Query() {
			if mask.SoundsSecret(name) {
				m.known.Add(values...)
			}
		}
	}
	return m
}

func (m *masker) mask(text *curl.Request) *curl.Request {
	masked := &curl.Request{Method: text.Method, URL: m.known.Hide(mask.URL(text.URL)), Header: http.Header{}, Body: m.known.Hide(text.Body)}
	for name, values := range text.Header {
		for _, value := range values {
			if !mask.IsPlainHeader(name) || slices.Contains(m.headers, http.CanonicalHeaderKey(name)) {
				value = mask.Header(name, value)
			}
			masked.Header[name] = append(masked.Header[name], m.known.Hide(value))
		}
	}
	return masked
}
