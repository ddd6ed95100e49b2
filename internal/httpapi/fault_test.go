package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

var errSecret = errors.New("the secret 123456")

func TestAPI_StoreFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err        error
		code       courier.ErrorCode
		retryAfter string
	}{
		{store.ErrFull, courier.CodeStoreFull, "10"},
		{store.ErrReadOnly, courier.CodeStoreReadOnly, "10"},
		{store.ErrUnavailable, courier.CodeStoreUnavailable, "1"},
		{store.ErrClosed, courier.CodeShuttingDown, "1"},
		{store.ErrNotFound, courier.CodeNotFound, ""},
		{store.ErrScrubbed, courier.CodeContentScrubbed, ""},
		{context.DeadlineExceeded, courier.CodeStoreUnavailable, "1"},
		{context.Canceled, courier.CodeStoreUnavailable, "1"},
		{errSecret, courier.CodeInternal, ""},
		{&store.TransitionError{From: courier.StatusSent, To: courier.StatusRejected}, courier.CodeIllegalTransition, ""},
		{&courier.Error{Code: courier.CodeSMSDisabled, Message: "set courier.sms"}, courier.CodeSMSDisabled, ""},
	} {
		t.Run(string(test.code), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.memory.err = fmt.Errorf("enqueue 123456: %w", test.err)
			for _, target := range []string{"POST /v1/messages", "POST /v1/messages/batch", "GET /v1/messages", "GET /v1/messages/" + idText, "POST /v1/messages/" + idText + "/cancel", "POST /v1/messages/" + idText + "/retry", "POST /v1/messages/" + idText + "/resolve"} {
				w := f.callFor(t, target)
				wantProblem(t, w, test.code, "", "")
				if got := w.Header().Get("Retry-After"); got != test.retryAfter {
					t.Errorf("%s: Retry-After %q, want %q", target, got, test.retryAfter)
				}
				if got := w.Body.String(); contains(got, "123456") {
					t.Errorf("%s: the answer shows the inner error: %s", target, got)
				}
			}
		})
	}
}

func TestAPI_UnknownPaths(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, test := range []struct{ method, path, allow string }{
		{"GET", "/", ""},
		{"GET", "/v2/messages", ""},
		{"POST", "/v1/messages/" + idText + "/explode", ""},
		{"GET", "/debug/pprof/", ""},
		{"DELETE", "/v1/messages", "GET, POST"},
		{"PUT", "/v1/messages/" + idText, "GET"},
		{"GET", "/v1/messages/" + idText + "/cancel", "POST"},
		{"POST", "/health/alive", "GET"},
		{"BREW", "/version", "GET"},
	} {
		w := f.call(t, test.method, test.path, "")
		code := courier.CodeNotFound
		if test.allow != "" {
			code = courier.CodeMethodNotAllowed
		}
		wantProblem(t, w, code, "", "")
		if got := w.Header().Get("Allow"); got != test.allow {
			t.Errorf("%s %s: Allow %q, want %q", test.method, test.path, got, test.allow)
		}
	}
	if w := f.call(t, "HEAD", "/health/alive", ""); w.Code != http.StatusOK {
		t.Errorf("HEAD: got %d", w.Code)
	}
}

func TestAPI_Public(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withKeys)
	for path, status := range map[string]int{
		"/health/alive": http.StatusOK, "/health/ready": http.StatusOK, "/version": http.StatusNotFound,
		"/v1/messages": http.StatusNotFound, "/metrics": http.StatusNotFound, "/openapi.json": http.StatusNotFound, "/": http.StatusNotFound,
	} {
		if w := request(t, f.api.Public(), "GET", path, ""); w.Code != status {
			t.Errorf("%s: got %d, want %d", path, w.Code, status)
		}
	}
	w := request(t, f.api.Public(), "POST", "/v1/messages", `{}`, "X-API-Key: root")
	wantProblem(t, w, courier.CodeNotFound, "", "")
}

// miscount is an Engine that answers for no message.
type miscount struct{}

// Enqueue implements httpapi.Engine.
func (miscount) Enqueue(context.Context, []*courier.Message) ([]store.Enqueued, error) {
	return nil, nil
}

// Wake implements httpapi.Engine.
func (miscount) Wake() {}

func TestAPI_EngineMiscounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) { o.Engine = miscount{} })
	for _, target := range []string{"POST /v1/messages", "POST /v1/messages/batch"} {
		wantProblem(t, f.callFor(t, target), courier.CodeInternal, "", "its log says more")
	}
}

// closedIntake knows no channel any more.
type closedIntake struct{ *judge }

// Gateway implements httpapi.Intake.
func (closedIntake) Gateway(string) (string, error) {
	return "", &courier.Error{Code: courier.CodeSMSDisabled, Field: "channel", Message: "not configured"}
}

func TestAPI_RetryWithoutChannel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) { o.Intake = closedIntake{&judge{}} })
	f.putAttempted(t)
	w := f.call(t, "POST", "/v1/messages/"+idText+"/retry", `{"expires_at":"2026-01-03T00:00:00Z"}`)
	wantProblem(t, w, courier.CodeSMSDisabled, "body.channel", "not configured")
	if f.memory.woken != 0 {
		t.Error("the engine was woken")
	}
}
