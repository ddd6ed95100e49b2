package app

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"courier/internal/config"
)

func TestWantsSpans(t *testing.T) { //nolint:paralleltest // it sets the environment
	for _, test := range []struct {
		provider, exporter, protocol string
		want                         bool
		fault                        string
	}{
		{"", "", "", false, ""},
		{"otel", "", "", true, ""},
		{"", "otlp", "", true, ""},
		{"otel", "none", "", false, ""},
		{"otel", "", "http/protobuf", true, ""},
		{"otel", "", "grpc", false, "http/protobuf"},
		{"", "console", "", false, "otlp or none"},
	} {
		t.Setenv("OTEL_TRACES_EXPORTER", test.exporter)
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.protocol)
		got, err := wantsSpans(test.provider)
		if got != test.want || (err != nil) != (test.fault != "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%+v: %v, %v", test, got, err)
		}
	}
}

// TestNewTracing_ExportFails tells the log of a collector that refuses spans.
func TestNewTracing_ExportFails(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp") // the handler of errors is one for the process: no other test runs meanwhile
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer collector.Close()
	var log bytes.Buffer
	var cfg config.Tracing
	cfg.OTLP.ServerURL, cfg.OTLP.Insecure, cfg.OTLP.SamplingRatio = strings.TrimPrefix(collector.URL, "http://"), true, 1
	provider, stop, err := newTracing(t.Context(), cfg, "test", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "span")
	span.End()
	if err := stop(t.Context()); err != nil {
		t.Log(err)
	}
	if !strings.Contains(log.String(), "traces could not be exported") {
		t.Errorf("log is %q", log.String())
	}
}
