package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
	"courier/internal/store"
)

const internalFault = "the courier met a fault of its own; its log says more"

// problemType is the media type of errors.
const problemType = "application/problem+json"

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
	location := fault.Field
	if !strings.HasPrefix(location, inQuery) && !strings.HasPrefix(location, inHeader) {
		location = "body." + location
	}
	_, name, _ := strings.Cut(location, ".")
	p.Detail = name + ": " + fault.Message
	p.Errors = []problemField{{Location: location, Message: fault.Message}}
	return p
}

// setHeaders sets what a refusal has in its header, whatever the form of its body.
func setHeaders(header http.Header, fault *courier.Error) {
	switch fault.Code { //nolint:exhaustive // those that pass by themselves, and those that somebody has to see to
	case courier.CodeStoreUnavailable, courier.CodeShuttingDown:
		header.Set("Retry-After", "1")
	case courier.CodeStoreFull, courier.CodeStoreReadOnly:
		header.Set("Retry-After", "10")
	}
	if own, ok := errors.AsType[*headerError](fault.Err); ok {
		header.Set(own.name, own.value)
	}
}

func writeError(w http.ResponseWriter, fault *courier.Error) {
	content, err := encodeJSON(newProblem(fault))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	writeContent(w, fault.Code.HTTPStatus(), problemType, content)
}

// headerError is the cause of a refusal that has a header of its own in the answer.
type headerError struct{ name, value string }

// Error implements error.
func (e *headerError) Error() string { return e.name + ": " + e.value }

// encodeJSON writes a value as it is stored: what was taken before the rules for
// requests were as strict as now is shown too.
func encodeJSON(value any) ([]byte, error) {
	return json.Marshal(value, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// writeContent writes an answer whole. A caller that is gone is no fault.
func writeContent(w http.ResponseWriter, status int, contentType string, content []byte) {
	header, values := w.Header(), [...]string{contentType, strconv.Itoa(len(content)), "no-store", "nosniff"}
	header["Content-Type"], header["Content-Length"] = values[0:1:1], values[1:2:2]
	header["Cache-Control"], header["X-Content-Type-Options"] = values[2:3:3], values[3:4:4]
	w.WriteHeader(status)
	_, _ = w.Write(content)
}

// FaultOf turns any error of a part into what a caller may see of it.
func FaultOf(err error) *courier.Error {
	if fault, ok := errors.AsType[*courier.Error](err); ok {
		return fault
	}
	if transition, ok := errors.AsType[*store.TransitionError](err); ok {
		return &courier.Error{Code: courier.CodeIllegalTransition, Message: transitionFault(transition), Err: err}
	}
	if limit, ok := errors.AsType[*courier.LimitError](err); ok {
		field := ""
		if limit.By == courier.LimitByRecipient {
			field = "to"
		}
		return &courier.Error{
			Code: limit.Code(), Field: field, Message: limit.Error(),
			Err: &headerError{"Retry-After", strconv.Itoa(int(limit.RetryAfter.Seconds()))},
		}
	}
	for _, known := range []struct {
		is      error
		code    courier.ErrorCode
		message string
	}{
		{store.ErrNotFound, courier.CodeNotFound, "no message has this id; GET /v1/messages lists those there are"},
		{store.ErrIdempotencyConflict, courier.CodeIdempotencyConflict, "the idempotency key was used for a different message; use a new key, or repeat the first request unchanged"},
		{store.ErrScrubbed, courier.CodeContentScrubbed, "the content of the message was deleted at scrubbed_at, so it cannot be sent again; send a new message (retention.scrub_after says how long content is kept)"},
		{store.ErrFull, courier.CodeStoreFull, "the disk of the message store is full and nothing was stored; free space on it, then send again"},
		{store.ErrReadOnly, courier.CodeStoreReadOnly, "the message store cannot be written and nothing was stored; make the database and its directory writable, then send again"},
		{store.ErrClosed, courier.CodeShuttingDown, "the courier is shutting down; send again in a moment"},
		{store.ErrUnavailable, courier.CodeStoreUnavailable, "the message store does not answer; send again in a moment, with an idempotency key so that no message goes out twice"},
		{context.DeadlineExceeded, courier.CodeStoreUnavailable, "the message store did not answer in time; send again in a moment, with an idempotency key so that no message goes out twice"},
		{context.Canceled, courier.CodeStoreUnavailable, "the request was given up before the message store answered"},
	} {
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
