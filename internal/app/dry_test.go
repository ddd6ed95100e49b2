package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// silent is a gateway, and how often it was called.
func silent(t *testing.T) (address string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

// TestApp_DryMode takes messages, sends none, and says so wherever somebody looks.
func TestApp_DryMode(t *testing.T) {
	t.Parallel()
	gateway, calls := silent(t)
	c := start(t, func(dir string) string { return channel(dir, gateway) + "dispatch: { mode: dry }\n" })
	status, body := c.post(t, map[string]string{"to": "+12065550199", "body": "Your code is 204961"})
	const says = "dispatch.mode is dry: the message is not sent"
	if status != http.StatusAccepted || !strings.Contains(body, says) {
		t.Errorf("got %d %s", status, body)
	}
	var sent struct{ ID string }
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	until(t, "the attempt", func() bool {
		_, body := c.call(t, http.MethodGet, "/v1/messages/"+sent.ID, "")
		return strings.Contains(body, `"status":"sent"`) && strings.Contains(body, `"warning":"`+says)
	})
	for path, want := range map[string]string{
		"/health/ready": `{"status":"ok","mode":"dry"}`, "/metrics": "\ncourier_dry 1\n", "/v1/nodes": `"version":"test (dry: sends nothing)"`,
	} {
		if _, body := c.call(t, http.MethodGet, path, ""); !strings.Contains(body, want) {
			t.Errorf("%s does not say %s: %s", path, want, body)
		}
	}
	if log := c.log.String(); !strings.Contains(log, "dispatch.mode") {
		t.Errorf("the log says nothing: %s", log)
	}
	if calls.Load() != 0 {
		t.Errorf("the gateway was called %d times", calls.Load())
	}
	c.write(t, "courier.yml", channel(c.dir, gateway)+settings(c.dir))
	until(t, "the reload", func() bool {
		_, body := c.call(t, http.MethodGet, "/health/ready", "")
		return !strings.Contains(body, "dry")
	})
	c.send(t, "for real")
	until(t, "the message", func() bool { return calls.Load() == 1 })
}

// TestApp_TestNumbers brings the messages of test numbers to the inbox, with the code that
// the configuration names in texts of ours, and never to a gateway.
func TestApp_TestNumbers(t *testing.T) {
	t.Parallel()
	gateway, calls := silent(t)
	c := start(t, func(dir string) string {
		return channel(dir, gateway) + `  routes: [{ name: all, gateways: [sms] }]
recipients: { default_region: US, test: { "+12065550150": "424242", "+12065550151": "" } }
inbox: { port: 0 }
hooks: [{ id: login, type: authentik, secret: a-secret, template: login_code_valid }]
`
	})
	for _, message := range []map[string]any{
		{"to": "+12065550150", "body": "as it is"},
		{"to": "(206) 555-0150", "template_type": "login_code_valid", "template_data": map[string]string{"login_code": "204961"}},
		{"to": "+12065550151", "template_type": "login_code_valid", "template_data": map[string]string{"login_code": "204961"}, "gateway": "sms"},
		{"to": "+12065550151", "body": "refused", "gateway": "inbox"},
	} {
		want := http.StatusAccepted
		if message["gateway"] == "inbox" {
			want = http.StatusBadRequest
		}
		if status, body := c.post(t, message); status != want {
			t.Errorf("%v: got %d %s", message, status, body)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.PublicAddr()+"/hooks/login", strings.NewReader(`{"To":"206 555 0150","Body":"739154","Message":"739154"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer a-secret")
	if response, err := http.DefaultClient.Do(r); err != nil || response.StatusCode != http.StatusOK { //nolint:forbidigo // one call
		t.Fatalf("the hook: %v, %v", response, err)
	} else {
		_ = response.Body.Close()
	}
	until(t, "the delivery", func() bool {
		_, body := c.call(t, http.MethodGet, "/v1/messages", "")
		return strings.Count(body, `"status":"delivered"`) == 4 && strings.Count(body, `"gateway":"inbox"`) == 4
	})
	address := regexp.MustCompile(`go to the inbox.*(http://127[0-9.:]+)`).FindStringSubmatch(c.log.String())[1]
	response, err := http.Get(address + "/_inbox/messages") //nolint:forbidigo,noctx // one call
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	caught, _ := io.ReadAll(response.Body)
	for text, count := range map[string]int{`"text":"as it is"`: 1, `"text":"424242 is your login code.`: 2, `"text":"204961 is your login code.`: 1, "739154": 0} {
		if got := strings.Count(string(caught), text); got != count {
			t.Errorf("%s is there %d times, want %d: %s", text, got, count, caught)
		}
	}
	if calls.Load() != 0 {
		t.Error(fmt.Sprint("the gateway was called ", calls.Load(), " times"))
	}
	c.send(t, "to another")
	until(t, "the other message", func() bool { return calls.Load() == 1 })
}
