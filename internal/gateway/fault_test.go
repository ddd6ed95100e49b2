package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
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
// Whatever comes after a status line, the answer is judged by it.
func TestGateway_Faults(t *testing.T) {
	t.Parallel()
	headers := strings.Repeat("X-Flood: "+strings.Repeat("x", 1000)+"\r\n", 1000)
	informationFlood := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </"+strings.Repeat("x", 500)+">\r\n\r\n", 2000)
	unknown, accepted := courier.OutcomeUnknown, courier.OutcomeAccepted
	for name, c := range map[string]struct {
		behavior gatewaytest.Behavior
		timeout  time.Duration
		outcome  courier.Outcome
		class    courier.Class
		status   int
	}{
		"ResetAfterRead":   {gatewaytest.Behavior{Fault: gatewaytest.FaultResetAfterRead}, patience, unknown, courier.ClassOutcomeUnknown, 0},
		"ClosedAfterRead":  {rawFault(""), patience, unknown, courier.ClassOutcomeUnknown, 0},
		"Garbage":          {rawFault("\x00\xff this is not HTTP\r\n\r\n"), patience, unknown, courier.ClassOutcomeUnknown, 0},
		"HalfStatusLine":   {rawFault("HTTP/1.1 200 O"), patience, unknown, courier.ClassOutcomeUnknown, 0},
		"StatusOfFour":     {rawFault("HTTP/1.1 2000 OK\r\n\r\n"), patience, unknown, courier.ClassOutcomeUnknown, 0},
		"OnlyInterim":      {rawFault("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"), patience, unknown, courier.ClassOutcomeUnknown, 0},
		"HalfHeaders":      {rawFault("HTTP/1.1 200 OK\r\nContent-Le"), patience, accepted, "", 200},
		"HalfHeadersFail":  {rawFault("HTTP/1.1 503 No\r\nContent-Le"), patience, courier.OutcomeRetry, courier.ClassGatewayError, 503},
		"BrokenHeaders":    {rawFault("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), patience, accepted, "", 200},
		"BrokenLength":     {rawFault("HTTP/1.1 201 OK\r\nContent-Length: -7\r\n\r\n"), patience, accepted, "", 201},
		"BrokenAfterHints": {rawFault("HTTP/1.1 103 Hi\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n:\r\n\r\n"), patience, accepted, "", 200},
		"ManyHeaders":      {rawFault("HTTP/1.1 200 OK\r\n" + headers + "\r\n"), patience, accepted, "", 200},
		"HeaderFlood":      {rawFault("HTTP/1.1 200 OK\r\n" + strings.Repeat(headers, 12) + "\r\n"), patience, accepted, "", 200},
		"HeaderFloodFail":  {rawFault("HTTP/1.1 403 No\r\n" + strings.Repeat(headers, 12) + "\r\n"), patience, courier.OutcomeGatewayDown, courier.ClassUnauthorized, 403},
		"InformationFlood": {rawFault(strings.Repeat(informationFlood, 11)), patience, unknown, courier.ClassOutcomeUnknown, 0},
		"AfterInformation": {rawFault(informationFlood + "HTTP/1.1 200 OK\r\n\r\n"), patience, accepted, "", 200},
		"Hang":             {gatewaytest.Behavior{Fault: gatewaytest.FaultHang}, short, unknown, courier.ClassTimeout, 0},
		"SlowBodyAccepted": {gatewaytest.Behavior{Fault: gatewaytest.FaultSlowBody}, short, accepted, "", 201},
		"SlowBodyRefused":  {gatewaytest.Behavior{Fault: gatewaytest.FaultSlowBody, Status: 400}, short, courier.OutcomeRejected, courier.ClassBadRequest, 400},
		"HangBodyAccepted": {gatewaytest.Behavior{Fault: gatewaytest.FaultHangBody}, short, accepted, "", 201},
		"HalfBodyAccepted": {rawFault("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"), patience, accepted, "", 200},
		"HalfBodyRefused":  {rawFault("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nover"), patience, courier.OutcomeRetry, courier.ClassGatewayError, 503},
		"BadChunks":        {rawFault("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), patience, accepted, "", 200},
		"BadGzip":          {rawFault("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip"), patience, accepted, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
				t.Helper()
				c := c
				if protocol == gatewaytest.TLSHTTP2 && c.behavior.Fault == gatewaytest.FaultRaw {
					c.outcome, c.class, c.status = unknown, courier.ClassOutcomeUnknown, 0 // the stream is reset instead
				}
				timeout := c.timeout
				if timeout == short && protocol != gatewaytest.PlainHTTP {
					timeout = 10 * short // the handshake is within it
				}
				fake, url, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{Default: c.behavior})
				g := newGateway(t, Options{URL: url + "/send", Template: echo(), Timeout: timeout, TLSConfig: client})
				attempt := send(t, g, loginMessage())
				if attempt.Outcome != c.outcome || attempt.Class != c.class || attempt.HTTPStatus != c.status {
					t.Errorf("Send() = %+v", attempt)
				}
				if fake.Count() != 1 {
					t.Errorf("the gateway got %d requests", fake.Count())
				}
			})
		})
	}
}

