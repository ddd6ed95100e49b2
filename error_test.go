package courier_test

import (
	"errors"
	"fmt"
	"testing"

	"courier"
)

// httpStatuses is the table error code to HTTP status, written out a second time.
func httpStatuses() map[courier.ErrorCode]int {
	return map[courier.ErrorCode]int{
		"invalid_request":        400,
		"invalid_recipient":      422,
		"recipient_not_allowed":  422,
		"invalid_sender":         422,
		"message_too_long":       422,
		"unknown_channel":        422,
		"sms_disabled":           503,
		"idempotency_conflict":   409,
		"illegal_transition":     409,
		"content_scrubbed":       409,
		"not_found":              404,
		"method_not_allowed":     405,
		"unauthorized":           401,
		"forbidden":              403,
		"request_too_large":      413,
		"rate_limited":           429,
		"recipient_limited":      429,
		"caller_limited":         429,
		"unsupported_media_type": 415,
		"store_full":             503,
		"store_read_only":        503,
		"store_unavailable":      503,
		"shutting_down":          503,
		"internal":               500,
	}
}

func TestErrorCode_HTTPStatus(t *testing.T) {
	t.Parallel()
	want := httpStatuses()
	if len(want) != len(courier.ErrorCodes()) {
		t.Errorf("the table has %d rows for %d codes", len(want), len(courier.ErrorCodes()))
	}
	for _, code := range courier.ErrorCodes() {
		if got := code.HTTPStatus(); got != want[code] {
			t.Errorf("%s.HTTPStatus() = %d, want %d", code, got, want[code])
		}
	}
	if got := courier.ErrorCode("made up").HTTPStatus(); got != 500 {
		t.Errorf("an unknown code has status %d", got)
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	coded := &courier.Error{Code: courier.CodeNotFound, Message: "no message has this id"}
	cases := []struct {
		err  error
		want courier.ErrorCode
	}{
		{nil, ""},
		{coded, courier.CodeNotFound},
		{fmt.Errorf("read message: %w", coded), courier.CodeNotFound},
		{errors.New("boom"), courier.CodeInternal},
		{&courier.Error{Code: courier.CodeForbidden, Err: coded}, courier.CodeForbidden},
	}
	for _, test := range cases {
		if got := courier.CodeOf(test.err); got != test.want {
			t.Errorf("CodeOf(%v) = %q, want %q", test.err, got, test.want)
		}
	}
}

// The cause of an Error can be matched but is never shown.
func TestError_Cause(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial 10.0.0.1: password hunter2")
	err := &courier.Error{Code: courier.CodeStoreUnavailable, Message: "try again", Err: cause}
	if !errors.Is(err, cause) || err.Error() != "try again" {
		t.Errorf("Error() = %q, Is(cause) = %t", err, errors.Is(err, cause))
	}
	err.Field = "messages[3].ttl"
	if got := err.Error(); got != "messages[3].ttl: try again" {
		t.Errorf("Error() = %q", got)
	}
}

func TestRenderError(t *testing.T) {
	t.Parallel()
	cause := errors.New("unexpected end of file")
	err := error(&courier.RenderError{Err: cause})
	if !errors.Is(err, cause) || err.Error() != "render request: unexpected end of file" {
		t.Errorf("Error() = %q, Is(cause) = %t", err, errors.Is(err, cause))
	}
}
