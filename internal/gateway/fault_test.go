package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// short is a time-out for tests of the time-out itself.
const short = 50 * time.Millisecond

func rawFault(text string) gatewaytest.Behavior {
	return gatewaytest.Behavior{Fault: gatewaytest.FaultRaw, Raw: []byte(text)}
}

// TestGateway_Faults breaks the exchange in every way after the request was read.
func TestGateway_Faults(t *testing.T) {
	t.Parallel()
	headerFlood := "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Flood: "+strings.Repeat("x", 1000)+"\r\n", 1000) + "\r\n"
	informationFlood := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </"+strings.Repeat("x", 500)+">\r\n\r\n", 2000)
	for name, c := range map[string]struct {
		behavior gatewaytest.Behavior
		timeout  time.Duration
		outcome  courier.Outcome
		class    courier.Class
		status   int
	}{
		"ResetAfterRead":   {gatewaytest.Behavior{Fault: gatewaytest.FaultResetAfterRead}, patience, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, 0},
		"ClosedAfterRead":  {rawFault(""), patience, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, 0},
		"Garbage":          {rawFault("\x00\xff this is not HTTP\r\n\r\n"), patience, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, 0},
		"HalfHeaders":      {rawFault("HTTP/1.1 200 OK\r\nContent-Le"), patience, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, 0},
		"HeaderFlood":      {rawFault(headerFlood), patience, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, 0},
		"InformationFlood": {rawFault(informationFlood), patience, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, 0},
		"StatusOfFour":     {rawFault("HTTP/1.1 2000 OK\r\n\r\n"), patience, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, 0},
		"Hang":             {gatewaytest.Behavior{Fault: gatewaytest.FaultHang}, short, courier.OutcomeUnknown, courier.ClassTimeout, 0},
		"SlowBodyAccepted": {gatewaytest.Behavior{Fault: gatewaytest.FaultSlowBody}, short, courier.OutcomeAccepted, "", 201},
		"SlowBodyRefused":  {gatewaytest.Behavior{Fault: gatewaytest.FaultSlowBody, Status: 400}, short, courier.OutcomeRejected, courier.ClassBadRequest, 400},
		"HangBodyAccepted": {gatewaytest.Behavior{Fault: gatewaytest.FaultHangBody}, short, courier.OutcomeAccepted, "", 201},
		"HalfBodyAccepted": {rawFault("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"), patience, courier.OutcomeAccepted, "", 200},
		"HalfBodyRefused":  {rawFault("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nover"), patience, courier.OutcomeRetry, courier.ClassGatewayError, 503},
		"BadChunks":        {rawFault("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), patience, courier.OutcomeAccepted, "", 200},
		"BadGzip":          {rawFault("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip"), patience, courier.OutcomeAccepted, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, url := gatewaytest.Start(t, gatewaytest.Options{Default: c.behavior})
			g := newGateway(t, Options{URL: url + "/send", Template: echo(), Timeout: c.timeout})
			attempt := send(t, g, loginMessage())
			if attempt.Outcome != c.outcome || attempt.Class != c.class || attempt.HTTPStatus != c.status {
				t.Errorf("Send() = %+v", attempt)
			}
			if fake.Count() != 1 {
				t.Errorf("the gateway got %d requests", fake.Count())
			}
		})
	}
}

// TestGateway_NothingSent meets faults before the request is on its way.
func TestGateway_NothingSent(t *testing.T) {
	t.Parallel()
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	_, plain := gatewaytest.Start(t, gatewaytest.Options{})
	for name, c := range map[string]struct {
		options Options
		outcome courier.Outcome
		class   courier.Class
		says    string
	}{
		"Refused":     {Options{URL: refusing + "/"}, courier.OutcomeRetry, courier.ClassNetworkError, "refused the connection"},
		"NoTLS":       {Options{URL: "https" + strings.TrimPrefix(plain, "http") + "/"}, courier.OutcomeGatewayDown, courier.ClassNetworkError, "does not speak TLS"},
		"PrivateHost": {Options{URL: plain + "/", PrivateIPs: PrivateIPPolicy{Disallow: true}}, courier.OutcomeGatewayDown, courier.ClassNetworkError, "private address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, c.options)
			attempt := send(t, g, loginMessage())
			if attempt.Outcome != c.outcome || attempt.Class != c.class || !strings.Contains(attempt.Message, c.says) {
				t.Errorf("Send() = %+v", attempt)
			}
		})
	}
}

