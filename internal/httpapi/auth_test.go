package httpapi_test

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"courier"
	"courier/internal/httpapi"
)

// key returns a key that is its own name.
func key(name string, scopes ...httpapi.Scope) httpapi.Key {
	return httpapi.Key{Name: name, Hash: sha256.Sum256([]byte(name)), Scopes: scopes}
}

func withKeys(o *httpapi.Options) {
	o.Keys = []httpapi.Key{
		key("sender", httpapi.ScopeSend), key("reader", httpapi.ScopeRead), key("auditor", httpapi.ScopeReadBody),
		key("root", httpapi.ScopeSend, httpapi.ScopeRead, httpapi.ScopeReadBody, httpapi.ScopeOperate), key("nothing"),
		key("operator", httpapi.ScopeOperate),
	}
}

func TestAPI_Scopes(t *testing.T) {
	t.Parallel()
	id := "/v1/messages/" + idText
	for _, test := range []struct{ method, path, scope string }{
		{"POST", "/v1/messages", "send"},
		{"POST", "/v1/messages/batch", "send"},
		{"POST", id + "/cancel", "send operate"},
		{"POST", id + "/retry", "send operate"},
		{"POST", id + "/resolve", "send operate"},
		{"POST", "/v1/messages/actions", "operate"},
		{"POST", "/v1/messages/actions/count", "operate"},
		{"POST", "/v1/actions/" + idText + "/stop", "operate"},
		{"POST", "/v1/gateways/main/pause", "operate"},
		{"POST", "/v1/gateways/main/resume", "operate"},
		{"POST", "/v1/gateways/main/test", "operate"},
		{"GET", "/v1/actions", "read"},
		{"GET", "/v1/actions/" + idText, "read"},
		{"GET", "/v1/audit", "read"},
		{"GET", "/v1/series", "read"},
		{"GET", "/v1/gateways", "read"},
		{"GET", "/v1/gateways/main", "read"},
		{"GET", "/v1/weights", "read"},
		{"GET", "/v1/messages", "read"},
		{"GET", id, "read"},
		{"GET", "/v1/nodes", "read"},
		{"GET", "/metrics", "read"},
		{"GET", "/health/alive", ""},
		{"GET", "/health/ready", ""},
		{"GET", "/version", "read"},
		{"GET", "/v1/queue", "read"},
		{"GET", "/openapi.json", "read"},
		{"GET", "/openapi.yaml", "read"},
	} {
		t.Run(test.method+strings.ReplaceAll(test.path, "/", "_"), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, withKeys)
			may := map[string]bool{
				"": test.scope == "", "unknown": test.scope == "", "nothing": test.scope == "",
				"sender": strings.HasPrefix(test.scope, "send") || test.scope == "", "reader": test.scope == "read" || test.scope == "",
				"auditor": test.scope == "read" || test.scope == "", "operator": strings.HasSuffix(test.scope, "operate") || test.scope == "", "root": true,
			}
			for name, want := range may {
				w := f.call(t, test.method, test.path, "", "Authorization: Bearer "+name)
				refused := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden
				if refused == want {
					t.Errorf("key %q: got %d: %s", name, w.Code, w.Body)
				}
				if w.Code == http.StatusForbidden {
					wantProblem(t, w, courier.CodeForbidden, "", "lacks the scope "+strings.Fields(test.scope)[0])
				}
			}
		})
	}
}

