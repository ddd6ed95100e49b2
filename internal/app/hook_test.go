package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestApp_Hook takes the call of an identity system, makes its text and sends it; a
// reload changes the secret and the text.
func TestApp_Hook(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 8)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(gateway.Close)
	configuration := func(dir, secret, text string) string {
		return fmt.Sprintf(`courier:
  channels: [{ id: sms, request_config: { url: "%s/send", method: POST, body: "base64://ZnVuY3Rpb24oY3R4KSB7IGJvZHk6IGN0eC5ib2R5IH0=" } }]
  templates: { login_code: { valid: { sms: { body: { plaintext: "%s" } } } } }
hooks: [{ id: login, type: logto, secret: %s, url_secret: true }]
public: { port: 0 }
api: { port: 0 }
log: { format: json }
store: { dsn: "sqlite://%s" }
`, gateway.URL, text, secret, filepath.Join(dir, "courier.db"))
	}
	const hello, bye = "base64://aGkge3suQ29kZX19", "base64://Ynllle3suQ29kZX19" // hi {{.Code}}; the other is no base64
	c := startWith(t, func(dir string) string { return configuration(dir, "one-secret", hello) })
	call := func(path, secret, code string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.PublicAddr()+path,
			strings.NewReader(`{"to":"12065550107","type":"SignIn","payload":{"code":"`+code+`"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", secret)
		response, err := (&http.Client{Timeout: time.Minute}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	if status, body := call("/hooks/login", "one-secret", "204961"); status != http.StatusOK || !strings.Contains(body, `"status":"queued"`) {
		t.Fatalf("got %d %s", status, body)
	}
	if got := <-bodies; got != `{"body":"hi 204961"}` {
		t.Errorf("the gateway got %s", got)
	}
	for path, want := range map[string]int{"/hooks/login": 401, "/hooks/other": 404, "/hooks/login/wrong": 401, "/hooks/login/one-secret": 200} {
		if status, body := call(path, "wrong", "204962"); status != want {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	if status, _ := c.post(t, map[string]any{"to": "+12065550107", "template_type": "login_code_valid", "template_data": map[string]string{"login_code": "77"}}); status != http.StatusAccepted {
		t.Errorf("got %d", status)
	}
	for _, want := range []string{`{"body":"hi 204962"}`, `{"body":"hi 77"}`} {
		if got := <-bodies; got != want {
			t.Errorf("the gateway got %s, want %s", got, want)
		}
	}
	c.write(t, "courier.yml", configuration(c.dir, "other-secret", strings.Replace(hello, "aGkg", "aG8g", 1)))
	until(t, "the reload", func() bool {
		status, _ := call("/hooks/login", "other-secret", "204963")
		return status == http.StatusOK
	})
	if got := <-bodies; got != `{"body":"ho 204963"}` {
		t.Errorf("the gateway got %s", got)
	}
	c.write(t, "courier.yml", configuration(c.dir, "third-secret", bye))
	until(t, "the refusal of the reload", func() bool {
		return strings.Contains(c.log.String(), "courier.templates.login_code.valid.sms.body.plaintext")
	})
	if log := c.log.String(); strings.Contains(log, "204961") || strings.Contains(log, "one-secret") || strings.Contains(log, "+12065550107") {
		t.Error("the log has a code, a secret or a number")
	}
}
