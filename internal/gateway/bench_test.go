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

// twilioAnswer is what the gateway of twilio answers, in its length and shape.
const twilioAnswer = `{"account_sid":"AC00000000000000000000000000000000","api_version":"2010-04-01","body":"Your login code is: 809593",` +
	`"date_created":"Thu, 24 Aug 2023 05:01:45 +0000","date_sent":null,"date_updated":"Thu, 24 Aug 2023 05:01:45 +0000","direction":"outbound-api",` +
	`"error_code":null,"error_message":null,"from":"+15005550006","num_media":"0","num_segments":"1","price":null,"price_unit":null,` +
	`"messaging_service_sid":null,"sid":"SM00000000000000000000000000000001","status":"queued","subresource_uris":{"media":"/2010-04-01/Accounts/AC/Messages/SM/Media.json"},` +
	`"tags":null,"to":"+12065550100","uri":"/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/SM00000000000000000000000000000001.json"}`

// BenchmarkJudge is the cost of a verdict by a rule over the body: parsing it included.
func BenchmarkJudge(b *testing.B) {
	const rule = `function(res)
  local code = if res.json != null && 'code' in res.json then res.json.code else null;
  { class: if code != null && res.status >= 400 then std.get(res.errors, '' + code),
    code: code, id: if res.json != null then std.get(res.json, 'sid') }`
	g := newGateway(b, Options{URL: "http://localhost/", Response: &Rules{
		Template: compiledFor(b, newPool(b, jsonnet.Options{}), "res", rule), Errors: map[string]any{"21211": "invalid_destination", "21610": "opted_out"},
	}})
	request := &Request{gateway: g, message: loginMessage()}
	header := http.Header{"Content-Type": {mediaJSON}, "Date": {"Thu, 24 Aug 2023 05:01:45 GMT"}}
	for name, answer := range map[string]Answer{
		"Accepted": {Status: 201, Header: header, Body: []byte(twilioAnswer)},
		"Rejected": {Status: 400, Header: header, Body: []byte(`{"code":21211,"message":"The 'To' number +14155552671 is not valid","more_info":"https://www.twilio.com/docs/errors/21211","status":400}`)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				again := answer
				if attempt := request.judge(b.Context(), &again); attempt.Outcome == courier.OutcomeUnknown {
					b.Fatal(attempt.Message)
				}
			}
		})
	}
}

func BenchmarkDecodeText(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if decodeText([]byte(twilioAnswer)) == nil {
			b.Fatal("no JSON")
		}
	}
}
