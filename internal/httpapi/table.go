package httpapi

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"courier"
)

const (
	pathMessages = "/v1/messages"
	pathMessage  = pathMessages + "/{id}"
	tagMessages  = "messages"
	tagOperator  = "operator"
)

// messageEndpoints are those of the messages.
func (a *API) messageEndpoints() []endpoint {
	refused, unserved := bodyCodes(), channelCodes()
	judged := []courier.ErrorCode{courier.CodeInvalidRecipient, courier.CodeInvalidSender, courier.CodeMessageTooLong}
	repeated := []courier.ErrorCode{courier.CodeIdempotencyConflict, courier.CodeRateLimited, courier.CodeRecipientLimited, courier.CodeCallerLimited}
	least, most := 1, 255
	key := []*huma.Param{{
		Name: headerKey, In: "header",
		Description: "Makes it safe to repeat the request: a repeat is answered with the first message, another message under the same key is refused, and many of them with 429. Visible ASCII characters.",
		Schema:      &huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most, Pattern: "^[!-~]+$"},
	}}
	return []endpoint{
		{
			method: http.MethodPost, path: pathMessages, id: "send-message", tag: tagMessages, summary: "Send a message",
			description: "Takes a message durably: after the answer it survives a crash. A repeat with the same Idempotency-Key is answered with the first message, replayed and the header Idempotency-Replayed, also once the message has expired; a first request whose expires_at is past is taken with a key, and expires unsent. Each API key has idempotency keys of its own.",
			scope:       ScopeSend, handle: a.send, parameters: key,
			takes: MessageRequest{}, gives: accepted{}, status: http.StatusAccepted,
			codes: slices.Concat(refused, judged, unserved, storeCodes(), repeated),
		},
		{
			method: http.MethodPost, path: pathMessages + "/batch", id: "send-batch", tag: tagMessages, summary: "Send many messages",
			description: "Takes up to 1,000 messages in one transaction. Each good one is taken even where others are refused. A batch takes no header Idempotency-Key: each message has its own idempotency_key.",
			scope:       ScopeSend, handle: a.sendBatch,
			takes: batchRequest{}, gives: batchResponse{}, status: http.StatusAccepted, codes: slices.Concat(refused, storeCodes()),
		},
		{
			method: http.MethodGet, path: pathMessages, id: "list-messages", tag: tagMessages, summary: "List messages",
			description: "One page of messages, the newest first, without their attempts and receipts.",
			scope:       ScopeRead, handle: a.listMessages, parameters: listParams(),
			gives: messagePage{}, codes: []courier.ErrorCode{courier.CodeInvalidRequest, courier.CodeStoreUnavailable},
		},
		{
			method: http.MethodPost, path: "/v1/recipients/why", id: "why", tag: tagMessages, summary: "Why did it not arrive?",
			description: "What became of the last messages to a recipient, in one paragraph, and what to do. The recipient is in the body, so that no log of addresses has it.",
			scope:       ScopeRead, handle: a.why, takes: WhyRequest{}, gives: whyAnswer{},
			codes: slices.Concat(refused, []courier.ErrorCode{courier.CodeInvalidRecipient, courier.CodeStoreUnavailable}),
		},
		{
			method: http.MethodGet, path: pathMessage, id: "get-message", tag: tagMessages, summary: "Show a message",
			description: "A message with its attempts, what the gateways reported of it, and what applications were told.",
			scope:       ScopeRead, handle: byID(a.getMessage), parameters: idParam("The id of a message."),
			gives: messageDetail{}, codes: []courier.ErrorCode{courier.CodeNotFound, courier.CodeStoreUnavailable},
		},
		{
			method: http.MethodGet, path: pathMessage + "/requests", id: "build-requests", tag: tagMessages, summary: "Show the requests of a message",
			description: "The request to each gateway that a message was attempted through, with secrets masked, as the configuration of now builds it: what was sent is not kept. Nothing is sent.",
			scope:       ScopeRead, handle: byID(a.builtRequests), parameters: idParam("The id of a message."),
			gives: builtList{}, codes: []courier.ErrorCode{courier.CodeNotFound, courier.CodeStoreUnavailable},
		},
	}
}

