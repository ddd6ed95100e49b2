package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"courier/internal/signature"
)

const (
	// webhookPort is where events are listened for unless --port says otherwise.
	webhookPort = 4480
	// maxEvent bounds an event, in bytes.
	maxEvent = 1 << 20
)

func newWebhooks(shared *shared) *cobra.Command {
	return newGroup("webhooks", "Listen to the events that applications are sent",
		`  courier webhooks listen`, newWebhooksListen(shared))
}

func newWebhooksListen(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Print the events of a courier, and verify their signatures",
		Long: `Listen as an application would, print each event that comes, and verify its
signature. The secret is that of the endpoint in webhooks, or of callbacks. Without one,
a new one is made up and printed, to be put into the configuration.`,
		Example: `  courier webhooks listen
  COURIER_WEBHOOK_SECRET=whsec_… courier webhooks listen --format json
  courier webhooks listen --status 503      # see how the courier tries again`,
		Args: cobra.NoArgs,
	}
	format := addFormat(cmd)
	l := &eventListener{}
	set := cmd.Flags()
	host := set.String("host", "127.0.0.1", "address to listen on")
	port := set.Int("port", webhookPort, "port to listen on, 0 for any free one")
	secretFile := set.String("secret-file", "", "`FILE` that holds the secret (default COURIER_WEBHOOK_SECRET: the secret)")
	set.IntVar(&l.status, "status", http.StatusNoContent, "status of the answers")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if l.status < 200 || l.status > 599 {
			return usageText("read --status: it must be 200 to 599")
		}
		secret := shared.getenv("COURIER_WEBHOOK_SECRET")
		if *secretFile != "" {
			var err error
			if secret, err = readKeyFile(*secretFile); err != nil {
				return &usageError{err}
			}
		}
		if secret == "" {
			secret = newWebhookSecret()
			tell(cmd.ErrOrStderr(), "the secret is %s\n", secret)
		}
		verifier, err := signature.New("standard_webhooks", map[string]string{"secret": secret})
		if err != nil {
			return usageText("read the secret: it must be whsec_ and base64, as in the configuration")
		}
		l.verifier, l.out, l.format = verifier, cmd.OutOrStdout(), *format
		return l.run(ctx, cmd.ErrOrStderr(), net.JoinHostPort(*host, strconv.Itoa(*port)))
	})
	return cmd
}

func newWebhookSecret() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(secret[:])
}

// eventListener prints the events that are posted to it.
type eventListener struct {
	verifier signature.Verifier
	status   int
	format   format

	mu  sync.Mutex
	out io.Writer
}

func (l *eventListener) run(ctx context.Context, progress io.Writer, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for events: %w; is it running already? name another --port", err)
	}
	server := &http.Server{Handler: l, ReadTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	tell(progress, "listening for events on http://%s; stop it with Ctrl-C\n", listener.Addr())
	select {
	case err := <-served:
		return fmt.Errorf("listen for events: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return server.Shutdown(ctx)
}

// ServeHTTP implements http.Handler.
func (l *eventListener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err != nil {
		http.Error(w, "the event cannot be read", http.StatusBadRequest)
		return
	}
	verdict, status := "signed", l.status
	if err := l.verifier.Verify(signature.NewRequest(r, "http://"+r.Host, body), time.Now()); err != nil {
		verdict, status = err.Error(), http.StatusUnauthorized
		for _, known := range []error{signature.ErrMissing, signature.ErrMismatch, signature.ErrStale} {
			if errors.Is(err, known) {
				verdict = "NOT GENUINE: " + known.Error()
			}
		}
	}
	l.print(r.Header.Get("Webhook-Id"), body, verdict)
	w.WriteHeader(status)
}

// print prints an event on a line.
func (l *eventListener) print(id string, body []byte, verdict string) {
	var event struct {
		Type string `json:"type"`
	}
	var compact bytes.Buffer
	if json.Unmarshal(body, &event) != nil || json.Compact(&compact, body) != nil {
		compact.Reset()
		_ = json.NewEncoder(&compact).Encode(string(body)) // a text can be encoded
	}
	line := printable(fmt.Sprintf("%s  %s  %s  %s  %s", time.Now().Local().Format("15:04:05.000"), event.Type, id, verdict, compact.String()))
	if l.format == formatJSON {
		encoded, err := json.Marshal(map[string]any{"id": id, "type": event.Type, "signature": verdict, "event": json.RawMessage(compact.Bytes())})
		if err != nil {
			return
		}
		line = string(encoded)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tell(l.out, "%s\n", line)
}
