package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"courier/internal/app"
	"courier/internal/config"
)

// TestApp_Limits refuses the sixth code of a recipient without any configuration, also
// after a restart, and nothing else.
func TestApp_Limits(t *testing.T) {
	t.Parallel()
	gateway, _ := silent(t)
	c := start(t, func(dir string) string { return channel(dir, gateway) })
	post := func(body string) (status int, retryAfter, answer string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.AdminAddr()+"/v1/messages", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := (&http.Client{Timeout: time.Minute}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, response.Header.Get("Retry-After"), string(text)
	}
	code := func(to string, n int) string {
		return fmt.Sprintf(`{"to":%q,"template_type":"login_code_valid","body":"Your code is %06d"}`, to, n)
	}
	for n := range 5 {
		if status, _, body := post(code("+12065550199", n)); status != http.StatusAccepted {
			t.Fatalf("got %d %s", status, body)
		}
	}
	refused := func() {
		t.Helper()
		status, retryAfter, body := post(code("+12065550199", 9))
		if status != http.StatusTooManyRequests || !strings.Contains(body, `"code":"recipient_limited"`) || !strings.Contains(body, `"location":"body.to"`) ||
			len(retryAfter) != 3 || strings.Contains(body, "5550199") {
			t.Errorf("got %d %s, Retry-After %q", status, body, retryAfter)
		}
	}
	refused()
	if _, body := c.call(t, http.MethodPost, "/v1/messages/batch", `{"messages":[`+code("+12065550199", 10)+`,`+code("+12065550198", 11)+`]}`); !strings.Contains(body, `{"index":0,"error":{"code":"recipient_limited"`) ||
		!strings.Contains(body, `{"index":1,"id":"`) {
		t.Errorf("the batch is answered with %s", body)
	}
	c.send(t, "no code")
	if _, body := c.call(t, http.MethodGet, "/metrics", ""); !strings.Contains(body, `courier_limited_total{by="recipient"} 2`) {
		t.Error("the metric does not count the refusals")
	}
	if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	options := config.Options{Files: []string{filepath.Join(c.dir, "courier.yml")}}
	cfg, err := config.Load(options)
	if err != nil {
		t.Fatal(err)
	}
	if c.App, err = app.New(app.Options{Config: cfg, Watch: options, LogOutput: c.log}); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.stopAtEnd(t)
	refused()
}
