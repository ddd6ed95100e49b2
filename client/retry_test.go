package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/client"
)

// script answers one request after another, the last one for ever.
type script struct {
	steps []step
	calls int
	// keys are the idempotency keys of the calls.
	keys []string
}

// step is one answer, or an error before or after the request was written.
type step struct {
	status     int
	retryAfter string
	answer     string
	err        error
	written    bool
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(request *http.Request) (*http.Response, error) {
	current := s.steps[min(s.calls, len(s.steps)-1)]
	s.calls++
	s.keys = append(s.keys, request.Header.Get("Idempotency-Key"))
	if trace := httptrace.ContextClientTrace(request.Context()); trace != nil && (current.written || current.err == nil) {
		trace.WroteHeaders()
	}
	if current.err != nil {
		return nil, current.err
	}
	response := &http.Response{
		StatusCode: current.status, Header: http.Header{}, Request: request,
		Body: io.NopCloser(strings.NewReader(current.answer)),
	}
	if current.retryAfter != "" {
		response.Header.Set("Retry-After", current.retryAfter)
	}
	return response, nil
}

func scripted(t *testing.T, steps ...step) (*client.Client, *script) {
	t.Helper()
	transport := &script{steps: steps}
	return newClient(t, client.Options{HTTPClient: &http.Client{Transport: transport}}), transport
}

const accepted = `{"id":"` + idText + `","status":"queued","to":"x"}`

func away() step { return step{status: 503, answer: `{"code":"store_unavailable","detail":"away"}`} }

func TestClient_RepeatsOnlyWhatIsSafe(t *testing.T) {
	t.Parallel()
	refused := step{err: syscall.ECONNREFUSED}
	reset := step{err: syscall.ECONNRESET, written: true}
	good := step{status: 202, answer: accepted}
	for name, test := range map[string]struct {
		key   string
		first step
		calls int
		ok    bool
	}{
		"KeyRefused":     {"k", refused, 2, true},
		"KeyReset":       {"k", reset, 2, true},
		"KeyUnavailable": {"k", away(), 2, true},
		"KeyThrottled":   {"k", step{status: 429}, 2, true},
		"KeyBad":         {"k", step{status: 400, answer: `{"code":"invalid_request"}`}, 1, false},
		"KeyDisabled":    {"k", step{status: 503, answer: `{"code":"sms_disabled"}`}, 1, false},
		"BareRefused":    {"", refused, 2, true},
		"BareReset":      {"", reset, 1, false},
		"BareAway":       {"", away(), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, transport := scripted(t, test.first, good)
				_, err := c.Send(t.Context(), client.SendRequest{To: "x", Body: "b", IdempotencyKey: test.key})
				if (err == nil) != test.ok || transport.calls != test.calls {
					t.Errorf("%d calls, error %v", transport.calls, err)
				}
				for _, key := range transport.keys {
					if key != test.key {
						t.Errorf("key %q", key)
					}
				}
			})
		})
	}
}

func TestClient_RepeatsBatchOnlyWithAllKeys(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		second string
		calls  int
	}{"All": {"b", 2}, "Some": {"", 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, transport := scripted(t, away(), step{status: 202, answer: `{"results":[{"index":0},{"index":1}]}`})
				_, err := c.SendBatch(t.Context(), []client.SendRequest{{IdempotencyKey: "a"}, {IdempotencyKey: test.second}})
				if transport.calls != test.calls || (err == nil) != (test.calls == 2) {
					t.Errorf("%d calls, error %v", transport.calls, err)
				}
			})
		})
	}
}

func TestClient_RetryIsNotRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, transport := scripted(t, away())
		_, _ = c.Retry(t.Context(), messageID(t))
		if transport.calls != 1 {
			t.Errorf("%d calls", transport.calls)
		}
		if _ = c.Ready(t.Context()); transport.calls != 2 {
			t.Errorf("ready was asked %d times", transport.calls-1)
		}
	})
}

func TestClient_GivesUpInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, transport := scripted(t, away())
		start := time.Now()
		_, err := c.Version(t.Context())
		if courier.CodeOf(err) != courier.CodeStoreUnavailable || transport.calls < 3 {
			t.Errorf("%d calls, error %v", transport.calls, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestClient_HonorsRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, transport := scripted(t,
			step{status: 503, retryAfter: "3"},
			step{status: 503, retryAfter: time.Now().Add(7 * time.Second).UTC().Format(http.TimeFormat)},
			step{status: 503, retryAfter: "3600"})
		start := time.Now()
		_, err := c.Version(t.Context())
		if took := time.Since(start); err == nil || transport.calls != 3 || took != 7*time.Second {
			t.Errorf("%d calls in %s, error %v", transport.calls, took, err)
		}
	})
}

func TestClient_StopsWaitingWhenCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := scripted(t, step{status: 503, retryAfter: "9"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := c.Version(ctx); err == nil || time.Since(start) != time.Second {
			t.Errorf("waited %s, error %v", time.Since(start), err)
		}
	})
}

func TestClient_TellsOfRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		c := newClient(t, client.Options{
			HTTPClient:  &http.Client{Transport: &script{steps: []step{{status: 503, retryAfter: "2"}, {status: 200, answer: "{}"}}}},
			OnRetryFunc: func(_ error, delay time.Duration) { told = append(told, delay) },
		})
		if _, err := c.Version(t.Context()); err != nil || len(told) != 1 || told[0] != 2*time.Second {
			t.Errorf("told %v, error %v", told, err)
		}
	})
}

func TestClient_KeepsCauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := scripted(t, step{err: io.ErrUnexpectedEOF})
		if _, err := c.Version(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	})
}