// changeEndpoints change one message.
func (a *API) changeEndpoints() []endpoint {
	id, unserved := idParam("The id of a message."), channelCodes()
	changed := slices.Concat(bodyCodes(), []courier.ErrorCode{courier.CodeNotFound, courier.CodeIllegalTransition}, storeCodes())
	return []endpoint{
		{
			method: http.MethodPost, path: pathMessage + "/cancel", id: "cancel-message", tag: tagMessages, summary: "Cancel a message",
			description: "Withdraws a queued or unknown message. Canceling a canceled one again is no error.",
			scope:       ScopeSend, also: ScopeOperate, handle: byID(a.cancelMessage), parameters: id,
			takes: ReasonRequest{}, bodyOptional: true, gives: Message{}, codes: changed,
		},
		{
			method: http.MethodPost, path: pathMessage + "/retry", id: "retry-message", tag: tagMessages, summary: "Retry a message",
			description: "Queues a message again that is undelivered, rejected, expired, abandoned or unknown, due now and with a new count of retries. An expired one needs a new lifetime, or none.",
			scope:       ScopeSend, also: ScopeOperate, handle: byID(a.retryMessage), parameters: id,
			takes: retryRequest{}, bodyOptional: true, gives: Message{},
			codes: slices.Concat(changed, []courier.ErrorCode{courier.CodeContentScrubbed}, unserved),
		},
		{
			method: http.MethodPost, path: pathMessage + "/resolve", id: "resolve-message", tag: tagMessages, summary: "Resolve an unknown message",
			description: "Says what became of a message whose outcome is unknown, after a look at the gateway. One that is sent again is due now, with a new count of retries.",
			scope:       ScopeSend, also: ScopeOperate, handle: byID(a.resolveMessage), parameters: id,
			takes: ResolveRequest{}, gives: Message{},
			codes: slices.Concat(changed, []courier.ErrorCode{courier.CodeContentScrubbed}, unserved),
		},
	}
}

// operatorEndpoints are those for people and machines that watch the courier.
func (a *API) operatorEndpoints() []endpoint {
	return append(a.healthEndpoints(),
		endpoint{
			method: http.MethodGet, path: "/version", id: "version", tag: tagOperator, summary: "What program this is",
			scope: ScopeRead, handle: func(*call) (any, error) { return a.options.Version, nil }, gives: Version{},
		},
		endpoint{
			method: http.MethodGet, path: "/v1/nodes", id: "list-nodes", tag: tagOperator, summary: "List the nodes",
			description: "The couriers that share the database: those that are alive, and those that ended without signing off less than a day ago.",
			scope:       ScopeRead, handle: a.listNodes, gives: nodeList{}, codes: []courier.ErrorCode{courier.CodeStoreUnavailable},
		},
		endpoint{
			method: http.MethodGet, path: "/v1/queue", id: "show-queue", tag: tagOperator, summary: "Show what is under way",
			description: "How many messages wait, are being attempted, or need an operator, and what holds up those that wait.",
			scope:       ScopeRead, handle: a.showQueue, gives: queue{}, codes: []courier.ErrorCode{courier.CodeStoreUnavailable},
		},
		endpoint{
			method: http.MethodGet, path: "/metrics", id: "metrics", tag: tagOperator, summary: "Prometheus metrics",
			scope: ScopeRead, handle: a.metricsHandler(), contentType: "text/plain",
		},
		endpoint{
			method: http.MethodGet, path: "/openapi.json", id: "openapi-json", tag: tagOperator, summary: "This document",
			scope: ScopeRead, handle: a.document("application/openapi+json", func(s *specification) []byte { return s.json }), contentType: "application/openapi+json",
		},
		endpoint{
			method: http.MethodGet, path: "/openapi.yaml", id: "openapi-yaml", tag: tagOperator, summary: "This document, in YAML",
			scope: ScopeRead, handle: a.document("application/openapi+yaml", func(s *specification) []byte { return s.yaml }), contentType: "application/openapi+yaml",
		},
	)
}

// healthEndpoints are open on both listeners.
func (a *API) healthEndpoints() []endpoint {
	return []endpoint{
		{
			method: http.MethodGet, path: "/health/alive", id: "health-alive", tag: tagOperator, summary: "Whether the process answers",
			handle: func(*call) (any, error) { return health{Status: "ok"}, nil }, gives: health{},
		},
		{
			method: http.MethodGet, path: "/health/ready", id: "health-ready", tag: tagOperator, summary: "Whether messages are taken and dispatched",
			handle: a.ready, gives: health{}, codes: storeCodes(),
		},
	}
}

// bodyCodes are those of a body that cannot be read.
func bodyCodes() []courier.ErrorCode {
	return []courier.ErrorCode{courier.CodeInvalidRequest, courier.CodeRequestTooLarge, courier.CodeUnsupportedMedia}
}

// channelCodes are those of a channel that is not configured.
func channelCodes() []courier.ErrorCode {
	return []courier.ErrorCode{courier.CodeUnknownChannel, courier.CodeSMSDisabled}
}

// storeCodes are those of a store that cannot take a message.
func storeCodes() []courier.ErrorCode {
	return []courier.ErrorCode{courier.CodeStoreFull, courier.CodeStoreReadOnly, courier.CodeStoreUnavailable, courier.CodeShuttingDown}
}
