package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"courier/internal/config"
	"courier/internal/gateway/gatewaytest"
)

// TestApp_ReloadLetsNobodyIn takes the keys and the public address out of a
// configuration at once. That is a valid one, but until the next start the
// listener is still the public one.
func TestApp_ReloadLetsNobodyIn(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	hash := sha256.Sum256([]byte("secret"))
	const local = "api: { port: 0 }"
	public := `api: { host: 0.0.0.0, port: 0, keys: [{ name: shop, hash: "sha256:` + hex.EncodeToString(hash[:]) + `" }] }`
	c := startWith(t, func(dir string) string {
		return channel(dir, url) + strings.Replace(settings(dir), local, public, 1)
	})
	refused := func(when string) {
		t.Helper()
		if status, answer := c.call(t, http.MethodGet, "/v1/messages", ""); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d: %s, want 401", when, status, answer)
		}
	}
	refused("after the start")
	c.write(t, "courier.yml", channel(c.dir, url)+settings(c.dir))
	until(t, "the changed configuration", func() bool { return strings.Contains(c.log.String(), "changed configuration is in force") })
	refused("after the change")
	if !strings.Contains(c.log.String(), `"key":"api.auth"`) {
		t.Errorf("the log does not say that the keys stay:\n%s", c.log)
	}
}

// TestApp_ReloadTellsOfDisabled empties the configuration, which is a valid one.
func TestApp_ReloadTellsOfDisabled(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	c.write(t, "courier.yml", "")
	until(t, "the changed configuration", func() bool { return strings.Contains(c.log.String(), "changed configuration is in force") })
	if !strings.Contains(c.log.String(), "sending text messages is disabled") {
		t.Errorf("the log does not say that nothing is sent any more:\n%s", c.log)
	}
}

// TestApp_ReloadIsTriedAgain names a template whose server is away for a while.
func TestApp_ReloadIsTriedAgain(t *testing.T) {
	t.Parallel()
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	var asked, open atomic.Bool
	templates := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Store(true)
		if !open.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "function(ctx) { fetched: ctx.body }")
	}))
	t.Cleanup(templates.Close)
	changed := strings.Replace(channel(c.dir, url), "file://"+filepath.Join(c.dir, "body.jsonnet"), templates.URL+"/body.jsonnet", 1)
	c.write(t, "courier.yml", changed+settings(c.dir))
	until(t, "the template server to be asked", asked.Load)
	open.Store(true)
	until(t, "the template to be in force", func() bool {
		c.send(t, "hello")
		requests := gateway.Requests()
		return len(requests) > 0 && strings.Contains(string(requests[len(requests)-1].Body), "fetched")
	})
}

// TestApp_ReloadKeepsWhatWasLearnt reloads while a gateway is known to be down: nothing is
// forgotten of it, until the configuration says that it is another.
func TestApp_ReloadKeepsWhatWasLearnt(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
		if r.URL.Path == "/moved" {
			return gatewaytest.Behavior{}
		}
		return gatewaytest.Behavior{Status: http.StatusUnauthorized}
	}})
	c := start(t, func(dir string) string { return channel(dir, url) })
	for n := range 10 {
		to := fmt.Sprintf("+120655501%02d", n)
		if status, answer := c.post(t, map[string]string{"to": to, "body": "hello"}); status != http.StatusAccepted {
			t.Fatalf("send: status %d: %s", status, answer)
		}
	}
	isOpen := func() bool {
		_, metrics := c.call(t, http.MethodGet, "/metrics", "")
		return !strings.Contains(metrics, `courier_breaker_state{gateway="sms"} 0`)
	}
	until(t, "the breaker to open", isOpen)
	c.write(t, "courier.yml", channel(c.dir, url)+settings(c.dir)+"messages: { max_segments: 3 }\n")
	if err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !isOpen() {
		t.Error("a reload that did not change the gateway closed its breaker")
	}
	c.write(t, "courier.yml", strings.Replace(channel(c.dir, url), "/send", "/moved", 1)+settings(c.dir))
	if err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if isOpen() {
		t.Error("a gateway with another address is not tried anew")
	}
}

