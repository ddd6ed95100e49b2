package app_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"courier/internal/gateway/gatewaytest"
)

// TestApp_SpansNameEnvironment reads what a collector gets: protobuf holds texts as they are.
func TestApp_SpansNameEnvironment(t *testing.T) {
	t.Parallel()
	exports := make(chan string, 64)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			exports <- string(body)
		}
	}))
	t.Cleanup(collector.Close)
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string {
		return channel(dir, url) + `
tracing:
  provider: otel
  service_name: texts
  deployment_environment: production-eu
  providers: { otlp: { server_url: "` + strings.TrimPrefix(collector.URL, "http://") + `", insecure: true } }
`
	})
	c.send(t, "hello")
	if err := gateway.WaitFor(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	close(exports)
	all := ""
	for export := range exports {
		all += export
	}
	for _, want := range []string{"deployment.environment.name", "production-eu", "texts"} {
		if !strings.Contains(all, want) {
			t.Errorf("the %d bytes of spans lack %s", len(all), want)
		}
	}
}
