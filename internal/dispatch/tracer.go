package dispatch

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"courier"
)

// tracer makes a span per attempt, within the trace of the request that made
// the message. The zero value makes none.
type tracer struct {
	tracer trace.Tracer
}

func newTracer(provider trace.TracerProvider) *tracer {
	if _, none := provider.(noop.TracerProvider); none || provider == nil {
		return &tracer{}
	}
	return &tracer{tracer: provider.Tracer("courier/internal/dispatch")}
}

// start begins the span of an attempt.
func (t *tracer) start(ctx context.Context, m *courier.Message, gateway string) (context.Context, trace.Span) {
	if t.tracer == nil {
		return ctx, nil
	}
	if m.TraceParent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": m.TraceParent})
	}
	return t.tracer.Start(ctx, "courier.attempt", trace.WithAttributes(
		attribute.String("courier.message_id", m.ID.String()),
		attribute.String("courier.channel", m.Channel),
		attribute.String("courier.gateway", gateway),
		attribute.Int("courier.attempt", m.SendCount+1),
	))
}

// finishSpan ends a span, nil for none, with what the attempt came to. It tells neither the
// recipient, nor the body, nor the address of the gateway.
func finishSpan(span trace.Span, attempt *courier.Attempt, next courier.Status) {
	if span == nil {
		return
	}
	span.SetAttributes(
		attribute.String("courier.outcome", string(attempt.Outcome)),
		attribute.String("courier.status", string(next)),
	)
	if attempt.HTTPStatus != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", attempt.HTTPStatus))
	}
	if attempt.Outcome != courier.OutcomeAccepted {
		span.SetAttributes(attribute.String("courier.class", string(attempt.Class)))
		span.SetStatus(codes.Error, string(attempt.Class))
	}
	span.End()
}

// traceID returns the trace of a message, or "". Its trace context has the form
// version-trace-parent-flags (W3C Trace Context, 3.2).
func traceID(m *courier.Message) string {
	const start, end, length = 3, 35, 55
	if len(m.TraceParent) < length {
		return ""
	}
	return m.TraceParent[start:end]
}
