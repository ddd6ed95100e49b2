package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"courier"
)

// instrument bounds, traces, counts and logs the requests of one route, and
// answers errors and panics with problem documents.
func (a *API) instrument(listener, route string, next func(http.ResponseWriter, *http.Request) error) http.Handler {
	observe := a.metrics.observer(listener, route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(r.Context(), a.options.Timeout)
		defer cancel()
		ctx, span := a.startSpan(ctx, r, route)
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		refused := false
		defer func() {
			if refused {
				discardBody(w, r)
			}
		}()
		defer func() {
			a.recovered(ctx, recorder, recover(), route)
			took := time.Since(began)
			endSpan(span, recorder.status)
			observe(recorder.status, took)
			a.logRequest(ctx, listener, route, recorder.status, took)
		}()
		if err := next(recorder, r.WithContext(ctx)); err != nil {
			a.refuse(ctx, recorder, err)
			refused = true
		}
	})
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

func (a *API) logRequest(ctx context.Context, listener, route string, status int, took time.Duration) {
	if !a.options.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	a.options.Logger.DebugContext(ctx, "request served", slog.String("listener", listener),
		slog.String("route", route), slog.Int("status", status), slog.Duration("duration", took))
}

// recovered answers a panic. What was panicked with may hold a body, so only a
// fault of the runtime is logged with its text.
func (a *API) recovered(ctx context.Context, w *statusRecorder, cause any, route string) {
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
	if !w.written {
		writeProblem(w, &courier.Error{Code: courier.CodeInternal, Message: internalFault})
	}
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status  int
	written bool
}

// WriteHeader implements http.ResponseWriter.
func (r *statusRecorder) WriteHeader(status int) {
	if !r.written {
		r.status, r.written = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *statusRecorder) Write(content []byte) (int, error) {
	r.written = true
	return r.ResponseWriter.Write(content)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
