package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"

	"courier"
)

// Send writes a request of Render and judges the answer. The request's context
// bounds it beside the gateway's own time-out. The attempt's Number is left to the caller.
func (g *Gateway) Send(request *http.Request) courier.Attempt {
	started := g.nowFunc()
	ctx, cancel := g.bounded(request.Context(), started)
	defer cancel()
	built := renderedFrom(request.Context())
	attempt := courier.Attempt{Gateway: g.name, StartedAt: started}
	response, failed := g.follow(ctx, request, built) //nolint:bodyclose // settleAnswer closes it
	if response == nil {
		what, judged := failed.describe()
		g.settle(&attempt, what, judged)
	} else {
		g.settleAnswer(&attempt, response, built)
	}
	attempt.Duration = g.nowFunc().Sub(started)
	return attempt
}

// bounded gives a context the gateway's own time-out, unless its own is earlier.
func (g *Gateway) bounded(ctx context.Context, started time.Time) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(started) <= g.timeout {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, g.timeout)
}

// settle writes a judgement and its sentence into the attempt.
func (g *Gateway) settle(attempt *courier.Attempt, what string, judged verdict) {
	attempt.Outcome, attempt.Class = judged.outcome, judged.class
	if judged.outcome != courier.OutcomeAccepted {
		attempt.Message = fmt.Sprintf("gateway %q (%s) %s: %s", g.name, originOf(g.target), what, judged.advice)
	}
}

// settleAnswer judges an answer by its status. Its body only adds detail, so a
// body that fails or hangs changes nothing.
func (g *Gateway) settleAnswer(attempt *courier.Attempt, response *http.Response, built *rendered) {
	judged := judgeStatus(response.StatusCode)
	attempt.HTTPStatus = response.StatusCode
	body := readAnswer(response)
	if judged.outcome == courier.OutcomeAccepted {
		attempt.Outcome = judged.outcome
		attempt.GatewayMessageID = g.masked.dropSecret(messageID(body))
		return
	}
	mask := g.masked.forMessage(built.message)
	attempt.RetryAfter = retryAfter(response.Header.Get("Retry-After"), g.nowFunc())
	attempt.Excerpt = mask.mask(excerptText(body), maxExcerpt)
	attempt.Code = mask.dropIfMasked(errorCode(body))
	g.settle(attempt, g.describeAnswer(response, mask), judged)
}

func (g *Gateway) describeAnswer(response *http.Response, mask *masker) string {
	answered := "answered " + strconv.Itoa(response.StatusCode)
	if text := http.StatusText(response.StatusCode); text != "" {
		answered += " " + text
	}
	if response.StatusCode >= 300 && response.StatusCode <= 399 {
		if target := redirectName(response); target != "" {
			answered += " to " + mask.mask(target, maxErrorText) + ", which is not followed"
		}
	}
	return answered
}

// hop is one request and its answer. The hooks run on the connection's goroutines.
type hop struct {
	wrote atomic.Bool
	conn  atomic.Pointer[countedConn]
	start atomic.Int64
}

// roundTrip sends one request. Without a response the fault says whether the
// whole request may have reached the gateway.
func (g *Gateway) roundTrip(ctx context.Context, request *http.Request) (*http.Response, fault) {
	if g.direct.takes(request) {
		response, written, err := g.direct.roundTrip(ctx, request)
		return response, fault{err: err, written: written}
	}
	h := &hop{}
	trace := &httptrace.ClientTrace{GotConn: h.gotConn, WroteRequest: h.wroteRequest}
	response, err := g.transport.RoundTrip(request.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return nil, fault{err: err, written: h.written()}
	}
	return response, fault{}
}

func (h *hop) gotConn(info httptrace.GotConnInfo) {
	h.wrote.Store(false)
	counted := countedConnOf(info.Conn)
	if counted != nil {
		h.start.Store(counted.sent.Load())
	}
	h.conn.Store(counted)
}

func (h *hop) wroteRequest(info httptrace.WroteRequestInfo) { h.wrote.Store(info.Err == nil) }

func (h *hop) written() bool {
	counted := h.conn.Load()
	return h.wrote.Load() && (counted == nil || counted.sent.Load() > h.start.Load())
}
