package gateway

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// wantVerdict is the table of verdicts, written down anew: which statuses are
// about the message, the moment, the account, or either.
func wantVerdict(status int) (courier.Outcome, courier.Scope) {
	switch status {
	case 408, 425, 429:
		return courier.OutcomeRetry, courier.ScopeMoment
	case 400, 409, 413, 422, 451:
		return courier.OutcomeRejected, courier.ScopeMessage
	case 401, 407, 307, 308:
		return courier.OutcomeGatewayDown, courier.ScopeGateway
	}
	switch status / 100 {
	case 2:
		return courier.OutcomeAccepted, ""
	case 4:
		return courier.OutcomeGatewayDown, courier.ScopeAmbiguous
	case 5:
		return courier.OutcomeRetry, courier.ScopeMoment
	}
	return courier.OutcomeUnknown, courier.ScopeMoment
}

// TestGateway_EveryStatus lets a gateway answer with every status over a socket.
func TestGateway_EveryStatus(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
		t.Helper()
		fake, url, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
			return statusBehavior(strings.TrimPrefix(r.URL.Path, "/"))
		}})
		first := 100
		if protocol == gatewaytest.TLSHTTP2 {
			first = 200 // what is no final answer is not one over HTTP/2
		}
		for status := first; status <= 599; status++ {
			g := newGateway(t, Options{URL: fmt.Sprintf("%s/%d", url, status), Template: echo(), TLSConfig: client})
			attempt := send(t, g, loginMessage())
			g.Close()
			checkStatus(t, status, attempt)
		}
		if fake.Count() != 600-first {
			t.Errorf("%d requests for %d messages", fake.Count(), 600-first)
		}
	})
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
	outcome, scope := wantVerdict(status)
	if attempt.Outcome != outcome || attempt.Scope != scope || attempt.HTTPStatus != wantStatus || attempt.Known || attempt.Unsent {
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

func TestAnswer_StatusOutOfRange(t *testing.T) {
	t.Parallel()
	for _, status := range []int{math.MinInt, -1, 0, 1, 99, 600, 999, math.MaxInt} {
		if got := (&Answer{Status: status, Delivery: DeliveryWhole, Err: io.EOF}).judge(defaultRules()).Outcome; got != courier.OutcomeUnknown {
			t.Errorf("a status of %d is %s", status, got)
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
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", value, got, want)
		}
	}
	// A gateway's date is meant by the gateway's clock.
	for date, want := range map[string]time.Duration{
		"Thu, 01 Jan 2026 12:00:20 GMT": 10 * time.Second, "Thu, 01 Jan 2026 11:00:30 GMT": time.Hour,
		"Thu, 01 Jan 2026 13:00:00 GMT": 0, "yesterday": 30 * time.Second,
	} {
		header := http.Header{"Retry-After": {"Thu, 01 Jan 2026 12:00:30 GMT"}, "Date": {date}}
		if got := retryAfter(header, now); got != want {
			t.Errorf("retryAfter with the date %q = %s, want %s", date, got, want)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(503, "120", []byte(`{"code":1,"message":"no"}`))
	f.Add(200, "Thu, 01 Jan 2026 12:00:30 GMT", []byte(`{"messages":[{"message-id":"a"}]}`))
	f.Add(99, "-5", []byte("[[[[{"))
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		judged := (&Answer{Status: status, Err: io.EOF}).judge(defaultRules())
		if judged.Outcome == "" || (judged.Outcome != courier.OutcomeAccepted) != (judged.Class != "") {
			t.Errorf("a status of %d is %+v", status, judged)
		}
		if got := retryAfter(http.Header{"Retry-After": {header}}, time.Unix(1767268800, 0)); got < 0 || got > maxRetryAfter {
			t.Errorf("retryAfter(%q) = %s", header, got)
		}
		if id := messageID(decodeText(body)); len(id) > maxMessageID || !isPrintable(id) {
			t.Errorf("messageID(%q) = %q", body, id)
		}
		if code := errorCode(decodeText(body)); len(code) > maxCode {
			t.Errorf("errorCode(%q) = %q", body, code)
		}
	})
}
