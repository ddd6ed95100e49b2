package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"courier/internal/httpapi"
)

// hookDouble answers what the tests of the endpoint look at.
type hookDouble struct{ call *httpapi.HookCall }

func (d *hookDouble) Serve(_ context.Context, call *httpapi.HookCall) (httpapi.HookAnswer, bool) {
	d.call = call
	if call.Secret == "away" {
		return httpapi.HookAnswer{Status: 503, ContentType: "text/plain", Body: []byte("later"), RetryAfter: "1", Result: "unavailable"}, true
	}
	return httpapi.HookAnswer{Status: 200, ContentType: "application/json", Body: []byte(`{"id":"1"}`), Result: "accepted"}, call.ID == "shop"
}

func TestAPI_Hook(t *testing.T) {
	t.Parallel()
	hooks := &hookDouble{}
	f := newFixture(t, func(o *httpapi.Options) { o.Hooks = hooks })
	for _, test := range []struct {
		method, target, body string
		status               int
		kind, text           string
	}{
		{"POST", "/hooks/shop", `{"a":1}`, 200, "application/json", `{"id":"1"}`},
		{"POST", "/hooks/shop/s3?x=1", ``, 200, "application/json", `{"id":"1"}`},
		{"POST", "/hooks/shop/away", ``, 503, "text/plain", "later"},
		{"POST", "/hooks/other", ``, 404, "text/plain; charset=utf-8", "no hook is at this address"},
		{"POST", "/hooks/shop", strings.Repeat("x", 1<<20+1), 413, "text/plain; charset=utf-8", ""},
		{"GET", "/hooks/shop", ``, 405, "application/problem+json", ""},
	} {
		w := request(t, f.api.Public(), test.method, test.target, test.body)
		if w.Code != test.status || w.Header().Get("Content-Type") != test.kind || !strings.HasPrefix(w.Body.String(), test.text) {
			t.Errorf("%s %s: got %d %s %s", test.method, test.target, w.Code, w.Header(), w.Body)
		}
		if (w.Code == http.StatusServiceUnavailable) != (w.Header().Get("Retry-After") == "1") {
			t.Errorf("%s: Retry-After is %q", test.target, w.Header().Get("Retry-After"))
		}
	}
	request(t, f.api.Public(), "POST", "/hooks/shop/s3?x=1", "body", "Authorization: x")
	if c := hooks.call; c.ID != "shop" || c.Secret != "s3" || c.Target != "/hooks/shop/s3?x=1" || string(c.Body) != "body" || c.Header.Get("Authorization") != "x" {
		t.Errorf("got %+v", c)
	}
	if w := f.call(t, "POST", "/hooks/shop", ""); w.Code != http.StatusNotFound {
		t.Errorf("the admin listener answers %d", w.Code)
	}
}
