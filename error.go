package courier

import (
	"errors"
	"net/http"
)

// ErrorCode is the stable, machine-readable name of a fault that a caller of
// the courier can meet.
type ErrorCode string

// The error codes of the HTTP API, the client and the command line.
const (
	CodeInvalidRequest      ErrorCode = "invalid_request"
	CodeInvalidRecipient    ErrorCode = "invalid_recipient"
	CodeRecipientNotAllowed ErrorCode = "recipient_not_allowed"
	CodeInvalidSender       ErrorCode = "invalid_sender"
	CodeMessageTooLong      ErrorCode = "message_too_long"
	CodeUnknownChannel      ErrorCode = "unknown_channel"
	CodeSMSDisabled         ErrorCode = "sms_disabled"
	CodeIdempotencyConflict ErrorCode = "idempotency_conflict"
	CodeIllegalTransition   ErrorCode = "illegal_transition"
	CodeContentScrubbed     ErrorCode = "content_scrubbed"
	CodeNotFound            ErrorCode = "not_found"
	CodeMethodNotAllowed    ErrorCode = "method_not_allowed"
	CodeUnauthorized        ErrorCode = "unauthorized"
	CodeForbidden           ErrorCode = "forbidden"
	CodeRequestTooLarge     ErrorCode = "request_too_large"
	CodeRateLimited         ErrorCode = "rate_limited"
	CodeRecipientLimited    ErrorCode = "recipient_limited"
	CodeCallerLimited       ErrorCode = "caller_limited"
	CodeUnsupportedMedia    ErrorCode = "unsupported_media_type"
	CodeStoreFull           ErrorCode = "store_full"
	CodeStoreReadOnly       ErrorCode = "store_read_only"
	CodeStoreUnavailable    ErrorCode = "store_unavailable"
	CodeShuttingDown        ErrorCode = "shutting_down"
	CodeInternal            ErrorCode = "internal"
)

// ErrorCodes returns every code.
func ErrorCodes() []ErrorCode {
	return []ErrorCode{
		CodeInvalidRequest, CodeInvalidRecipient, CodeRecipientNotAllowed, CodeInvalidSender, CodeMessageTooLong, CodeUnknownChannel,
		CodeSMSDisabled, CodeIdempotencyConflict, CodeIllegalTransition, CodeContentScrubbed, CodeNotFound,
		CodeMethodNotAllowed, CodeUnauthorized, CodeForbidden, CodeRequestTooLarge, CodeRateLimited,
		CodeRecipientLimited, CodeCallerLimited, CodeUnsupportedMedia, CodeStoreFull,
		CodeStoreReadOnly, CodeStoreUnavailable, CodeShuttingDown, CodeInternal,
	}
}

// HTTPStatus returns the status with which the HTTP API answers the code.
func (c ErrorCode) HTTPStatus() int {
	switch c {
	case CodeInvalidRequest:
		return http.StatusBadRequest
	case CodeInvalidRecipient, CodeRecipientNotAllowed, CodeInvalidSender, CodeMessageTooLong, CodeUnknownChannel:
		return http.StatusUnprocessableEntity
	case CodeUnauthorized:
		return http.StatusUnauthorized
	case CodeForbidden:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case CodeIdempotencyConflict, CodeIllegalTransition, CodeContentScrubbed:
		return http.StatusConflict
	case CodeRequestTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeRateLimited, CodeRecipientLimited, CodeCallerLimited:
		return http.StatusTooManyRequests
	case CodeUnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case CodeSMSDisabled, CodeStoreFull, CodeStoreReadOnly, CodeStoreUnavailable, CodeShuttingDown:
		return http.StatusServiceUnavailable
	case CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// Error is a fault as a caller sees it: what is wrong, with which field, and what
// to do next. Its text holds no secret, no body and no full recipient.
type Error struct {
	Code ErrorCode
	// Field is the path of the input that is at fault, e.g. "to" or "messages[3].ttl"; empty for none.
	Field string
	// Message is one sentence for the caller.
	Message string
	// Err is the cause for the log, never shown to the caller.
	Err error
}

// Error implements error with what the caller may see.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in the chain, CodeInternal for any
// other error, and the empty code for nil.
func CodeOf(err error) ErrorCode {
	if err == nil {
		return ""
	}
	if coded, ok := errors.AsType[*Error](err); ok {
		return coded.Code
	}
	return CodeInternal
}