// TestApp_NoticesAChangeDuringItsStart changes the template after the configuration was
// loaded and before anything watches it, as during a start that waits for its database.
func TestApp_NoticesAChangeDuringItsStart(t *testing.T) {
	t.Parallel()
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := startWith(t, func(dir string) string { return channel(dir, url) + settings(dir) }, func(c *courier) {
		c.write(t, "courier.yml", strings.Replace(channel(c.dir, url), "/send", "/moved", 1)+settings(c.dir))
	})
	until(t, "the changed address", func() bool {
		c.send(t, "hello")
		requests := gateway.Requests()
		return len(requests) > 0 && requests[len(requests)-1].Target == "/moved"
	})
}

// TestApp_Reload reads what it was started with again, whether or not a file changed.
func TestApp_Reload(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	if err := c.Reload(t.Context()); err != nil {
		t.Errorf("reload: %v", err)
	}
	until(t, "the report of the reload", func() bool { return strings.Contains(c.log.String(), "changed configuration is in force") })
	c.write(t, "courier.yml", "courier: { sms: 7 }")
	if err := c.Reload(t.Context()); len(config.Problems(err)) == 0 {
		t.Errorf("reload of a broken configuration: %v", err)
	}
	c.send(t, "hello")
}

// TestApp_TellsOfStartAndStop reads what an operator sees first and last.
func TestApp_TellsOfStartAndStop(t *testing.T) {
	t.Parallel()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	gateway := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-goOn
	}))
	t.Cleanup(gateway.Close)
	c := start(t, func(dir string) string {
		return channel(dir, "http://user:hunter2@"+strings.TrimPrefix(gateway.URL, "http://"))
	})
	c.send(t, "hello")
	<-arrived
	stopped := make(chan error)
	go func() { stopped <- c.Stop(context.WithoutCancel(t.Context())) }()
	until(t, "the stop to begin", func() bool { return strings.Contains(c.log.String(), `"in_flight":1`) })
	close(goOn)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"msg":"courier starts","version":"test","store":"sqlite","gateways":["sms sends POST to 127.0.0.1:`, `"msg":"stopped"`,
	} {
		if !strings.Contains(c.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, c.log)
		}
	}
	if strings.Contains(c.log.String(), "hunter2") {
		t.Error("the log tells the password")
	}
}

// TestApp_StartsWithoutTemplate starts while the server of the template is away: the
// message waits, is not counted, and goes out once the server is back.
func TestApp_StartsWithoutTemplate(t *testing.T) {
	t.Parallel()
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	var open atomic.Bool
	templates := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !open.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "function(ctx) { fetched: ctx.body }")
	}))
	t.Cleanup(templates.Close)
	c := start(t, func(dir string) string {
		fromServer := strings.Replace(channel(dir, url), "file://"+filepath.Join(dir, "body.jsonnet"), templates.URL+"/body.jsonnet", 1)
		return strings.Replace(fromServer, "courier:\n", "courier:\n  message_retries: 0\n", 1)
	})
	c.send(t, "hello")
	until(t, "the message to be tried", func() bool { return strings.Contains(c.log.String(), "was not fetched yet") })
	if !strings.Contains(c.log.String(), "the messages of its gateway wait") {
		t.Errorf("the log does not say that messages wait:\n%s", c.log)
	}
	open.Store(true)
	if err := gateway.WaitFor(t.Context(), 1); err != nil {
		t.Fatalf("wait for the message: %v", err)
	}
	if body := string(gateway.Requests()[0].Body); body != `{"fetched":"hello"}` {
		t.Errorf("the gateway got %s", body)
	}
}

// TestApp_ReloadRefusesTemplate changes a template to one that works for no message.
func TestApp_ReloadRefusesTemplate(t *testing.T) {
	t.Parallel()
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	c.write(t, "body.jsonnet", `function(ctx) { to: ctx.recipent }`)
	until(t, "the report of the template", func() bool { return strings.Contains(c.log.String(), "did you mean ctx.recipient?") })
	c.send(t, "hello")
	if err := gateway.WaitFor(t.Context(), 1); err != nil {
		t.Fatalf("wait for the message: %v", err)
	}
	if body := string(gateway.Requests()[0].Body); !strings.Contains(body, `"body":"hello"`) {
		t.Errorf("the gateway got %s", body)
	}
}
