package httpapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
)

// maxHook bounds the body of a call of an identity system, in bytes.
const maxHook = 1 << 20

// Hooks takes the calls of identity systems.
type Hooks interface {
	// Serve answers a call. found is false when there is no such hook, or its address has
	// no secret.
	Serve(ctx context.Context, call *HookCall) (answer HookAnswer, found bool)
}

// HookCall is a call of an identity system, as it arrived.
type HookCall struct {
	// ID and Secret are the parts of the path; Secret is empty for an address without one.
	ID, Secret string
	// Target is the path and the query as they were written.
	Target string
	Header http.Header
	// Body has at most 1 MiB.
	Body []byte
}

// HookAnswer is what the identity system is told.
type HookAnswer struct {
	Status      int
	ContentType string
	Body        []byte
	// RetryAfter is the value of that header, empty for none.
	RetryAfter string
	// Result is one of a few words for the metric.
	Result string
	// Err is what the log may say of a fault of ours.
	Err error
}

func (a *API) hookEndpoints() []endpoint {
	if a.options.Hooks == nil {
		return nil
	}
	var endpoints []endpoint
	for _, path := range []string{"/hooks/{id}", "/hooks/{id}/{secret}"} {
		endpoints = append(endpoints, endpoint{method: http.MethodPost, path: path, handle: a.hook, refuse: refuseHook})
	}
	return endpoints
}

func (a *API) hook(c *call) (any, error) {
	body, err := readBody(c, maxHook, "nothing that an identity system sends is as large")
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	id := c.r.PathValue("id")
	answer, found := a.options.Hooks.Serve(ctx, &HookCall{
		ID: id, Secret: c.r.PathValue("secret"), Target: c.r.URL.RequestURI(), Header: c.r.Header, Body: body,
	})
	if !found {
		return nil, &courier.Error{Code: courier.CodeNotFound, Message: "no hook is at this address; hooks of the configuration lists those there are"}
	}
	a.hooks.WithLabelValues(id, answer.Result).Inc()
	if answer.Err != nil || answer.Status >= http.StatusBadRequest {
		if left, due := a.refusals.next("hook " + id + " " + answer.Result); due {
			a.options.Logger.LogAttrs(ctx, slog.LevelWarn, "call of a hook refused", slog.String("hook", id), slog.String("result", answer.Result),
				slog.Int("status", answer.Status), errorAttr(answer.Err), slog.Int("more_before", left))
		}
	}
	if answer.RetryAfter != "" {
		c.w.Header().Set("Retry-After", answer.RetryAfter)
	}
	writeContent(c.w, answer.Status, answer.ContentType, answer.Body)
	return nil, nil
}

// refuseHook answers in one sentence of plain text: some identity systems show it to
// their users.
func refuseHook(w http.ResponseWriter, fault *courier.Error) {
	writeContent(w, fault.Code.HTTPStatus(), "text/plain; charset=utf-8", []byte(fault.Message))
}

// newHookCounter counts the calls of hooks.
func newHookCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "courier_hook_requests_total",
		Help: "Calls of identity systems, by hook and what became of them.",
	}, []string{"hook", "result"})
}
