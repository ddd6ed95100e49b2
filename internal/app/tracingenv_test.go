package app

import (
	"strings"
	"testing"
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
