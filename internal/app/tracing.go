package app

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// traceOptions say where spans go. With neither a provider nor one of the
// standard OTEL_ variables, spans are not made at all.
type traceOptions struct {
	Provider      string
	ServiceName   string
	ServerURL     string
	Insecure      bool
	Authorization string
	SamplingRatio float64
	Version       string
}

// newTracing returns a provider and what flushes and stops it.
func newTracing(ctx context.Context, options traceOptions) (trace.TracerProvider, func(context.Context) error, error) {
	if options.Provider == "" && os.Getenv("OTEL_TRACES_EXPORTER") == "" {
		return noop.NewTracerProvider(), func(context.Context) error { return nil }, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx, autoexport.WithFallbackSpanExporter(
		func(ctx context.Context) (sdktrace.SpanExporter, error) {
			return otlptracehttp.New(ctx, options.otlp()...)
		}))
	if err != nil {
		return nil, nil, fmt.Errorf("set up tracing: %w; check tracing.providers.otlp and the OTEL_ variables", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(options.SamplingRatio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", options.ServiceName),
			attribute.String("service.version", options.Version),
		)),
	)
	return provider, provider.Shutdown, nil
}

func (o traceOptions) otlp() []otlptracehttp.Option {
	var settings []otlptracehttp.Option
	if o.ServerURL != "" {
		settings = append(settings, otlptracehttp.WithEndpoint(o.ServerURL))
	}
	if o.Insecure {
		settings = append(settings, otlptracehttp.WithInsecure())
	}
	if o.Authorization != "" {
		settings = append(settings, otlptracehttp.WithHeaders(map[string]string{"Authorization": o.Authorization}))
	}
	return settings
}
