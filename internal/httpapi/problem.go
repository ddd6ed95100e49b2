package httpapi

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"courier"
)

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

// refuse answers an error. Only a fault of the courier or its store is logged:
// it is the operator's business, the others are the caller's.
func (a *API) refuse(ctx context.Context, w http.ResponseWriter, err error) {
	fault := asFault(err)
	if fault.Code.HTTPStatus() >= http.StatusInternalServerError && fault.Code != courier.CodeSMSDisabled {
		level := slog.LevelWarn
		if fault.Code == courier.CodeInternal {
			level = slog.LevelError
		}
		a.options.Logger.LogAttrs(ctx, level, "request refused", slog.String("code", string(fault.Code)),
			slog.String("detail", fault.Message), slog.Any("error", fault.Err))
	}
	writeProblem(w, fault)
}

func writeProblem(w http.ResponseWriter, fault *courier.Error) {
	p := newProblem(fault)
	header := w.Header()
	setProblemHeaders(header, fault)
	header.Set("Content-Type", "application/problem+json")
	var content bytes.Buffer
	if err := encodeJSON(&content, p); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	writeContent(w, p.Status, content.Bytes())
}

// writeContent writes an answer whole. A caller that is gone is no fault.
func writeContent(w http.ResponseWriter, status int, content []byte) {
	header := w.Header()
	header.Set("Content-Length", strconv.Itoa(len(content)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(content)
}
