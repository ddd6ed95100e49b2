package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	pathMessages = "/v1/messages"
	pathMessage  = pathMessages + "/{id}"
	tagMessages  = "messages"
	tagOperator  = "operator"
)

// messageEndpoints are those of the messages.
func (a *API) messageEndpoints() []endpoint {
	return []endpoint{
		{huma.Operation{
			Method: http.MethodPost, Path: pathMessages, OperationID: "send-message", Tags: []string{tagMessages}, Summary: "Send a message",
			Description: "Takes a message durably: after the answer it survives a crash. A repeat with the same Idempotency-Key is answered with the first message and the header Idempotency-Replayed, also once the message has expired; a first request whose expires_at is past is taken with a key, and expires unsent.",
		}, ScopeSend, a.send},
		{huma.Operation{
			Method: http.MethodPost, Path: pathMessages + "/batch", OperationID: "send-batch", Tags: []string{tagMessages}, Summary: "Send many messages",
			Description: "Takes up to 1,000 messages in one transaction. Each good one is taken even where others are refused. A batch takes no header Idempotency-Key: each message has its own idempotency_key.",
		}, ScopeSend, a.sendBatch},
		{huma.Operation{
			Method: http.MethodGet, Path: pathMessages, OperationID: "list-messages", Tags: []string{tagMessages}, Summary: "List messages",
			Description: "One page of messages, the newest first, without their attempts.",
		}, ScopeRead, a.listMessages},
		{huma.Operation{
			Method: http.MethodGet, Path: pathMessage, OperationID: "get-message", Tags: []string{tagMessages}, Summary: "Show a message",
			Description: "A message with its attempts.",
		}, ScopeRead, a.getMessage},
		{huma.Operation{
			Method: http.MethodPost, Path: pathMessage + "/cancel", OperationID: "cancel-message", Tags: []string{tagMessages}, Summary: "Cancel a message",
			Description: "Withdraws a queued or unknown message. Canceling a canceled one again is no error.",
		}, ScopeSend, a.cancelMessage},
		{huma.Operation{
			Method: http.MethodPost, Path: pathMessage + "/retry", OperationID: "retry-message", Tags: []string{tagMessages}, Summary: "Retry a message",
			Description: "Queues a message again that is undelivered, rejected, expired, abandoned or unknown, due now and with a new count of retries. An expired one needs a new lifetime, or none.",
		}, ScopeSend, a.retryMessage},
	}
}

// operatorEndpoints are those for people and machines that watch the courier.
func (a *API) operatorEndpoints() []endpoint {
	return append(a.healthEndpoints(),
		endpoint{huma.Operation{
			Method: http.MethodGet, Path: "/v1/nodes", OperationID: "list-nodes", Tags: []string{tagOperator}, Summary: "List the nodes",
			Description: "The couriers that share the database: those that are alive, and those that ended without signing off less than a day ago.",
		}, ScopeRead, a.listNodes},
		endpoint{huma.Operation{
			Method: http.MethodGet, Path: "/metrics", OperationID: "metrics", Tags: []string{tagOperator}, Summary: "Prometheus metrics",
		}, ScopeRead, a.metricsHandler()},
		endpoint{huma.Operation{
			Method: http.MethodGet, Path: "/openapi.json", OperationID: "openapi-json", Tags: []string{tagOperator}, Summary: "This document",
		}, "", a.document("application/openapi+json", func() []byte { return a.spec.json })},
		endpoint{huma.Operation{
			Method: http.MethodGet, Path: "/openapi.yaml", OperationID: "openapi-yaml", Tags: []string{tagOperator}, Summary: "This document, in YAML",
		}, "", a.document("application/openapi+yaml", func() []byte { return a.spec.yaml })},
	)
}

// healthEndpoints are open on both listeners.
func (a *API) healthEndpoints() []endpoint {
	return []endpoint{
		{huma.Operation{
			Method: http.MethodGet, Path: "/health/alive", OperationID: "health-alive", Tags: []string{tagOperator}, Summary: "Whether the process answers",
		}, "", a.alive},
		{huma.Operation{
			Method: http.MethodGet, Path: "/health/ready", OperationID: "health-ready", Tags: []string{tagOperator}, Summary: "Whether messages are taken and dispatched",
		}, "", a.ready},
		{huma.Operation{
			Method: http.MethodGet, Path: "/version", OperationID: "version", Tags: []string{tagOperator}, Summary: "What program this is",
		}, "", a.version},
	}
}

func (a *API) metricsHandler() handler {
	metrics := promhttp.HandlerFor(a.options.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: a.options.Timeout, EnableOpenMetrics: true,
	})
	return func(w http.ResponseWriter, r *http.Request, _ caller) error {
		metrics.ServeHTTP(w, r)
		return nil
	}
}

func (a *API) document(contentType string, content func() []byte) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ caller) error {
		w.Header().Set("Content-Type", contentType)
		writeContent(w, http.StatusOK, content())
		return nil
	}
}