// TestFault_Describe judges what cannot be had on the loopback address.
func TestFault_Describe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   fault
		outcome courier.Outcome
		class   courier.Class
	}{
		"UnknownHost":    {fault{err: &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}}, courier.OutcomeGatewayDown, courier.ClassNetworkError},
		"DNSDown":        {fault{err: &net.OpError{Op: "dial", Err: &net.DNSError{IsTemporary: true}}}, courier.OutcomeRetry, courier.ClassNetworkError},
		"DNSTimeout":     {fault{err: &net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}}, courier.OutcomeRetry, courier.ClassTimeout},
		"DialTimeout":    {fault{err: fmt.Errorf("dial: %w", context.DeadlineExceeded)}, courier.OutcomeRetry, courier.ClassTimeout},
		"CalledOff":      {fault{err: context.Canceled}, courier.OutcomeRetry, courier.ClassNetworkError},
		"CalledOffLate":  {fault{err: context.Canceled, written: true}, courier.OutcomeUnknown, courier.ClassOutcomeUnknown},
		"TimeoutLate":    {fault{err: context.DeadlineExceeded, written: true}, courier.OutcomeUnknown, courier.ClassTimeout},
		"ReadResetLate":  {fault{err: io.ErrUnexpectedEOF, written: true}, courier.OutcomeUnknown, courier.ClassOutcomeUnknown},
		"ResetBefore":    {fault{err: io.ErrUnexpectedEOF}, courier.OutcomeRetry, courier.ClassNetworkError},
		"SchemeMismatch": {fault{err: http.ErrSchemeMismatch}, courier.OutcomeGatewayDown, courier.ClassNetworkError},
	} {
		what, judged := c.fault.describe()
		if judged.outcome != c.outcome || judged.class != c.class || what == "" || judged.advice == "" {
			t.Errorf("%s: %q %+v", name, what, judged)
		}
	}
}

// TestGateway_CalledOff checks that the request's context ends the attempt.
func TestGateway_CalledOff(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Fault: gatewaytest.FaultHang}})
	g := newGateway(t, Options{URL: url + "/", Template: echo()})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := g.Render(ctx, loginMessage())
	if err != nil {
		t.Fatal(err)
	}
	attempts := make(chan courier.Attempt, 1)
	go func() { attempts <- g.Send(request) }()
	if err := fake.WaitFor(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if attempt := <-attempts; attempt.Outcome != courier.OutcomeUnknown || attempt.Class != courier.ClassOutcomeUnknown {
		t.Errorf("Send() = %+v", attempt)
	}
}

// TestGateway_UnreadRequest has a gateway that never reads a request that is
// larger than what the sockets hold: it cannot have taken the message.
func TestGateway_UnreadRequest(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			accepted <- conn
		}
	}()
	large := `"` + strings.Repeat("x", 32<<20) + `"`
	g := newGateway(t, Options{URL: "http://" + listener.Addr().String() + "/", Template: constant(large), Timeout: 300 * time.Millisecond})
	attempt := send(t, g, loginMessage())
	if attempt.Outcome != courier.OutcomeRetry || attempt.Class != courier.ClassTimeout {
		t.Errorf("Send() = %+v", attempt)
	}
	if err := (<-accepted).Close(); err != nil {
		t.Error(err)
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
}

// TestGateway_EarlyAnswer has a gateway that refuses a large request at its head
// and reads no more: its answer counts.
func TestGateway_EarlyAnswer(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sent, closed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(closed)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1))
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
		<-sent
		_ = conn.Close()
	}()
	large := `"` + strings.Repeat("x", 32<<20) + `"`
	g := newGateway(t, Options{URL: "http://" + listener.Addr().String() + "/", Template: constant(large), Timeout: 2 * time.Second})
	if attempt := send(t, g, loginMessage()); attempt.HTTPStatus != http.StatusRequestEntityTooLarge {
		t.Errorf("Send() = %+v", attempt)
	}
	close(sent)
	<-closed
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
}

// TestGateway_HugeAnswers checks that an answer of 1 GiB and one that unzips to
// much cost neither memory nor time.
//
//nolint:paralleltest // it measures what the whole process allocates
func TestGateway_HugeAnswers(t *testing.T) {
	var bomb bytes.Buffer
	zipper := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 64 {
		if _, err := zipper.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := zipper.Close(); err != nil {
		t.Fatal(err)
	}
	for name, behavior := range map[string]gatewaytest.Behavior{
		"Huge":     {Fault: gatewaytest.FaultHugeBody},
		"HugeFail": {Fault: gatewaytest.FaultHugeBody, Status: 500},
		"Bomb":     {Body: bomb.Bytes(), Header: http.Header{"Content-Encoding": {"gzip"}}},
		"BombFail": {Status: 500, Body: bomb.Bytes(), Header: http.Header{"Content-Encoding": {"gzip"}}},
	} {
		_, url := gatewaytest.Start(t, gatewaytest.Options{Default: behavior})
		for _, header := range []map[string]string{nil, {"Accept-Encoding": "gzip"}} {
			g := newGateway(t, Options{URL: url + "/", Template: echo(), Header: header})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			attempt := send(t, g, loginMessage())
			runtime.ReadMemStats(&after)
			if attempt.HTTPStatus == 0 || len(attempt.Excerpt) > 4*maxExcerpt {
				t.Errorf("%s: %+v", name, attempt)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
				t.Errorf("%s: %d bytes were allocated", name, grown)
			}
		}
	}
}
