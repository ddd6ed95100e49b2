package gateway

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"courier"
)

// startTLS serves HTTP/2 or HTTP/1.1 over TLS and returns the address and the
// client's configuration that trusts it.
func startTLS(t *testing.T, http2 bool, handler http.HandlerFunc) (string, *tls.Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	transport, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	return server.URL, transport.TLSClientConfig
}

// TestGateway_TLS sends over both versions of HTTP, with headers that HTTP/2 forbids.
func TestGateway_TLS(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP1": false, "HTTP2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan string, 10)
			url, config := startTLS(t, http2, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				seen <- r.Proto + " " + r.Method + " " + string(body)
				w.WriteHeader(http.StatusCreated)
			})
			for _, method := range []string{"POST", "TRACE", "GET"} {
				g := newGateway(t, Options{
					URL: url + "/send", Method: method, TLSConfig: config, Template: constant(`{}`),
					Header: map[string]string{"Transfer-Encoding": "chunked", "Host": "x", "Content-Length": "5"},
				})
				if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted {
					t.Errorf("Send() = %+v", attempt)
				}
				proto, body := "HTTP/1.1 ", "{}"
				if http2 {
					proto = "HTTP/2.0 "
				}
				if method == "TRACE" {
					body = ""
				}
				if got := <-seen; got != proto+method+" "+body {
					t.Errorf("the gateway saw %q", got)
				}
			}
		})
	}
}

// TestGateway_TLSFaults breaks the exchange below and above TLS.
func TestGateway_TLSFaults(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP1": false, "HTTP2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, config := startTLS(t, http2, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			attempt := send(t, newGateway(t, Options{URL: url + "/", TLSConfig: config, Template: echo()}), loginMessage())
			if attempt.Outcome != courier.OutcomeUnknown || attempt.Class != courier.ClassOutcomeUnknown {
				t.Errorf("aborted after the request: %+v", attempt)
			}
			attempt = send(t, newGateway(t, Options{URL: url + "/", Template: echo()}), loginMessage())
			checkDown(t, attempt, "certificate that is not trusted")
			wrongName := config.Clone()
			wrongName.ServerName = "other.test"
			attempt = send(t, newGateway(t, Options{URL: url + "/", TLSConfig: wrongName, Template: echo()}), loginMessage())
			checkDown(t, attempt, "certificate that is not trusted")
		})
	}
}

func checkDown(t *testing.T, attempt courier.Attempt, says string) {
	t.Helper()
	if attempt.Outcome != courier.OutcomeGatewayDown || attempt.Class != courier.ClassNetworkError || !strings.Contains(attempt.Message, says) {
		t.Errorf("Send() = %+v", attempt)
	}
}