// TestGateway_EndlessHeader judges an answer whose header never ends by its status line.
func TestGateway_EndlessHeader(t *testing.T) {
	t.Parallel()
	for _, protocol := range []gatewaytest.Protocol{gatewaytest.PlainHTTP, gatewaytest.TLSHTTP1} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			server := startWireOver(t, protocol, func(conn net.Conn, _ int) bool {
				_, err := io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nX-Slow: ")
				for err == nil {
					_, err = io.WriteString(conn, "x")
					<-time.After(time.Millisecond)
				}
				return false
			})
			g := newGateway(t, Options{URL: server.url() + "/", Template: echo(), Timeout: 10 * short, TLSConfig: server.client})
			if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted || attempt.HTTPStatus != 202 {
				t.Errorf("Send() = %+v", attempt)
			}
		})
	}
}

func TestStatusReader(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"HTTP/1.1 200 OK\r\n": 200, "HTTP/1.0 404\r\n": 404, "HTTP/1.1 503 \n": 503, "HTTP/1.1 599 x\r\nanything": 599,
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n": 201, "HTTP/1.1 101 Switching\r\n": 101,
		"HTTP/1.1 103 Hints\r\nA: " + strings.Repeat("x", 500) + "\r\n\r\nHTTP/1.1 204 No\r\n": 204,
		"HTTP/1.1 200 " + strings.Repeat("x", 500) + "\r\n":                                    200,
		"HTTP/1.1 200 OK": 0, "": 0, "\r\nHTTP/1.1 200 OK\r\n": 0, "HTTP/2 200 OK\r\n": 0, "HTTP/1.1 20 OK\r\n": 0,
		"HTTP/1.1 099 x\r\n": 0, "HTTP/1.1 2 00\r\n": 0, "HTTP/1.1 +20 x\r\n": 0, "HTTP/1.1 103 Hints\r\nHTTP/1.1 200 OK\r\n": 0,
	} {
		for _, size := range []int{1, 2, 7, len(text)} {
			var reader statusReader
			for part := range slices.Chunk([]byte(text), max(size, 1)) {
				reader.read(part)
			}
			if reader.status != want {
				t.Errorf("status of %.40q in parts of %d is %d, want %d", text, size, reader.status, want)
			}
		}
	}
}

// TestAnswer_Silence judges what cannot be had on the loopback address.
func TestAnswer_Silence(t *testing.T) {
	t.Parallel()
	dial := func(err error) Answer { return Answer{Err: &dialError{err: err}} }
	for name, c := range map[string]struct {
		answer  Answer
		outcome courier.Outcome
		class   courier.Class
		unsent  bool
		says    string
	}{
		"UnknownHost":   {dial(&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}), courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "does not exist"},
		"DNSDown":       {dial(&net.DNSError{IsTemporary: true}), courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "could not be looked up"},
		"DNSTimeout":    {dial(&net.DNSError{IsTimeout: true}), courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "could not be looked up"},
		"NoWay":         {dial(syscall.EHOSTUNREACH), courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "no way to it"},
		"NoDescriptor":  {dial(syscall.EMFILE), courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "file descriptor"},
		"DialTimeout":   {dial(context.DeadlineExceeded), courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "in time"},
		"WaitTimeout":   {Answer{Err: context.DeadlineExceeded}, courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "in time"},
		"CalledOff":     {Answer{Err: context.Canceled}, courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "called off"},
		"CalledOffLate": {Answer{Err: context.Canceled, Delivery: DeliveryWhole}, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, false, "called off"},
		"TimeoutLate":   {Answer{Err: context.DeadlineExceeded, Delivery: DeliveryWhole}, courier.OutcomeUnknown, courier.ClassTimeout, false, "did not answer"},
		"ReadResetLate": {Answer{Err: io.ErrUnexpectedEOF, Delivery: DeliveryWhole}, courier.OutcomeUnknown, courier.ClassOutcomeUnknown, false, "broke off"},
		"ResetBefore":   {Answer{Err: io.ErrUnexpectedEOF}, courier.OutcomeGatewayDown, courier.ClassNetworkError, true, "closed the connection"},
		"ResetBetween":  {Answer{Err: io.ErrUnexpectedEOF, Delivery: DeliveryPartial}, courier.OutcomeRetry, courier.ClassNetworkError, false, "whole message"},
	} {
		judged := c.answer.judge(defaultRules())
		if judged.Outcome != c.outcome || judged.Class != c.class || judged.Unsent != c.unsent || !strings.Contains(judged.what, c.says) || judged.advice == "" {
			t.Errorf("%s: %+v", name, judged)
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
	go func() { attempts <- request.Send(ctx) }()
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