func TestAPI_Challenges(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withKeys)
	for _, test := range []struct {
		header    string
		code      courier.ErrorCode
		challenge string
	}{
		{"X-Other: 1", courier.CodeUnauthorized, `Bearer realm="courier"`},
		{"Authorization: Basic cm9vdDpyb290", courier.CodeUnauthorized, `Bearer realm="courier"`},
		{"Authorization: Bearer", courier.CodeUnauthorized, `Bearer realm="courier"`},
		{"Authorization: Bearer wrong", courier.CodeUnauthorized, `Bearer realm="courier", error="invalid_token"`},
		{"X-API-Key: wrong", courier.CodeUnauthorized, `Bearer realm="courier", error="invalid_token"`},
		{"X-API-Key: sender", courier.CodeForbidden, `Bearer realm="courier", error="insufficient_scope", scope="read"`},
	} {
		w := f.call(t, "GET", "/v1/messages", "", test.header)
		wantProblem(t, w, test.code, "", "")
		if got := w.Header().Get("WWW-Authenticate"); got != test.challenge {
			t.Errorf("%s: challenge %q, want %q", test.header, got, test.challenge)
		}
		if strings.Contains(w.Body.String(), "wrong") {
			t.Errorf("the answer quotes the key: %s", w.Body)
		}
	}
	for _, header := range []string{"Authorization: bearer reader", "Authorization: Bearer  reader ", "x-api-key: reader"} {
		if w := f.call(t, "GET", "/v1/messages", "", header); w.Code != http.StatusOK {
			t.Errorf("%s: got %d", header, w.Code)
		}
	}
}

func TestAPI_SetKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withKeys)
	f.api.SetKeys([]httpapi.Key{key("new", httpapi.ScopeRead)})
	wantProblem(t, f.call(t, "GET", "/v1/messages", "", "X-API-Key: reader"), courier.CodeUnauthorized, "", "not known")
	if w := f.call(t, "GET", "/v1/messages", "", "X-API-Key: new"); w.Code != http.StatusOK {
		t.Errorf("got %d", w.Code)
	}
	f.api.SetKeys(nil)
	if w := f.call(t, "GET", "/v1/messages", ""); w.Code != http.StatusOK {
		t.Errorf("without keys: got %d", w.Code)
	}
}

func TestAPI_HostWithoutKeys(t *testing.T) {
	t.Parallel()
	closed, open := newFixture(t, nil), newFixture(t, func(o *httpapi.Options) { o.AnyHost = true })
	keyed := newFixture(t, withKeys)
	for host, local := range map[string]bool{
		"localhost": true, "LOCALHOST:4478": true, "localhost.:80": true, "courier.localhost:4478": true, "127.0.0.1": true, "[::1]:4478": true,
		"[::1]": true, "10.1.2.3:4478": true, "evil.example": false, "evil.example:4478": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false,
	} {
		w := closed.call(t, "GET", "/v1/messages", "", "Host: "+host)
		if local && w.Code != http.StatusOK {
			t.Errorf("%s: got %d: %s", host, w.Code, w.Body)
		}
		if !local {
			wantProblem(t, w, courier.CodeForbidden, "header.Host", "configure api.keys")
		}
		for _, f := range []*fixture{open, keyed} {
			if w := f.call(t, "GET", "/v1/messages", "", "Host: "+host, "X-API-Key: reader"); w.Code != http.StatusOK {
				t.Errorf("%s: got %d: %s", host, w.Code, w.Body)
			}
		}
	}
}

func TestAPI_CrossSite(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.send(t).String()
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://evil.example", "Origin: null"} {
		for _, path := range []string{"/v1/messages", "/v1/messages/batch", "/v1/messages/" + id + "/cancel"} {
			wantProblem(t, f.call(t, "POST", path, "", header), courier.CodeForbidden, "", "web page of another site")
		}
	}
	if f.memory.all(t)[0].Status != courier.StatusQueued {
		t.Error("another site canceled a message")
	}
	for _, header := range []string{"Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:4478"} {
		if w := f.call(t, "POST", "/v1/messages/"+id+"/cancel", "", header); w.Code == http.StatusForbidden {
			t.Errorf("%s: got %d", header, w.Code)
		}
	}
	if header := f.call(t, "GET", "/v1/messages", "", "Origin: https://evil.example").Header(); header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another site may read answers: %v", header)
	}
}
