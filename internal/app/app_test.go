package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/jsonnet"
)

func TestMain(m *testing.M) {
	jsonnet.ServeIfChild()
	m.Run()
}

// courier is a running courier with its files and its log.
type courier struct {
	*app.App
	dir string
	log *syncBuffer
}

// syncBuffer is a log that a test can read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (b *syncBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

// String returns what was written.
func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// settings are the parts of a configuration that no test is about.
func settings(dir string) string {
	return `
api: { port: 0 }
public: { port: 0 }
log: { format: json }
store: { dsn: "sqlite://` + filepath.Join(dir, "courier.db") + `" }
`
}

// channel is a configuration that posts to the gateway with body.jsonnet.
func channel(dir, gatewayURL string) string {
	return `courier:
  channels:
    - id: sms
      type: http
      request_config:
        url: ` + gatewayURL + `/send
        method: POST
        body: file://` + filepath.Join(dir, "body.jsonnet") + `
`
}

// start runs a courier with the configuration that configure returns and settings.
func start(t *testing.T, configure func(dir string) string) *courier {
	t.Helper()
	return startWith(t, func(dir string) string { return configure(dir) + settings(dir) })
}

// startWith runs a courier with the configuration that configure returns, and lets the
// functions change its files after they were loaded.
func startWith(t *testing.T, configure func(dir string) string, changes ...func(*courier)) *courier {
	t.Helper()
	c := &courier{dir: t.TempDir(), log: &syncBuffer{}}
	c.write(t, "body.jsonnet", `function(ctx) { to: ctx.to, body: ctx.body }`)
	c.write(t, "courier.yml", configure(c.dir))
	options := config.Options{Files: []string{filepath.Join(c.dir, "courier.yml")}}
	cfg, err := config.Load(options)
	if err != nil {
		t.Fatalf("load configuration: %v", err)
	}
	c.App, err = app.New(app.Options{Config: cfg, Watch: options, LogOutput: c.log, Version: "test"})
	if err != nil {
		t.Fatalf("new courier: %v", err)
	}
	for _, change := range changes {
		change(c)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatalf("start courier: %v", err)
	}
	c.stopAtEnd(t)
	return c
}

func (c *courier) stopAtEnd(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop courier: %v", err)
		}
	})
}

func (c *courier) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		t.Fatalf("write %s: %v", name, err)
	}
}

// send takes a message over the API.
func (c *courier) send(t *testing.T, text string) {
	t.Helper()
	status, answer := c.post(t, map[string]string{"to": "+12065550199", "body": text})
	if status != http.StatusAccepted {
		t.Fatalf("send message: status %d: %s", status, answer)
	}
}

// post sends a message.
func (c *courier) post(t *testing.T, body any) (int, string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatalf("encode request: %v", err)
	}
	return c.call(t, http.MethodPost, "/v1/messages", string(text))
}

func (c *courier) call(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.AdminAddr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := (&http.Client{Timeout: time.Minute}).Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	return response.StatusCode, string(text)
}

// until polls until the condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

func TestApp_Sends(t *testing.T) {
	t.Parallel()
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	c.send(t, "hello")
	if err := gateway.WaitFor(t.Context(), 1); err != nil {
		t.Fatalf("wait for the message: %v", err)
	}
	if got := string(gateway.Requests()[0].Body); !strings.Contains(got, `"hello"`) {
		t.Errorf("gateway got %s", got)
	}
}

func TestApp_FollowsTemplateAndConfig(t *testing.T) {
	t.Parallel()
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	got := func(text string) func() bool {
		return func() bool {
			c.send(t, "hello")
			for _, request := range gateway.Requests() {
				if strings.Contains(string(request.Body), text) || strings.Contains(request.Target, text) {
					return true
				}
			}
			return false
		}
	}
	c.write(t, "body.jsonnet", `function(ctx) { changed: ctx.body }`)
	until(t, "the changed template", got(`"changed"`))

	c.write(t, "body.jsonnet", `function(ctx) { broken: `)
	until(t, "the report of the broken template", func() bool {
		return strings.Contains(c.log.String(), "not valid and the last good one stays")
	})
	gateway.Clear()
	until(t, "the last good template", got(`"changed"`))

	c.write(t, "body.jsonnet", `function(ctx) { mended: ctx.body }`)
	c.write(t, "courier.yml", strings.ReplaceAll(channel(c.dir, url), "/send", "/moved")+settings(c.dir))
	until(t, "the changed address", got("/moved"))
}

func TestApp_ReadsWholeKratosConfig(t *testing.T) {
	t.Parallel()
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	kratos, err := os.ReadFile(filepath.Join("testdata", "kratos.yml"))
	if err != nil {
		t.Fatalf("read the configuration of kratos: %v", err)
	}
	c := start(t, func(dir string) string {
		return strings.NewReplacer("https://gateway.example.com", url, "/etc/config/kratos", dir).Replace(string(kratos))
	})
	c.send(t, "Your login code is: 123456")
	if err := gateway.WaitFor(t.Context(), 1); err != nil {
		t.Fatalf("wait for the message: %v", err)
	}
	if want := `"sections":["version","dsn","identity","selfservice","serve","secrets","session"`; !strings.Contains(c.log.String(), want) {
		t.Errorf("log lacks %s:\n%s", want, c.log)
	}
}

func TestApp_RefusesWhenDisabled(t *testing.T) {
	t.Parallel()
	c := start(t, func(string) string { return "courier: { sms: { enabled: false } }\n" })
	status, answer := c.post(t, map[string]string{"to": "+12065550199", "body": "hello"})
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, `"sms_disabled"`) {
		t.Errorf("status %d: %s, want 503 with the code sms_disabled", status, answer)
	}
}

func TestApp_StopsTwice(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	for range 2 {
		if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}
