package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"courier"
)

// leaked returns what an attempt must never tell.
func leaked(text string) []string {
	var found []string
	forbidden := append(secretValues(), "809593", "4155552671", "expires in 60", "Your login code")
	for _, value := range forbidden {
		if strings.Contains(text, value) || strings.Contains(text, url.QueryEscape(value)) {
			found = append(found, value)
		}
	}
	return found
}

// TestGateway_LeaksNothing has a gateway repeat everything it was sent, in every
// kind of answer, and looks for secrets in all that an attempt tells.
func TestGateway_LeaksNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(repeatAll))
	t.Cleanup(server.Close)
	options := secretive(strings.TrimPrefix(server.URL, "https://"))
	transport, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	options.TLSConfig = transport.TLSClientConfig
	for _, status := range []int{200, 201, 301, 302, 307, 400, 401, 404, 429, 500, 503} {
		for _, style := range []string{"json", "form", "text"} {
			options.Header["X-Ask"] = fmt.Sprintf("%d %s", status, style)
			g := newGateway(t, options)
			checkLeaks(t, send(t, g, loginMessage()))
		}
	}
}

// repeatAll answers with the request's headers, target and body.
func repeatAll(w http.ResponseWriter, r *http.Request) {
	var status int
	var style string
	if _, err := fmt.Sscan(r.Header.Get("X-Ask"), &status, &style); err != nil {
		status = http.StatusTeapot
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	all := fmt.Sprint(r.Header["X-Api-Key"], r.Header["Authorization"], r.Header["Cookie"], r.RequestURI, string(body))
	w.Header().Set("Location", "https://elsewhere.test"+r.RequestURI)
	w.WriteHeader(status)
	switch style {
	case "json":
		for _, part := range []string{r.Header.Get("X-Api-Key"), string(body), all} {
			encoded, err := json.Marshal(map[string]string{"code": r.Header.Get("X-Api-Key"), "id": r.Header.Get("X-Api-Key"), "message": part})
			if err != nil || write(w, encoded) != nil {
				return
			}
		}
	case "form":
		if write(w, []byte(url.Values{"all": {all}}.Encode())) != nil {
			return
		}
	default:
		if write(w, []byte(all)) != nil {
			return
		}
	}
}

func write(w io.Writer, data []byte) error {
	_, err := w.Write(data)
	return err
}

func checkLeaks(t *testing.T, attempt courier.Attempt) {
	t.Helper()
	encoded, err := json.Marshal(attempt)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%+v", attempt), string(encoded)} {
		if found := leaked(text); len(found) > 0 {
			t.Errorf("status %d tells %q: %s", attempt.HTTPStatus, found, text)
		}
	}
}

// TestNew_LeaksNothing checks that refused options do not quote their secrets.
func TestNew_LeaksNothing(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Options){
		func(o *Options) { o.URL = "https://user-n4me:pa:ss-w0rd@host:port/?key=query-s3cret" },
		func(o *Options) { o.URL = "https://user-n4me:%zzpa:ss-w0rd@host/" },
		func(o *Options) { o.URL = "://query-s3cret" },
		func(o *Options) { o.URL = "query-s3cret" },
		func(o *Options) { o.Header["X-Api-Key"] = "header/s3cret+value\n" },
		func(o *Options) { o.Auth = APIKey{Name: "a", Value: "c00kie-key\r\n", In: KeyInHeader} },
		func(o *Options) { o.Auth = APIKey{Name: "a", Value: "c00kie-key;", In: KeyInCookie} },
		func(o *Options) { o.Params = map[string]any{"params-s3cret": func() {}} },
	} {
		options := secretive("gateway.test")
		change(&options)
		_, err := New(options)
		if err == nil {
			t.Errorf("options %q are accepted", options.URL)
			continue
		}
		if found := leaked(err.Error()); len(found) > 0 {
			t.Errorf("the error tells %q: %v", found, err)
		}
	}
}

// TestGateway_FaultsLeakNothing checks the sentences about answers that never came.
func TestGateway_FaultsLeakNothing(t *testing.T) {
	t.Parallel()
	options := secretive("127.0.0.1:1")
	attempt := send(t, newGateway(t, options), loginMessage())
	checkLeaks(t, attempt)
	if !strings.Contains(attempt.Message, "https://127.0.0.1:1") {
		t.Errorf("the message names no gateway: %s", attempt.Message)
	}
}
