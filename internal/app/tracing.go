package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"courier/internal/config"
)

// newTracing returns a provider and what flushes and stops it. With neither a provider
// nor one of the standard OTEL_ variables, spans are not made at all. The logger is
// told of spans that could not be exported.
func newTracing(ctx context.Context, cfg config.Tracing, version string, logger *slog.Logger) (trace.TracerProvider, func(context.Context) error, error) {
	wanted, err := wantsSpans(cfg.Provider)
	if err != nil || !wanted {
		return noop.NewTracerProvider(), func(context.Context) error { return nil }, err
	}
	var options []otlptracehttp.Option
	if cfg.OTLP.ServerURL != "" {
		options = append(options, otlptracehttp.WithEndpoint(cfg.OTLP.ServerURL))
	}
	if cfg.OTLP.Insecure {
		options = append(options, otlptracehttp.WithInsecure())
	}
	if authorization := cfg.OTLP.AuthorizationHeader.Reveal(); authorization != "" {
		options = append(options, otlptracehttp.WithHeaders(map[string]string{"Authorization": authorization}))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("set up tracing: %w; check tracing.providers.otlp and the OTEL_ variables", err)
	}
	lasting := context.WithoutCancel(ctx)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { // by default it is Go's log, which main silences
		logger.WarnContext(lasting, "traces could not be exported: check tracing.providers.otlp and that the collector runs",
			slog.String("error", err.Error()))
	}))
	// Source: https://opentelemetry.io/docs/specs/semconv/resource/
	attributes := []attribute.KeyValue{attribute.String("service.name", cfg.ServiceName), attribute.String("service.version", version)}
	if cfg.DeploymentEnvironment != "" {
		attributes = append(attributes, attribute.String("deployment.environment.name", cfg.DeploymentEnvironment))
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.OTLP.SamplingRatio))),
		sdktrace.WithResource(resource.NewSchemaless(attributes...)),
	)
	return provider, provider.Shutdown, nil
}

// wantsSpans reads the standard variables that choose an exporter. Spans leave over
// OTLP with protobuf over HTTP alone: the other exporters would be a seventh of
// the packages of the program.
func wantsSpans(provider string) (bool, error) {
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	switch exporter {
	case "none":
		return false, nil
	case "", "otlp":
	default:
		return false, fmt.Errorf("set up tracing: OTEL_TRACES_EXPORTER is %q; set it to otlp or none", exporter)
	}
	const anyProtocol, tracesProtocol, http = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"
	if protocol := cmp.Or(os.Getenv(tracesProtocol), os.Getenv(anyProtocol), http); protocol != http {
		return false, fmt.Errorf("set up tracing: the protocol %q of %s or %s is not built in; "+
			"set it to %s and name the collector's port for HTTP, which is usually 4318", protocol, tracesProtocol, anyProtocol, http)
	}
	return provider != "" || exporter != "", nil
}
