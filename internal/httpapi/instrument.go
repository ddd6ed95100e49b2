package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"courier"
)

// instrument bounds, traces, counts and logs the requests of one route, and
// answers errors and panics in the form of the endpoint.
func (a *API) instrument(listener, route string, e *endpoint) http.Handler {
	labels := prometheus.Labels{"listener": listener, "route": route}
	requests, duration := a.requests.MustCurryWith(labels), a.duration.With(labels)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, cancel := r.Context(), func() {}
		if !e.lasting {
			ctx, cancel = context.WithTimeout(ctx, a.options.Timeout)
		}
		defer cancel()
		ctx, span := a.startSpan(ctx, r, route)
		recorder := &statusRecorder{ResponseWriter: w}
		refused := false
		defer func() {
			a.recovered(ctx, recorder, recover(), route, e)
			took, status := time.Since(began), cmp.Or(recorder.status, http.StatusOK)
			endSpan(span, status)
			requests.WithLabelValues(strconv.Itoa(status)).Inc()
			duration.Observe(took.Seconds())
			if a.options.Logger.Enabled(ctx, slog.LevelDebug) {
				a.options.Logger.LogAttrs(ctx, slog.LevelDebug, "request served", slog.String("listener", listener),
					slog.String("route", route), slog.Int("status", status), slog.Duration("duration", took))
			}
			if refused {
				discardBody(w, r)
			}
		}()
		if err := a.answer(ctx, &call{w: recorder, r: r.WithContext(ctx)}, listener, e); err != nil {
			refused = true
			fault := FaultOf(err)
			a.logRefusal(ctx, fault)
			e.fail(recorder, fault)
		}
	})
}

// answer serves a call, or returns why not.
func (a *API) answer(ctx context.Context, c *call, listener string, e *endpoint) error {
	if err := a.admit(ctx, c, listener, e); err != nil {
		return err
	}
	answer, err := e.handle(c)
	if err != nil || answer == nil {
		return err
	}
	content, err := encodeJSON(answer)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	writeContent(c.w, e.success(), "application/json", append(content, '\n'))
	return nil
}

// logRefusal logs the faults of the courier's own, one line in a while for all of the
// same text, and one for all requests that are refused because of the store. The others
// are the caller's business.
func (a *API) logRefusal(ctx context.Context, fault *courier.Error) {
	if fault.Code.HTTPStatus() < http.StatusInternalServerError || fault.Code == courier.CodeSMSDisabled {
		return
	}
	level, kind := slog.LevelWarn, string(fault.Code)
	if fault.Code == courier.CodeInternal {
		level, kind = slog.LevelError, fmt.Sprint(kind, fault.Err)
	}
	left, due := a.refusals.next(kind)
	if !due {
		return
	}
	a.options.Logger.LogAttrs(ctx, level, "request refused", slog.String("code", string(fault.Code)),
		slog.String("detail", fault.Message), errorAttr(fault.Err), slog.Int("more_before", left))
}

// errorAttr is an error for the log, and nothing for none.
func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.Any("error", err)
}

// What is read of a body after its refusal, at most. The server itself reads
// no more than serverDiscards of one.
const (
	discardBytes   = 16 << 20
	discardTime    = 5 * time.Second
	serverDiscards = 256 << 10
)

// discardBody reads what is left of the body of a request that was refused. A
// caller that writes its whole body before it reads would otherwise find a
// broken connection in place of the answer.
func discardBody(w http.ResponseWriter, r *http.Request) {
	small := r.ContentLength >= 0 && r.ContentLength <= serverDiscards
	if small || r.Header.Get("Expect") != "" {
		return
	}
	control := http.NewResponseController(w)
	if control.Flush() != nil || control.SetReadDeadline(time.Now().Add(discardTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, discardBytes)
}

// recovered answers a panic. What was panicked with may hold a body, so only a
// fault of the runtime is logged with its text.
func (a *API) recovered(ctx context.Context, w *statusRecorder, cause any, route string, e *endpoint) {
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	text := "the program panicked"
	if fault, ok := cause.(runtime.Error); ok {
		text = fault.Error()
	}
	a.options.Logger.ErrorContext(ctx, "request panicked; this is a fault of the courier, report it with the stack",
		slog.String("route", route), slog.String("panic", text), slog.String("stack", string(debug.Stack())))
	if w.status == 0 {
		e.fail(w, &courier.Error{Code: courier.CodeInternal, Message: internalFault})
	}
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	// status is 0 until there is one.
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *statusRecorder) WriteHeader(status int) {
	r.status = cmp.Or(r.status, status)
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *statusRecorder) Write(content []byte) (int, error) {
	r.status = cmp.Or(r.status, http.StatusOK)
	return r.ResponseWriter.Write(content)
}

// Unwrap gives http.ResponseController the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// startSpan starts the span of a request. It records the route and not the
// path, and no query: either may hold a recipient.
func (a *API) startSpan(ctx context.Context, r *http.Request, route string) (context.Context, trace.Span) {
	if r.Header["Traceparent"] != nil {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, span := a.tracer.Start(ctx, route, trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("http.request.method", knownMethod(r.Method)), attribute.String("http.route", route))
	}
	return ctx, span
}

func endSpan(span trace.Span, status int) {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
	}
	span.End()
}

// knownMethod keeps what a caller made up out of the attributes, as the
// OpenTelemetry conventions for HTTP ask.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	default:
		return "_OTHER"
	}
}

// traceParent returns the W3C trace context that a message made now keeps,
// empty when the request is part of no trace.
func traceParent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

func (a *API) registerMetrics() error {
	a.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "courier_http_requests_total",
		Help: "Requests answered, by listener, route and HTTP status.",
	}, []string{"listener", "route", "code"})
	a.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "courier_http_request_duration_seconds",
		Help:    "Time from the request's header to the end of its answer.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"listener", "route"})
	a.hooks = newHookCounter()
	if err := errors.Join(a.options.Registerer.Register(a.requests), a.options.Registerer.Register(a.duration), a.options.Registerer.Register(a.hooks)); err != nil {
		return fmt.Errorf("register http metrics: %w", err)
	}
	return nil
}
