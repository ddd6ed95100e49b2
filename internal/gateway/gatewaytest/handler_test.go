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

type answer struct {
	status     int
	retryAfter string
	body       string
}

// post sends one request on a connection of its own and reads the answer.
func post(ctx context.Context, url, body string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(response.Body)
	got := answer{response.StatusCode, response.Header.Get("Retry-After"), string(text)}
	return got, errors.Join(err, response.Body.Close())
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
	for i, want := range []answer{{429, "3", "too many requests"}, {500, "", "internal"}, {200, "", "OK"}, {204, "", ""}, {201, "", `"id":`}, {202, "", `"id":`}} {
		got, err := post(t.Context(), url, "hello")
		if err != nil {
			t.Fatal(err)
		}
		if got.status != want.status || got.retryAfter != want.retryAfter || !strings.Contains(got.body, want.body) {
			t.Errorf("answer %d is %+v", i, got)
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
	got, err := post(t.Context(), url+"/abc", "")
	if err != nil || got.status != 204 {
		t.Errorf("answer is %+v, %v", got, err)
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
		{
			"Garbage",
			gatewaytest.Behavior{Fault: gatewaytest.FaultRaw, Raw: []byte("not HTTP at all\r\n\r\n")},
			1,
			func(_ int, _ string, err error) bool { return err != nil && strings.Contains(err.Error(), "malformed") },
		},
		{
			"Huge",
			gatewaytest.Behavior{Fault: gatewaytest.FaultHugeBody, HugeSize: 100_000},
			1,
			func(status int, body string, err error) bool {
				return err == nil && status == 201 && len(body) == 100_000
			},
		},
	} {
		handler.Clear()
		handler.Script(c.behavior)
		got, err := post(t.Context(), url, "hello")
		if !c.want(got.status, got.body, err) || handler.Count() != c.recorded {
			t.Errorf("%s: status %d, %d bytes, %v; %d recorded", c.name, got.status, len(got.body), err, handler.Count())
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
				_, err := post(ctx, url, "hello")
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
		if _, err := post(t.Context(), url, "x"); err != nil {
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
		if _, err := post(t.Context(), url, fmt.Sprintf("%03d56", i)); err != nil {
			t.Fatal(err)
		}
	}
	kept := handler.Requests()
	if len(kept) != 100 || string(kept[0].Body) != "1505" || !kept[0].Truncated || handler.Count() != 250 {
		t.Errorf("kept %d, first %q of %d", len(kept), kept[0].Body, handler.Count())
	}
	got, err := post(t.Context(), url, "12345678901")
	if err != nil || got.status != http.StatusRequestEntityTooLarge || handler.Count() != 250 {
		t.Errorf("a body over the limit: %+v, %v", got, err)
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
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatal("no TCP connection")
	}
	if err := tcp.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusBadRequest || handler.Count() != 0 {
		t.Errorf("status %d, %d recorded", response.StatusCode, handler.Count())
	}
	if err := errors.Join(response.Body.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
}

// TestHandler_Override has it fail until it is told otherwise.
func TestHandler_Override(t *testing.T) {
	t.Parallel()
	handler, url := gatewaytest.Start(t, gatewaytest.Options{NoteFunc: func(r *gatewaytest.Request) any { return len(r.Body) }})
	handler.Override(&gatewaytest.Behavior{Status: 503})
	handler.Script(gatewaytest.Behavior{Status: 202})
	for _, want := range []int{202, 503, 503} {
		if got, err := post(t.Context(), url, "hello"); err != nil || got.status != want {
			t.Errorf("got %+v, %v, want %d", got, err, want)
		}
	}
	handler.Override(nil)
	if got, err := post(t.Context(), url, "hello"); err != nil || got.status != 201 {
		t.Errorf("got %+v, %v at the end", got, err)
	}
	if got := handler.Requests()[0].Note; got != 5 {
		t.Errorf("the note is %v", got)
	}
}
