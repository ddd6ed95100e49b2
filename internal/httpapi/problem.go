package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
	"courier/internal/store"
)

const internalFault = "the courier met a fault of its own; its log says more"

// errorForm is how the errors of an API are written. Endpoints that speak another
// API's language bring their own; the codes and their statuses are the same.
type errorForm struct {
	contentType string
	// shape is a value of the type that documentFunc returns, for the OpenAPI document.
	shape any
	// documentFunc returns what is encoded as JSON.
	documentFunc func(fault *courier.Error) any
}

func problemForm() errorForm {
	return errorForm{"application/problem+json", problem{}, func(fault *courier.Error) any { return newProblem(fault) }}
}

// errors returns the form of the endpoint's errors.
func (e *endpoint) errors() errorForm {
	if e.form == nil {
		return problemForm()
	}
	return *e.form
}

// problem is an RFC 9457 problem document.
type problem struct {
	Type   string            `json:"type" example:"about:blank" doc:"Always about:blank: the code tells the kind of problem."`
	Title  string            `json:"title" example:"Unprocessable Entity" doc:"The HTTP status in words."`
	Status int               `json:"status" example:"422" doc:"The HTTP status."`
	Detail string            `json:"detail" doc:"What is wrong and what to do next."`
	Code   courier.ErrorCode `json:"code" example:"invalid_recipient" doc:"The stable name of the problem."`
	Errors []problemField    `json:"errors,omitempty" nullable:"false" doc:"Which part of the request is at fault."`
}

type problemField struct {
	Location string `json:"location" example:"body.to" doc:"Where in the request: body, query, header or path, and the name."`
	Message  string `json:"message" doc:"What is wrong there and what to do next."`
}

// The places that the field of an error may name; any other is in the body.
const (
	inQuery  = "query."
	inHeader = "header."
)

func newProblem(fault *courier.Error) problem {
	status := fault.Code.HTTPStatus()
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fault.Message, Code: fault.Code}
	if fault.Field == "" {
		return p
	}
	name, location := fault.Field, fault.Field
	if place, rest, found := strings.Cut(fault.Field, "."); found && (place+"." == inQuery || place+"." == inHeader) {
		name = rest
	} else {
		location = "body." + fault.Field
	}
	p.Detail = name + ": " + fault.Message
	p.Errors = []problemField{{Location: location, Message: fault.Message}}
	return p
}

func writeError(w http.ResponseWriter, form errorForm, fault *courier.Error) {
	header := w.Header()
	if challenge := challengeOf(fault); challenge != "" {
		header.Set("WWW-Authenticate", challenge)
	}
	if wait := retryAfter(fault); wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	content, err := encodeJSON(form.documentFunc(fault))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	writeContent(w, fault.Code.HTTPStatus(), form.contentType, content)
}

// encodeJSON writes a value as it is stored: what was taken before the rules for
// requests were as strict as now is shown too.
func encodeJSON(value any) ([]byte, error) {
	return json.Marshal(value, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// writeContent writes an answer whole. A caller that is gone is no fault.
func writeContent(w http.ResponseWriter, status int, contentType string, content []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(content)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(content)
}

// errNoKey is the cause of a refusal of a request without a key.
var errNoKey = errors.New("no key was given")

// scopeError is the cause of a refusal of a key without a scope.
type scopeError struct{ scope Scope }

// Error implements error.
func (e *scopeError) Error() string { return "scope " + string(e.scope) + " is missing" }

// waitError is the cause of a refusal that ends after a while.
type waitError struct{ wait time.Duration }

// Error implements error.
func (e *waitError) Error() string { return fmt.Sprintf("refused for another %s", e.wait) }

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
	switch e.To { //nolint:exhaustive // what a caller can ask for
	case courier.StatusCanceled:
		return now + " and can no longer be canceled; only a queued or unknown one can"
	case courier.StatusQueued:
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
		{store.ErrUnavailable, courier.CodeStoreUnavailable, "the message store does not answer; send again in a moment, with an idempotency key so that no message goes out twice"},
		{context.DeadlineExceeded, courier.CodeStoreUnavailable, "the message store did not answer in time; send again in a moment, with an idempotency key so that no message goes out twice"},
		{context.Canceled, courier.CodeStoreUnavailable, "the request was given up before the message store answered"},
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
	}
	return ""
}

// retryAfter returns how long to wait before the same request may succeed: a
// moment when the fault passes by itself, longer when someone has to act, 0 when
// waiting does not help.
func retryAfter(fault *courier.Error) time.Duration {
	if limited, ok := errors.AsType[*waitError](fault.Err); ok {
		return limited.wait
	}
	switch fault.Code { //nolint:exhaustive // those that pass
	case courier.CodeStoreUnavailable, courier.CodeShuttingDown:
		return time.Second
	case courier.CodeStoreFull, courier.CodeStoreReadOnly:
		return 10 * time.Second
	}
	return 0
}
