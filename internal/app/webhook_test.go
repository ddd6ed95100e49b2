package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/signature"
)

// webhookSecret is that of the examples of Standard Webhooks.
const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // it opens nothing

// TestApp_Webhooks tells an application of the receipt of a message, signed, once the
// endpoint is configured while the courier runs.
func TestApp_Webhooks(t *testing.T) {
	t.Parallel()
	verifier, err := signature.New("standard_webhooks", map[string]string{"secret": webhookSecret})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var events []string
	application := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		event := r.URL.Path + " " + string(body)
		if err := verifier.Verify(signature.NewRequest(r, "", body), time.Now()); err != nil {
			event = err.Error()
		}
		mu.Lock()
		defer mu.Unlock()
		events = append(events, event)
	}))
	t.Cleanup(application.Close)
	told := func(path, what string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.ContainsFunc(events, func(event string) bool { return strings.HasPrefix(event, path) && strings.Contains(event, what) })
		}
	}
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	c.write(t, "courier.yml", channel(c.dir, url)+settings(c.dir)+`
webhooks: [{ id: shop, url: "`+application.URL+`/shop", secret: `+webhookSecret+`, allow_private: true }]
callbacks: { secret: `+webhookSecret+`, allow_private: true }
`)
	if err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.post(t, map[string]string{"to": "+12065550199", "body": "hello", "callback_url": application.URL + "/mine"})
	until(t, "the event of the endpoint", told("/shop", `"message.sent"`))
	until(t, "the event of the message", told("/mine", `"message.sent"`))
	if told("", "signature")() {
		t.Errorf("an event is not genuine: %v", events)
	}
}

// TestCheck_Webhooks reports what an endpoint finds wrong at its key.
func TestCheck_Webhooks(t *testing.T) {
	t.Parallel()
	c := &courier{dir: t.TempDir()}
	c.write(t, "courier.yml", `
webhooks: [{ id: shop, url: "ftp://shop.example/", secret: hunter2 }]
callbacks: { secret: hunter2 }
`)
	cfg, err := config.Load(config.Options{Files: []string{c.dir + "/courier.yml"}})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, problem := range config.Problems(app.Check(t.Context(), cfg)) {
		paths = append(paths, problem.Path)
		if strings.Contains(problem.Message, "hunter2") {
			t.Errorf("it tells the secret: %s", problem)
		}
	}
	if want := []string{"webhooks[0].url", "webhooks[0].secret", "callbacks.secret"}; !slices.Equal(paths, want) {
		t.Errorf("problems of %v, want %v", paths, want)
	}
}
