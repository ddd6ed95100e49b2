package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"courier"
	"courier/internal/app"
	"courier/internal/config"
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
		text, err := renderText(ctx, cfg, draft)
		if err != nil {
			return err
		}
		if !showSecrets {
			text = newMasker(cfg).mask(text)
		}
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), text)
		}
		return printText(cmd.OutOrStdout(), text.curl()+"\n")
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

func (m *masker) mask(text wireText) wireText {
	masked := wireText{Method: text.Method, URL: m.known.Hide(mask.URL(text.URL)), Header: http.Header{}, Body: m.known.Hide(text.Body)}
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

// renderText builds the request of a message. The time of the program that
// would send it counts as now.
func renderText(ctx context.Context, cfg *config.Config, draft courier.Draft) (wireText, error) {
	request, err := app.Render(ctx, cfg, draft)
	if err != nil {
		return wireText{}, fmt.Errorf("render message: %w", err)
	}
	text := wireText{Method: request.Method, URL: request.URL.String(), Header: request.Header.Clone()}
	if _, given := text.Header["User-Agent"]; !given {
		text.Header.Set("User-Agent", "Go-http-client/1.1") // what net/http sends then
	}
	if request.Body == nil || request.Body == http.NoBody {
		return text, nil
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return wireText{}, fmt.Errorf("render message: %w", err)
	}
	text.Body = string(body)
	return text, request.Body.Close()
}

// wireText is a request as it goes to a gateway, ready to be printed.
type wireText struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Header http.Header `json:"headers"`
	Body   string      `json:"body"`
}

// curl returns the curl command that makes the same request, for a POSIX shell.
// The headers that curl would add of its own are taken away, but for
// Content-Length, Host and those of the connection.
func (w wireText) curl() string {
	method := "--request " + quoteShell(w.Method)
	if w.Method == http.MethodHead && w.Body == "" {
		method = "--head"
	}
	lines := []string{"curl --globoff " + method + " " + quoteShell(w.URL)}
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
		if _, given := w.Header[name]; !given && (name != "Content-Type" || w.Body != "") {
			lines = append(lines, "-H "+quoteShell(name+":"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Header)) {
		for _, value := range w.Header[name] {
			lines = append(lines, "-H "+quoteShell(headerArgument(name, value)))
		}
	}
	prefix := ""
	switch {
	case w.Body == "":
	case utf8.ValidString(w.Body) && !strings.ContainsRune(w.Body, 0):
		lines = append(lines, "--data-raw "+quoteShell(w.Body))
	default:
		prefix = "printf %s " + base64.StdEncoding.EncodeToString([]byte(w.Body)) + " | base64 -d | "
		lines = append(lines, "--data-binary @-")
	}
	return prefix + strings.Join(lines, " \\\n  ")
}

// headerArgument ends the name of an empty header with a semicolon, as a colon
// would make curl leave it out; an empty User-Agent is what is left out.
func headerArgument(name, value string) string {
	switch {
	case value != "":
		return name + ": " + value
	case name == "User-Agent":
		return name + ":"
	default:
		return name + ";"
	}
}

// quoteShell quotes a text for a POSIX shell where it needs it.
func quoteShell(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
