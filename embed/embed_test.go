package embed_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"courier"
	"courier/embed"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/store/postgres/pgtest"
)

// TestMain does not call jsonnet.ServeIfChild, as no main of a host does.
func TestMain(m *testing.M) {
	if len(os.Args) == 1 && os.Args[0] == "courier-jsonnet" {
		panic("this program was started again")
	}
	goleak.VerifyTestMain(m)
}

const to = "+12065550100"

// start runs a courier until the test ends.
func start(t *testing.T, options embed.Options) *embed.Courier {
	t.Helper()
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := embed.New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return c
}

// sendTo sends a message and returns what the gateway got.
func sendTo(t *testing.T, c *embed.Courier, fake *gatewaytest.Handler) gatewaytest.Request {
	t.Helper()
	before := fake.Count()
	if _, err := c.Send(t.Context(), courier.Draft{To: to, Body: "123456"}); err != nil {
		t.Fatal(err)
	}
	if err := fake.WaitFor(t.Context(), before+1); err != nil {
		t.Fatal(err)
	}
	return fake.Requests()[before]
}

// TestGateway compares what gateways of each kind are sent.
func TestGateway(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		gateway embed.Gateway
		yaml    string
		want    []string
	}{
		"Jsonnet": {
			gateway: embed.Gateway{Body: `function(ctx) { to: ctx.to, key: ctx.params.key }`, Params: map[string]string{"key": "k1"}, User: "u", Password: "p"},
			want:    []string{`{"key":"k1","to":"+12065550100"}`, "Basic dTpw"},
		},
		"Interpreted": {
			gateway: embed.Gateway{Body: `local twice(s, n) = if n == 0 then s else twice(s + s, n - 1); function(ctx) { body: twice(ctx.body, 2) }`},
			want:    []string{`{"body":"123456123456123456123456"}`},
		},
		"Function": {
			gateway: embed.Gateway{
				Headers: map[string]string{"Content-Type": "text/plain"},
				RequestFunc: func(_ context.Context, m *courier.Message) (embed.Request, error) {
					return embed.Request{Method: "PUT", Header: http.Header{"X-To": {m.To}}, Body: []byte(m.From + ": " + m.Body)}, nil
				},
			},
			want: []string{"PUT /sms", to, "ACME: 123456"},
		},
		"Preset": {
			gateway: embed.Gateway{Preset: "webhook", Params: map[string]string{"secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}}, //nolint:gosec // it opens nothing
			want:    []string{`123456`, "Webhook-Signature"},
		},
		"YAML": {
			yaml: `courier: { sms: { enabled: true, request_config: { url: URL, method: POST, body: "base64://e2E6IDF9" } } }`,
			want: []string{`{"a":1}`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, url := gatewaytest.Start(t, gatewaytest.Options{})
			options := embed.Options{Store: embed.Memory, YAML: []string{strings.ReplaceAll(test.yaml, "URL", url+"/sms")}}
			if g := test.gateway; test.yaml == "" {
				g.ID, g.From = "main", "ACME"
				if g.Preset == "" {
					g.URL = url + "/sms"
				} else {
					g.Params["url"] = url + "/sms"
				}
				options.Gateways = []embed.Gateway{g}
			}
			got := sendTo(t, start(t, options), fake)
			text, _ := json.Marshal(got.Header)
			whole := got.Method + " " + got.Target + string(text) + string(got.Body)
			for _, want := range test.want {
				if !strings.Contains(whole, want) {
					t.Errorf("sent %s, want %s", whole, want)
				}
			}
		})
	}
}

// TestCourier_Store keeps a message over a restart in each database.
func TestCourier_Store(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	for name, dsn := range map[string]string{
		"SQLite":     "sqlite://" + filepath.Join(t.TempDir(), "courier.db"),
		"PostgreSQL": server.DSN("postgres"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, url := gatewaytest.Start(t, gatewaytest.Options{})
			options := embed.Options{Store: dsn, Gateways: []embed.Gateway{{ID: "main", URL: url + "/sms"}}}
			first := start(t, options)
			later := courier.Draft{To: to, Body: "x", IdempotencyKey: "1", Lifetime: courier.Lifetime{SendAt: time.Now().Add(time.Hour).Format(time.RFC3339)}}
			sent, err := first.Send(t.Context(), later)
			if err != nil {
				t.Fatal(err)
			}
			if err := first.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			second := start(t, options)
			again, err := second.Send(t.Context(), later)
			if err != nil || again.ID != sent.ID || again.Status != courier.StatusQueued {
				t.Errorf("Send() = %+v, %v", again, err)
			}
			later.Body = "y"
			if _, err := second.Send(t.Context(), later); courier.CodeOf(err) != courier.CodeIdempotencyConflict {
				t.Errorf("Send() = %v", err)
			}
			sendTo(t, second, fake)
		})
	}
}

