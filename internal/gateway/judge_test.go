package gateway

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// wantOutcome is the table of outcomes, written down anew: which statuses are
// about the message, the moment, or the account.
func wantOutcome(status int) courier.Outcome {
	switch status {
	case 408, 425, 429:
		return courier.OutcomeRetry
	case 400, 409, 413, 422, 451:
		return courier.OutcomeRejected
	}
	switch status / 100 {
	case 2:
		return courier.OutcomeAccepted
	case 3, 4:
		return courier.OutcomeGatewayDown
	case 5:
		return courier.OutcomeRetry
	}
	return courier.OutcomeUnknown
}

// TestGateway_EveryStatus lets a gateway answer with every status over a socket.
func TestGateway_EveryStatus(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
		return statusBehavior(strings.TrimPrefix(r.URL.Path, "/"))
	}})
	for status := 100; status <= 599; status++ {
		g := newGateway(t, Options{URL: fmt.Sprintf("%s/%d", url, status), Template: echo()})
		attempt := send(t, g, loginMessage())
		g.Close()
		checkStatus(t, status, attempt)
	}
	if fake.Count() != 500 {
		t.Errorf("%d requests for 500 messages", fake.Count())
	}
}

// statusBehavior answers with a status; those below 200 are no final answer, so
// nothing follows them.
func statusBehavior(status string) gatewaytest.Behavior {
	number, err := strconv.Atoi(status)
	if err != nil || number < 200 {
		return gatewaytest.Behavior{Fault: gatewaytest.FaultRaw, Raw: []byte("HTTP/1.1 " + status + " Status\r\n\r\n")}
	}
	return gatewaytest.Behavior{Status: number, Body: []byte(`{"code": 7, "reason": "as asked"}`), RetryAfter: 5 * time.Second}
}

func checkStatus(t *testing.T, status int, attempt courier.Attempt) {
	t.Helper()
	wantStatus := status
	if status < 200 && status != http.StatusSwitchingProtocols {
		wantStatus = 0
	}
	if attempt.Outcome != wantOutcome(status) || attempt.HTTPStatus != wantStatus {
		t.Errorf("%d: %+v", status, attempt)
	}
	failed := attempt.Outcome != courier.OutcomeAccepted
	if (attempt.Class != "") != failed || (attempt.Message != "") != failed {
		t.Errorf("%d: class %q, message %q", status, attempt.Class, attempt.Message)
	}
	if failed && wantStatus >= 200 && status != http.StatusNotModified {
		if attempt.Code != "7" || !strings.Contains(attempt.Excerpt, "as asked") || attempt.RetryAfter != 5*time.Second ||
			!strings.Contains(attempt.Message, strconv.Itoa(status)) || !strings.Contains(attempt.Message, ": ") {
			t.Errorf("%d: %+v", status, attempt)
		}
	}
}

func TestJudgeStatus_OutOfRange(t *testing.T) {
	t.Parallel()
	for _, status := range []int{math.MinInt, -1, 0, 1, 99, 600, 999, math.MaxInt} {
		if got := judgeStatus(status).outcome; got != courier.OutcomeUnknown {
			t.Errorf("judgeStatus(%d) = %s", status, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                                 0,
		"0":                                0,
		"1":                                time.Second,
		" 120 ":                            2 * time.Minute,
		"86401":                            24 * time.Hour,
		"99999999999999999999999999999999": 24 * time.Hour,
		"-1":                               0,
		"1.5":                              0,
		"soon":                             0,
		"Thu, 01 Jan 2026 12:00:30 GMT":    30 * time.Second,
		"Thu, 01 Jan 2026 11:59:00 GMT":    0,
		"Fri, 01 Jan 2027 12:00:00 GMT":    24 * time.Hour,
		"Thursday, 01-Jan-26 12:01:00 GMT": time.Minute,
		"Thu Jan  1 12:02:00 2026":         2 * time.Minute,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", value, got, want)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(503, "120", []byte(`{"code":1,"message":"no"}`))
	f.Add(200, "Thu, 01 Jan 2026 12:00:30 GMT", []byte(`{"messages":[{"message-id":"a"}]}`))
	f.Add(99, "-5", []byte("[[[[{"))
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		judged := judgeStatus(status)
		if judged.outcome == "" || (judged.outcome != courier.OutcomeAccepted) != (judged.class != "") {
			t.Errorf("judgeStatus(%d) = %+v", status, judged)
		}
		if got := retryAfter(header, time.Unix(1767268800, 0)); got < 0 || got > maxRetryAfter {
			t.Errorf("retryAfter(%q) = %s", header, got)
		}
		if id := messageID(body); len(id) > maxMessageID || !isPrintable(id) {
			t.Errorf("messageID(%q) = %q", body, id)
		}
		if code := errorCode(body); len(code) > maxCode {
			t.Errorf("errorCode(%q) = %q", body, code)
		}
	})
}
