package gatewaytest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"courier/internal/gateway/gatewaytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post sends one request on a connection of its own and returns the answer's
// status, header and body, or the error.
func post(ctx context.Context, url, body string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), errors.Join(err, answer.Body.Close())
}

func TestHandler_Script(t *testing.T) {
	t.Parallel()
	handler, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Status: 202}})
	handler.Script(
		gatewaytest.Behavior{Status: 429, RetryAfter: 3 * time.Second},
		gatewaytest.Behavior{FailRate: 1, FailStatus: 500},
		gatewaytest.Behavior{Status: 200, Body: []byte("OK"), Header: http.Header{"Content-Type": {"text/plain"}}},
		gatewaytest.Behavior{Status: 204},
		gatewaytest.Behavior{Latency: time.Millisecond},
	)
	for i, want := range []struct {
		status     int
		retryAfter string
		body       string
	}{{429, "3", "too many requests"}, {500, "", "internal"}, {200, "", "OK"}, {204, "", ""}, {201, "", `"id":`}, {202, "", `"id":`}} {
		answer, body, err := post(t.Context(), url, "hello")
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want.status || answer.Header.Get("Retry-After") != want.retryAfter || !strings.Contains(body, want.body) {
			t.Errorf("answer %d is %d %q %q", i, answer.StatusCode, answer.Header.Get("Retry-After"), body)
		}
	}
	if got := handler.Requests(); len(got) != 6 || string(got[5].Body) != "hello" || got[5].Status != 202 {
		t.Errorf("recorded %+v", got)
	}
}

func TestHandler_BehaviorFunc(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
		return gatewaytest.Behavior{Status: 200 + len(r.URL.Path)}
	}})
	answer, _, err := post(t.Context(), url+"/abc", "")
	if err != nil || answer.StatusCode != 204 {
		t.Errorf("answer is %v, %v", answer, err)
	}
}

func TestHandler_Faults(t *testing.T) {
	t.Parallel()
	handler, url := gatewaytest.Start(t, gatewaytest.Options{})
	for _, c := range []struct {
		name     string
		behavior gatewaytest.Behavior
		recorded int
		want     func(status int, body string, err error) bool
	}{
		{"Reset", gatewaytest.Behavior{Fault: gatewaytest.FaultReset}, 0, isBroken},
		{"ResetAfterRead", gatewaytest.Behavior{Fault: gatewaytest.FaultResetAfterRead}, 1, isBroken},
		{"Garbage", gatewaytest.Behavior{Fault: gatewaytest.FaultRaw, Raw: []byte("not HTTP at all\r\n\r\n")}, 1,
			func(_ int, _ string, err error) bool { return err != nil && strings.Contains(err.Error(), "malformed") }},
		{"Huge", gatewaytest.Behavior{Fault: gatewaytest.FaultHugeBody, HugeSize: 100_000}, 1,
			func(status int, body string, err error) bool {
				return err == nil && status == 201 && len(body) == 100_000
			}},
	} {
		handler.Clear()
		handler.Script(c.behavior)
		answer, body, err := post(t.Context(), url, "hello")
		status := 0
		if answer != nil {
			status = answer.StatusCode
		}
		if !c.want(status, body, err) || handler.Count() != c.recorded {
			t.Errorf("%s: status %d, %d bytes, %v; %d recorded", c.name, status, len(body), err, handler.Count())
		}
	}
}

func isBroken(_ int, _ string, err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)
}

// TestHandler_Hangs checks that a gateway that hangs lets go when the client does.
func TestHandler_Hangs(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]gatewaytest.Fault{
		"Hang": gatewaytest.FaultHang, "SlowBody": gatewaytest.FaultSlowBody, "HangBody": gatewaytest.FaultHangBody,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Fault: fault}})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, _, err := post(ctx, url, "hello")
				ended <- err
			}()
			if err := handler.WaitFor(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := <-ended; err == nil {
				t.Error("the request ended well")
			}
		})
	}
}

func TestHandler_WaitFor(t *testing.T) {
	t.Parallel()
	handler, url := gatewaytest.Start(t, gatewaytest.Options{})
	waited := make(chan error, 1)
	go func() { waited <- handler.WaitFor(t.Context(), 3) }()
	for range 3 {
		if _, _, err := post(t.Context(), url, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := handler.WaitFor(ctx, 4); !errors.Is(err, context.Canceled) {
		t.Errorf("wait for a request that never comes: %v", err)
	}
}

func TestHandler_Bounds(t *testing.T) {
	t.Parallel()
	handler, url := gatewaytest.Start(t, gatewaytest.Options{Keep: 100, KeepBody: 4, MaxBody: 10})
	for i := range 250 {
		if _, _, err := post(t.Context(), url, fmt.Sprintf("%03d56", i)); err != nil {
			t.Fatal(err)
		}
	}
	got := handler.Requests()
	if len(got) != 100 || string(got[0].Body) != "1505" || !got[0].Truncated || handler.Count() != 250 {
		t.Errorf("kept %d, first %q of %d", len(got), got[0].Body, handler.Count())
	}
	answer, _, err := post(t.Context(), url, "12345678901")
	if err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge || handler.Count() != 250 {
		t.Errorf("a body over the limit: %v, %v", answer, err)
	}
}

// TestHandler_HalfBody checks that a request that ends early is refused and not recorded.
func TestHandler_HalfBody(t *testing.T) {
	t.Parallel()
	handler, url := gatewaytest.Start(t, gatewaytest.Options{})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusBadRequest || handler.Count() != 0 {
		t.Errorf("status %d, %d recorded", answer.StatusCode, handler.Count())
	}
	if err := errors.Join(answer.Body.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
}
