package preset

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"courier/internal/gateway/gatewaytest"
)

// TestPreset_Violations spoils a good request in each way that a provider would refuse.
func TestPreset_Violations(t *testing.T) {
	t.Parallel()
	eachPreset(t, func(t *testing.T, p *Preset) {
		t.Helper()
		b := newBench(t, p, "default", 0)
		m := message("+12065550100", "Your code is 123456")
		m.From = b.config.From
		rendered, err := b.gateway.Render(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		fresh := func() *http.Request { return rendered.HTTP(t.Context()).Clone(t.Context()) }
		body, err := io.ReadAll(fresh().Body)
		if err != nil {
			t.Fatal(err)
		}
		spoilt := map[string]func(*http.Request){
			"another path":    func(r *http.Request) { r.URL.Path, r.URL.RawPath = r.URL.Path+"x", "" },
			"another method":  func(r *http.Request) { r.Method = http.MethodPatch },
			"another type":    func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
			"a longer query":  func(r *http.Request) { r.URL.RawQuery += "&unexpected=1" },
			"credentials":     func(r *http.Request) { dropCredentials(r) },
			"bad credentials": func(r *http.Request) { eachCredential(r, func(name string) { r.Header.Set(name, "Basic eDp5") }) },
			"no body":         func(r *http.Request) { setBody(r, nil) },
			"a new field":     func(r *http.Request) { setBody(r, addField(t, body)) },
			"a bad recipient": func(r *http.Request) { setBody(r, bytes.ReplaceAll(body, []byte("2065550100"), []byte("x"))) },
		}
		if len(p.file.Request.Auth) == 0 { // they are in the body
			delete(spoilt, "credentials")
			delete(spoilt, "bad credentials")
			spoilt["credentials in the body"] = func(r *http.Request) {
				bad := body
				for _, param := range b.config.Params {
					bad = bytes.ReplaceAll(bad, []byte(url.QueryEscape(param)), []byte("x"))
				}
				setBody(r, bad)
			}
		}
		if slices.ContainsFunc(p.file.Request.Auth, func(auth choice) bool { return auth.Type == "sign" }) {
			delete(spoilt, "bad credentials") // they are in headers of their own
		}
		if ok := serve(b.emulator, fresh()); !ok {
			t.Fatal("the good request was refused")
		}
		for name, change := range spoilt {
			r := fresh()
			change(r)
			if serve(b.emulator, r) {
				t.Errorf("it was taken with %s", name)
			}
		}
	})
}

// serve reports whether an emulator takes a request.
func serve(e *gatewaytest.Emulator, r *http.Request) bool {
	before := len(e.Messages())
	r.RequestURI = r.URL.RequestURI()
	e.ServeHTTP(discard{http.Header{}}, r)
	return len(e.Messages()) > before
}

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header { return d.header }

func (discard) Write(text []byte) (int, error) { return len(text), nil }

func (discard) WriteHeader(int) {}

func dropCredentials(r *http.Request) {
	eachCredential(r, r.Header.Del)
	query := r.URL.Query()
	query.Del("token")
	r.URL.RawQuery = query.Encode()
}

// eachCredential names the headers by which a sender may be known.
func eachCredential(r *http.Request, do func(name string)) {
	for name := range r.Header {
		if name != "Content-Type" && name != "Accept" && name != "X-Amz-Target" {
			do(name)
		}
	}
}

func setBody(r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// addField adds one that no provider knows.
func addField(t *testing.T, body []byte) []byte {
	t.Helper()
	var value any
	if json.Unmarshal(body, &value) != nil {
		return append(bytes.Clone(body), "&unexpected=1"...)
	}
	object := value
	if list, ok := value.([]any); ok {
		object = list[0]
	}
	if fields, ok := object.(map[string]any); ok {
		fields["unexpected"] = 1
	}
	text, err := json.Marshal(value)
	if err != nil || strings.Count(string(text), "unexpected") != 1 {
		t.Fatal(err)
	}
	return text
}
