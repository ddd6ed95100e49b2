package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"courier/internal/inbox"
)

// inboxVariable names the address of the inbox to wait at.
const inboxVariable = "COURIER_INBOX"

// inboxSlack is how much longer than its wait an answer of the inbox may take, and
// maxInboxAnswer how large it may be.
const (
	inboxSlack     = 10 * time.Second
	maxInboxAnswer = 8 << 20
)

// inboxWait is what to wait for.
type inboxWait struct {
	address, to, since string
	timeout            time.Duration
}

func newInboxWait(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Print the one-time code that comes to a phone, for end-to-end tests",
		Long: `Wait until the inbox has caught a text with a one-time code for a recipient, and
print the code. Without --since it is one that no wait was given before, whether it came
a moment ago or is still to come, so a test asks for a code first and then waits for it.
Of several new codes it is the newest, as the others are out of date.

When none comes the exit code is 1, and the error says what came instead.`,
		Example: `  courier inbox wait --to +12065550199
  courier inbox wait --to +12065550199 --timeout 5s --format json
  courier inbox wait --to +12065550199 --since 1m      # also one that was printed before
  curl -fsS "http://127.0.0.1:4479/_inbox/code?to=%2B12065550199&timeout=30s"`,
		Args: cobra.NoArgs,
	}
	format := addFormat(cmd)
	var wait inboxWait
	set := cmd.Flags()
	set.StringVar(&wait.to, "to", "", "`RECIPIENT` whose code it is (default anybody's)")
	set.DurationVar(&wait.timeout, "timeout", 30*time.Second, "how long to wait")
	set.StringVar(&wait.since, "since", "", "take any code that came since then, such as 1m for a minute ago or 2026-01-02T15:04:05Z")
	set.StringVar(&wait.address, "inbox", "", fmt.Sprintf("`URL` of the inbox (default $%s or %s)", inboxVariable, defaultInbox()))
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		wait.address = cmp.Or(wait.address, shared.getenv(inboxVariable), defaultInbox())
		message, err := wait.run(ctx)
		if err != nil {
			return err
		}
		if *format == formatJSON {
			return printJSON(cmd.OutOrStdout(), message)
		}
		return printText(cmd.OutOrStdout(), printable(message.Code)+"\n")
	})
	return cmd
}

func defaultInbox() string { return fmt.Sprintf("http://127.0.0.1:%d", inboxPort) }

// run asks the inbox, which answers when there is something to say.
func (w *inboxWait) run(ctx context.Context) (*inbox.Message, error) {
	target, err := url.Parse(strings.TrimSuffix(w.address, "/"))
	if err != nil || target.Host == "" {
		return nil, usageText(fmt.Sprintf("read --inbox: %q is no address such as %s", w.address, defaultInbox()))
	}
	target = target.JoinPath("_inbox", "code")
	query := url.Values{"timeout": {w.timeout.String()}}
	for name, value := range map[string]string{"to": w.to, "since": w.since} {
		if value != "" {
			query.Set(name, value)
		}
	}
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	client := &http.Client{Timeout: w.timeout + inboxSlack}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err
		}
		return nil, fmt.Errorf("ask the inbox at %s: %w; start one with courier dev or courier inbox, or name its address with --inbox", w.address, err)
	}
	defer func() { _ = answer.Body.Close() }()
	return readWaited(answer)
}

// readWaited reads the message, or why there is none.
func readWaited(answer *http.Response) (*inbox.Message, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxInboxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of the inbox: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		message := &inbox.Message{}
		if err := json.Unmarshal(body, message); err == nil && message.Code != "" {
			return message, nil
		}
		return nil, errors.New("read the answer of the inbox: it has no code; is something else listening there? name the inbox with --inbox")
	}
	var problem struct{ Detail string }
	if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
		return nil, fmt.Errorf("ask the inbox: it answered %s; is something else listening there? name the inbox with --inbox", answer.Status)
	}
	if answer.StatusCode == http.StatusUnprocessableEntity {
		return nil, usageText(problem.Detail)
	}
	return nil, errors.New(problem.Detail)
}