// TestCourier_Handlers mounts the handlers in a server of the program.
func TestCourier_Handlers(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	for _, trusted := range []bool{false, true} {
		c, err := embed.New(embed.Options{
			Store: embed.Memory, TrustCallers: trusted, Logger: slog.New(slog.DiscardHandler), Gateways: []embed.Gateway{{ID: "main", URL: url + "/sms"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/sms/", http.StripPrefix("/sms", c.AdminHandler()))
		mux.Handle("/public/", http.StripPrefix("/public", c.PublicHandler()))
		get := func(target string) int {
			recorder := httptest.NewRecorder()
			mux.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
			_, _ = io.Copy(io.Discard, recorder.Body)
			return recorder.Code
		}
		want := func(status int, target string) {
			t.Helper()
			if got := get(target); got != status {
				t.Errorf("trusted %t: %s answers %d, want %d", trusted, target, got, status)
			}
		}
		want(503, "http://localhost/sms/v1/messages")
		if _, err := c.Send(t.Context(), courier.Draft{To: to}); courier.CodeOf(err) != courier.CodeShuttingDown {
			t.Errorf("Send() = %v", err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err == nil {
			t.Error("a courier starts twice")
		}
		want(200, "http://localhost/sms/v1/messages")
		want(200, "http://localhost/sms/openapi.json")
		want(200, "http://localhost/sms/metrics")
		want(200, "http://localhost/public/health/ready")
		want(404, "http://localhost/public/v1/messages")
		stranger := http.StatusForbidden
		if trusted {
			stranger = http.StatusOK
		}
		want(stranger, "http://app.example.com/sms/v1/messages")
		if c.AdminAddr() != "" || c.PublicAddr() != "" {
			t.Error("something is listened on")
		}
		if err := errors.Join(c.Stop(t.Context()), c.Stop(t.Context())); err != nil {
			t.Error(err)
		}
		want(503, "http://localhost/sms/v1/messages")
	}
}

// TestNew_Faults names what is wrong with options.
func TestNew_Faults(t *testing.T) {
	t.Parallel()
	for says, options := range map[string]embed.Options{
		"Store is missing": {},
		"Options: courier.gateways[0].request_config.url: the key is missing":          {Store: embed.Memory, Gateways: []embed.Gateway{{ID: "a"}}},
		"Options.YAML[0]:1:15: log.level: ":                                            {Store: embed.Memory, YAML: []string{"log: { level: loud }"}},
		"courier.yml: read configuration file: no such file":                           {Store: embed.Memory, Files: []string{"none/courier.yml"}},
		"Options: courier.gateways[0].request_config: a gateway is either a preset or": {Store: embed.Memory, Gateways: []embed.Gateway{{ID: "a", Preset: "twilio", URL: "http://x/"}}},
	} {
		if _, err := embed.New(options); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("New() = %v, want %q", err, says)
		}
	}
}

// TestCourier_Start_faults stops what has begun when a part does not start.
// firstWrite is closed by what is written first.
type firstWrite struct {
	once  sync.Once
	begun chan struct{}
}

func (w *firstWrite) Write(text []byte) (int, error) {
	w.once.Do(func() { close(w.begun) })
	return len(text), nil
}

// TestCourier_StopWhileItStarts leaves nothing of a courier whose start was under way.
func TestCourier_StopWhileItStarts(t *testing.T) {
	t.Parallel()
	for range 10 {
		log := &firstWrite{begun: make(chan struct{})}
		c, err := embed.New(embed.Options{Store: embed.Memory, Logger: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		started := make(chan struct{})
		go func() {
			defer close(started)
			_ = c.Start(t.Context()) // nil where it is over before the stop
		}()
		<-log.begun
		if err := c.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		<-started
		if _, err := c.Send(t.Context(), courier.Draft{To: to, Body: "123456"}); courier.CodeOf(err) != courier.CodeShuttingDown {
			t.Errorf("it takes a message: %v", err)
		}
	}
}

func TestCourier_Start_faults(t *testing.T) {
	t.Parallel()
	for says, g := range map[string]embed.Gateway{
		"the template works for none of the messages": {URL: "http://localhost/", Body: `function(ctx) { to: ctx.too }`},
		"no preset": {Preset: "nobody"},
	} {
		g.ID = "main"
		c, err := embed.New(embed.Options{Store: embed.Memory, Logger: slog.New(slog.DiscardHandler), Gateways: []embed.Gateway{g}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Start() = %v, want %q", err, says)
		}
	}
}
