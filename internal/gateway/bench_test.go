package gateway

import (
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

func BenchmarkSend(b *testing.B) {
	_, url := gatewaytest.Start(b, gatewaytest.Options{Keep: 1})
	g := benchGateway(b, url+"/send", constant(twilio))
	m := loginMessage()
	b.ReportAllocs()
	for b.Loop() {
		if attempt := send(b, g, m); attempt.Outcome != courier.OutcomeAccepted {
			b.Fatal(attempt.Message)
		}
	}
}

func BenchmarkSendParallel(b *testing.B) {
	_, url := gatewaytest.Start(b, gatewaytest.Options{Keep: 1})
	g := benchGateway(b, url+"/send", constant(twilio))
	m := loginMessage()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if attempt := send(b, g, m); attempt.Outcome != courier.OutcomeAccepted {
				b.Error(attempt.Message)
			}
		}
	})
}
