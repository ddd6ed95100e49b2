package httpapi

import (
	"context"
	"errors"
	"net/http"

	"courier"
	"courier/internal/store"
)

const internalFault = "the courier met a fault of its own; its log says more"

// errNoKey is the cause of a refusal of a request without a key.
var errNoKey = errors.New("no key was given")

// scopeError is the cause of a refusal of a key without a scope.
type scopeError struct{ scope Scope }

// Error implements error.
func (e *scopeError) Error() string { return "scope " + string(e.scope) + " is missing" }

// asFault turns any error into what a caller may see of it.
func asFault(err error) *courier.Error {
	if fault, ok := errors.AsType[*courier.Error](err); ok {
		return fault
	}
	if transition, ok := errors.AsType[*store.TransitionError](err); ok {
		return &courier.Error{Code: courier.CodeIllegalTransition, Message: transitionFault(transition), Err: err}
	}
	for _, known := range storeFaults() {
		if errors.Is(err, known.is) {
			return &courier.Error{Code: known.code, Message: known.message, Err: err}
		}
	}
	return &courier.Error{Code: courier.CodeInternal, Message: internalFault, Err: err}
}

func transitionFault(e *store.TransitionError) string {
	now := "the message is " + string(e.From)
	if e.To == courier.StatusCanceled {
		return now + " and can no longer be canceled; only a queued or unknown one can"
	}
	if e.To == courier.StatusQueued {
		return now + " and cannot be retried; only one that is undelivered, rejected, expired, abandoned or unknown can"
	}
	return now + " and cannot become " + string(e.To)
}

type storeFault struct {
	is      error
	code    courier.ErrorCode
	message string
}

func storeFaults() []storeFault {
	return []storeFault{
		{store.ErrNotFound, courier.CodeNotFound, "no message has this id; GET /v1/messages lists those there are"},
		{store.ErrIdempotencyConflict, courier.CodeIdempotencyConflict, "the idempotency key was used for a different message; use a new key, or repeat the first request unchanged"},
		{store.ErrScrubbed, courier.CodeContentScrubbed, "the content of the message was deleted at scrubbed_at, so it cannot be sent again; send a new message (retention.scrub_after says how long content is kept)"},
		{store.ErrFull, courier.CodeStoreFull, "the disk of the message store is full and nothing was stored; free space on it, then send again"},
		{store.ErrReadOnly, courier.CodeStoreReadOnly, "the message store cannot be written and nothing was stored; make the database and its directory writable, then send again"},
		{store.ErrClosed, courier.CodeShuttingDown, "the courier is shutting down; send again in a moment"},
		{store.ErrUnavailable, courier.CodeStoreUnavailable, "the message store does not answer; send again in a moment, with an idempotency key lest a message goes out twice"},
		{context.DeadlineExceeded, courier.CodeStoreUnavailable, "the message store did not answer in time; send again in a moment, with an idempotency key lest a message goes out twice"},
		{context.Canceled, courier.CodeStoreUnavailable, "the request was given up before the message store answered"},
	}
}

// setProblemHeaders sets what HTTP asks for beside the document.
func setProblemHeaders(header http.Header, fault *courier.Error) {
	if challenge := challengeOf(fault); challenge != "" {
		header.Set("WWW-Authenticate", challenge)
	}
	if seconds := retryAfter(fault.Code); seconds != "" {
		header.Set("Retry-After", seconds)
	}
}

// challengeOf returns the challenge of RFC 6750, 3, for a refused key.
func challengeOf(fault *courier.Error) string {
	missing, scoped := errors.AsType[*scopeError](fault.Err)
	switch {
	case scoped:
		return `Bearer realm="courier", error="insufficient_scope", scope="` + string(missing.scope) + `"`
	case errors.Is(fault.Err, errNoKey):
		return `Bearer realm="courier"`
	case fault.Code == courier.CodeUnauthorized:
		return `Bearer realm="courier", error="invalid_token"`
	default:
		return ""
	}
}

// retryAfter returns after how many seconds the same request may succeed: soon
// when the fault passes by itself, later when someone has to act.
func retryAfter(code courier.ErrorCode) string {
	if code == courier.CodeStoreUnavailable || code == courier.CodeShuttingDown {
		return "1"
	}
	if code == courier.CodeStoreFull || code == courier.CodeStoreReadOnly {
		return "10"
	}
	return ""
}
