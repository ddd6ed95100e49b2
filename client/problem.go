package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"courier"
)

// TransportError reports that no answer came. Its text names the server but
// not the rest of the URL, which may hold a recipient.
type TransportError struct {
	// Host is the server's host and port.
	Host string
	Err  error
	// written is true when a part of the request had left.
	written bool
}

// Error implements error.
func (e *TransportError) Error() string { return "reach " + e.Host + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// answerError is the cause of a *courier.Error that a server answered.
type answerError struct {
	status     int
	retryAfter time.Duration
}

func (e *answerError) Error() string {
	return fmt.Sprintf("server answered %d %s", e.status, http.StatusText(e.status))
}

// problem is the part of an RFC 9457 problem document that matters here.
type problem struct {
	Title  string            `json:"title"`
	Detail string            `json:"detail"`
	Code   courier.ErrorCode `json:"code"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

// newAnswerError reads an answer that is no success into a *courier.Error.
func newAnswerError(response *http.Response, content []byte) error {
	cause := &answerError{
		status:     response.StatusCode,
		retryAfter: parseRetryAfter(response.Header.Get("Retry-After")),
	}
	var document problem
	if err := json.Unmarshal(content, &document); err != nil || document.Code == "" {
		return &courier.Error{
			Code:    codeOfStatus(response.StatusCode),
			Message: cause.Error() + " without saying why; is this the address of a courier's admin listener?",
			Err:     cause,
		}
	}
	field, message := document.fault()
	return &courier.Error{Code: document.Code, Field: field, Message: message, Err: cause}
}

const noReason = "server gave no reason"

// fault returns the first field at fault and all that the document says.
func (p problem) fault() (field, message string) {
	if len(p.Errors) == 0 {
		return "", cmp.Or(p.Detail, p.Title, noReason)
	}
	field = trimLocation(p.Errors[0].Location)
	message = cmp.Or(p.Errors[0].Message, p.Detail, p.Title, noReason)
	for _, other := range p.Errors[1:] {
		message += "; " + trimLocation(other.Location) + ": " + other.Message
	}
	return field, message
}

// trimLocation leaves out where in the request a field is, as the caller of a
// Go function does not know: "body.to" is "to".
func trimLocation(location string) string {
	for _, place := range []string{"body", "query", "header", "path"} {
		if rest, found := strings.CutPrefix(location, place+"."); found {
			return rest
		}
	}
	return location
}

// parseRetryAfter reads the delay of RFC 9110, 10.2.3, in seconds or as a date.
func parseRetryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(time.Until(date), 0)
	}
	return 0
}

// codeOfStatus guesses the code of an answer that is no problem document.
func codeOfStatus(status int) courier.ErrorCode {
	return cmp.Or(map[int]courier.ErrorCode{
		http.StatusUnauthorized:          courier.CodeUnauthorized,
		http.StatusForbidden:             courier.CodeForbidden,
		http.StatusNotFound:              courier.CodeNotFound,
		http.StatusMethodNotAllowed:      courier.CodeMethodNotAllowed,
		http.StatusRequestEntityTooLarge: courier.CodeRequestTooLarge,
		http.StatusTooManyRequests:       courier.CodeRateLimited,
		http.StatusBadGateway:            courier.CodeStoreUnavailable,
		http.StatusServiceUnavailable:    courier.CodeStoreUnavailable,
		http.StatusGatewayTimeout:        courier.CodeStoreUnavailable,
	}[status], courier.CodeInternal)
}
