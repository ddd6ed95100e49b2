package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"courier/internal/gateway/gatewaytest"
	"courier/internal/gateway/preset"
)

// provider is a preset's emulator over https, and the proxy before the public listener
// of a courier through which its receipts come.
type provider struct {
	*gatewaytest.Emulator
	url, public string
	certificate *gatewaytest.Certificate
	behind      atomic.Pointer[url.URL]
	// leaves is true while the proxy leaves its path in what it passes on.
	leaves atomic.Bool
}

func startProvider(t *testing.T, name string) *provider {
	t.Helper()
	set, err := preset.Load("")
	if err != nil {
		t.Fatal(err)
	}
	emulated, err := set.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{}
	if p.Emulator, err = gatewaytest.NewEmulator(gatewaytest.EmulatorOptions{
		Source: emulated.Emulator, AnswerCodes: meanings(emulated.Errors.Answers()), ReceiptCodes: meanings(emulated.Errors.Receipts()),
		Params: map[string]string{"account_sid": accountSID, "auth_token": "hunter2"},
	}); err != nil {
		t.Fatal(err)
	}
	if p.certificate, err = gatewaytest.NewCertificate(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	server, err := gatewaytest.ListenTLS(t.Context(), "127.0.0.1:0", p.Emulator, gatewaytest.TLSOptions{Closing: p.Close, Certificate: p.certificate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
	p.url = server.URL()
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(p.behind.Load())
		if r.Out.URL.Path = r.In.URL.Path; !p.leaves.Load() {
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/sms")
		}
	}})
	t.Cleanup(proxy.Close)
	p.public = proxy.URL + "/sms"
	return p
}

const accountSID = "AC00000000000000000000000000000000"

func meanings(codes map[string]preset.Code) map[string]string {
	texts := map[string]string{}
	for code, known := range codes {
		texts[code] = known.Means
	}
	return texts
}

// configuration is that of a courier with the provider as its gateway.
func (p *provider) configuration(dir, token string) string {
	return fmt.Sprintf(`courier:
  gateways:
    - id: a
      preset: twilio
      from: "+12065550110"
      receipt_secret: s3cret-address
      params: { account_sid: %s, auth_token: %s, base_url: "%s" }
      tls: { ca: "%s" }
public: { port: 0, url: "%s" }
api: { port: 0 }
log: { format: json }
store: { dsn: "sqlite://%s" }
`, accountSID, token, p.url, filepath.Join(dir, "ca.pem"), p.public, filepath.Join(dir, "courier.db"))
}

// startTwilio runs a courier that sends through the provider.
func startTwilio(t *testing.T, p *provider, token string) *courier {
	t.Helper()
	c := startWith(t, func(dir string) string {
		(&courier{dir: dir}).write(t, "ca.pem", string(p.certificate.PEM))
		return p.configuration(dir, token)
	})
	p.behind.Store(&url.URL{Scheme: "http", Host: c.PublicAddr()})
	return c
}

// report has the provider report of its last message, and returns the answer's status.
func (p *provider) report(t *testing.T, name string, change func(*http.Request)) int {
	t.Helper()
	messages := p.Messages()
	requests, err := p.Receipts(t.Context(), messages[len(messages)-1], name)
	if err != nil {
		t.Fatal(err)
	}
	change(requests[0])
	response, err := (&http.Client{Timeout: time.Minute}).Do(requests[0])
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestApp_Preset sends through a preset over https, and lets the provider's receipts,
// which come through a proxy, make the message delivered.
func TestApp_Preset(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "twilio")
	c := startTwilio(t, p, "hunter2")
	c.send(t, "hello")
	until(t, "the message to be sent", func() bool { return len(p.Messages()) == 1 && c.has(t, `"status":"sent"`) })
	unchanged := func(*http.Request) {}
	for _, refused := range []struct {
		what   string
		want   int
		change func(*http.Request)
	}{
		{"another secret in the path", http.StatusNotFound, func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "s3cret", "other", 1) }},
		{"another gateway", http.StatusNotFound, func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "/a/", "/b/", 1) }},
		{"a wrong signature", http.StatusUnauthorized, func(r *http.Request) { r.Header.Set("X-Twilio-Signature", "AAAA") }},
		{"another address", http.StatusUnauthorized, func(r *http.Request) { r.URL.RawQuery = "x=1" }},
	} {
		if got := p.report(t, "delivered", refused.change); got != refused.want {
			t.Errorf("a receipt with %s is answered with %d, want %d", refused.what, got, refused.want)
		}
	}
	if got := p.report(t, "sent", unchanged); got/100 != 2 {
		t.Errorf("a receipt is answered with %d", got)
	}
	p.leaves.Store(true)
	if got := p.report(t, "delivered", unchanged); got/100 != 2 {
		t.Fatalf("the receipt is answered with %d:\n%s", got, c.log)
	}
	if !c.has(t, `"status":"delivered"`) {
		_, answer := c.call(t, http.MethodGet, "/v1/messages", "")
		t.Errorf("the message is not delivered: %s", answer)
	}
	if strings.Contains(c.log.String(), "s3cret") || strings.Contains(c.log.String(), "hunter2") {
		t.Errorf("the log tells a secret:\n%s", c.log)
	}
}

// TestApp_PresetWrongPassword keeps what is queued while the password is wrong, and
// sends it once the configuration is corrected.
func TestApp_PresetWrongPassword(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "twilio")
	c := startTwilio(t, p, "wrong")
	c.send(t, "hello")
	until(t, "the refusal", func() bool { return c.has(t, `"class":"unauthorized"`) })
	c.write(t, "courier.yml", p.configuration(c.dir, "hunter2"))
	until(t, "the message to be sent", func() bool { return c.has(t, `"status":"sent"`) })
}

// has reports whether the listing of messages holds a text.
func (c *courier) has(t *testing.T, text string) bool {
	t.Helper()
	_, answer := c.call(t, http.MethodGet, "/v1/messages", "")
	return strings.Contains(answer, text)
}
