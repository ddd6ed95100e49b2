package gateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// TestGateway_Query compares the address on the wire with what a template of query
// parameters gives.
func TestGateway_Query(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
		t.Helper()
		fake, url, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{})
		for query, want := range map[string]string{
			`{"to":"+14155552671","text":"a b&ü","n":1234567890123,"b":true,"l":["x","y"],"z":null}`: "/sms?k=1%2f&b=true&l=x&l=y&n=1234567890123&text=a+b%26%C3%BC&to=%2B14155552671&z=",
			`{}`: "/sms?k=1%2f",
		} {
			fake.Clear()
			g := newGateway(t, Options{URL: url + "/sms?k=1%2f", Method: "GET", Query: constant(query), TLSConfig: client})
			if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted {
				t.Errorf("Send() = %+v", attempt)
			}
			if got := fake.Requests()[0].Target; got != want {
				t.Errorf("address %s, want %s", got, want)
			}
		}
	})
	for query, says := range map[string]string{
		`"to=1"`:         "template gave a string: query parameters need an object",
		`{"to":{"a":1}}`: `query parameter "to" is an object`,
	} {
		g := newGateway(t, Options{URL: "http://localhost/", Query: constant(query)})
		_, err := g.Render(t.Context(), loginMessage())
		wantText(t, err, says)
	}
}

// signerFunc is a Signer.
type signerFunc func(request *http.Request, body []byte) error

func (f signerFunc) Sign(request *http.Request, body []byte, _ time.Time) error {
	return f(request, body)
}

func (f signerFunc) Secrets() []string { return []string{"signing-key"} }

// TestGateway_Signer wants the signature of what is sent, anew where a redirect changes it, and
// none at another host.
func TestGateway_Signer(t *testing.T) {
	t.Parallel()
	other, otherURL := gatewaytest.Start(t, gatewaytest.Options{})
	fake, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
		switch r.URL.Path {
		case "/a":
			return gatewaytest.Behavior{Status: 307, Header: http.Header{"Location": {"/b"}}}
		case "/b":
			return gatewaytest.Behavior{Status: 303, Header: http.Header{"Location": {otherURL + "/c"}}}
		}
		return answerOf(401, `{"error":"signing-key and s3cret-part are wrong"}`)
	}})
	signer := signerFunc(func(request *http.Request, body []byte) error {
		request.Header.Set("X-Signature", request.Method+" "+request.URL.RequestURI()+" "+string(body))
		return nil
	})
	options := Options{
		URL: url + "/a", Template: constant(`{"x":1}`), Query: constant(`{"q":1}`), Signer: signer,
		ReceiptURL: "https://sms.example.com/receipts/sms/s3cret-part",
	}
	if attempt := send(t, newGateway(t, options), loginMessage()); attempt.Outcome != courier.OutcomeAccepted {
		t.Errorf("Send() = %+v", attempt)
	}
	requests := append(fake.Requests(), other.Requests()...)
	for i, want := range []string{`POST /a?q=1 {"x":1}`, `POST /b {"x":1}`, ""} {
		if got := requests[i].Header.Get("X-Signature"); got != want {
			t.Errorf("signature %d is %q, want %q", i, got, want)
		}
	}
	options.URL = url + "/d"
	attempt := send(t, newGateway(t, options), loginMessage())
	if strings.Contains(attempt.Excerpt, "signing-key") || strings.Contains(attempt.Excerpt, "s3cret") || attempt.HTTPStatus != 401 {
		t.Errorf("Send() = %+v", attempt)
	}
	options.Signer = signerFunc(func(*http.Request, []byte) error { return errors.New("signing-key is no key") })
	_, err := newGateway(t, options).Render(t.Context(), loginMessage())
	failed, ok := errors.AsType[*courier.RenderError](err)
	if !ok || failed.Scope != courier.ScopeGateway || failed.Error() != "render request: sign request: ••• is no key" {
		t.Errorf("Render() = %v", err)
	}
}
