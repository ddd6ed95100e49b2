package gateway

import (
	"io"
	"net/http"
	neturl "net/url"
	"strings"
	"testing"

	"courier"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/jsonnet"
)

// twilio is the form that most gateways take.
const twilio = `{"Body":"Your login code is: 809593","From":"+15005550006","To":"+14155552671"}`

func benchGateway(b *testing.B, url string, template *Template) *Gateway {
	b.Helper()
	return newGateway(b, Options{
		URL: url, Template: template, Auth: BasicAuth{"AC0", "tok"},
		Header: map[string]string{"Content-Type": mediaForm},
	})
}

// BenchmarkRender is the cost of a request without Jsonnet's.
func BenchmarkRender(b *testing.B) {
	g := benchGateway(b, "http://localhost/", constant(twilio))
	m := loginMessage()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Render(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRenderJsonnet(b *testing.B) {
	template := compiled(b, newPool(b, jsonnet.Options{}), `function(ctx) {To: ctx.to, From: ctx.from, Body: ctx.body}`)
	g := benchGateway(b, "http://localhost/", template)
	m := loginMessage()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Render(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend is the cost of an exchange next to that of a bare client of net/http.
func BenchmarkSend(b *testing.B) {
	for _, protocol := range gatewaytest.Protocols() {
		_, url, client := gatewaytest.StartOver(b, protocol, gatewaytest.Options{Keep: 1})
		b.Run(string(protocol)+"/Gateway", func(b *testing.B) {
			g := newGateway(b, Options{
				URL: url + "/send", Template: constant(twilio), Auth: BasicAuth{"AC0", "tok"},
				Header: map[string]string{"Content-Type": mediaForm}, TLSConfig: client,
			})
			m := loginMessage()
			b.ReportAllocs()
			for b.Loop() {
				if attempt := send(b, g, m); attempt.Outcome != courier.OutcomeAccepted {
					b.Fatal(attempt.Message)
				}
			}
		})
		b.Run(string(protocol)+"/Bare", func(b *testing.B) {
			transport := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}
			defer transport.CloseIdleConnections()
			bare := &http.Client{Transport: transport}
			body := neturl.Values{"Body": {"Your login code is: 809593"}, "From": {"+15005550006"}, "To": {"+14155552671"}}.Encode()
			b.ReportAllocs()
			for b.Loop() {
				request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/send", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				request.Header.Set("Content-Type", mediaForm)
				request.SetBasicAuth("AC0", "tok")
				response, err := bare.Do(request)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		})
	}
}
