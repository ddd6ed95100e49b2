package gateway

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// frameServer speaks HTTP/2 frame by frame.
type frameServer struct {
	client   *tls.Config
	url      string
	requests atomic.Int64
}

// streamFunc does something about the request of a number, counted from 0 over
// all connections, and reports whether the connection goes on.
type streamFunc func(framer *http2.Framer, stream uint32, number int64) (goesOn bool)

// answerStream is a streamFunc that takes the message.
func answerStream(framer *http2.Framer, stream uint32, _ int64) bool {
	var block bytes.Buffer
	err := hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "201"})
	if err != nil {
		return false
	}
	return framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}) == nil
}

func startFrames(t *testing.T, answer streamFunc) *frameServer {
	t.Helper()
	certificate := newCertificate(t, time.Now().Add(time.Hour))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate.TLS}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &frameServer{client: certificate.Client(), url: "https://" + listener.Addr().String() + "/"}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn, answer) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return s
}

func (s *frameServer) serve(conn net.Conn, answer streamFunc) {
	defer func() { _ = conn.Close() }()
	if _, err := io.CopyN(io.Discard, conn, int64(len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	if framer.WriteSettings() != nil {
		return
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		data, isData := frame.(*http2.DataFrame)
		headers, isHeaders := frame.(*http2.HeadersFrame)
		if isData && data.StreamEnded() || isHeaders && headers.StreamEnded() {
			if !answer(framer, frame.Header().StreamID, s.requests.Add(1)-1) {
				return
			}
		}
	}
}

// once does something for the first request, and takes the others.
func once(first streamFunc) streamFunc {
	return func(framer *http2.Framer, stream uint32, number int64) bool {
		if number == 0 {
			return first(framer, stream, number)
		}
		return answerStream(framer, stream, number)
	}
}

func resetWith(code http2.ErrCode) streamFunc {
	return func(framer *http2.Framer, stream uint32, _ int64) bool {
		return framer.WriteRSTStream(stream, code) == nil
	}
}

// goAway says that streams after last were not looked at.
func goAway(last uint32, code http2.ErrCode, goesOn bool) streamFunc {
	return func(framer *http2.Framer, _ uint32, _ int64) bool {
		return framer.WriteGoAway(last, code, []byte("; REFUSED_STREAM; received from peer")) == nil && goesOn
	}
}

// TestGateway_HTTP2Unprocessed sends at once again what HTTP/2 says was not
// processed (RFC 9113, 6.8 and 8.7), and nothing else.
func TestGateway_HTTP2Unprocessed(t *testing.T) {
	t.Parallel()
	accepted, unknown := courier.OutcomeAccepted, courier.OutcomeUnknown
	for name, c := range map[string]struct {
		answer   streamFunc
		outcome  courier.Outcome
		requests int64
	}{
		"Refused":          {once(resetWith(http2.ErrCodeRefusedStream)), accepted, 2},
		"GoAway":           {once(goAway(0, http2.ErrCodeNo, false)), accepted, 2},
		"GoAwayOpen":       {once(goAway(0, http2.ErrCodeNo, true)), accepted, 2},
		"GoAwayError":      {once(goAway(0, http2.ErrCodeEnhanceYourCalm, false)), accepted, 2},
		"GoAwayTaken":      {once(goAway(1, http2.ErrCodeNo, false)), unknown, 1},
		"GoAwayTakenError": {once(goAway(1, http2.ErrCodeInternal, false)), unknown, 1},
		"Internal":         {once(resetWith(http2.ErrCodeInternal)), unknown, 1},
		"Canceled":         {once(resetWith(http2.ErrCodeCancel)), unknown, 1},
		"Protocol":         {once(resetWith(http2.ErrCodeProtocol)), unknown, 1},
		"Closed":           {once(func(*http2.Framer, uint32, int64) bool { return false }), unknown, 1},
		"AlwaysRefused":    {resetWith(http2.ErrCodeRefusedStream), courier.OutcomeGatewayDown, maxResends + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFrames(t, c.answer)
			g := newGateway(t, Options{URL: server.url, Template: echo(), TLSConfig: server.client})
			attempt := send(t, g, loginMessage())
			if attempt.Outcome != c.outcome || server.requests.Load() != c.requests || attempt.Unsent != (c.outcome == courier.OutcomeGatewayDown) {
				t.Errorf("Send() = %+v after %d requests", attempt, server.requests.Load())
			}
			g.Close()
		})
	}
}

// TestGateway_HTTP2Drained has a gateway end each connection after a few messages, as proxies do.
func TestGateway_HTTP2Drained(t *testing.T) {
	t.Parallel()
	const count = 200
	server := startFrames(t, func(framer *http2.Framer, stream uint32, number int64) bool {
		return answerStream(framer, stream, number) && (stream < 9 || framer.WriteGoAway(stream, http2.ErrCodeNo, nil) == nil && false)
	})
	g := newGateway(t, Options{URL: server.url, Template: echo(), TLSConfig: server.client})
	for range count {
		if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted {
			t.Errorf("Send() = %+v", attempt)
		}
	}
	if got := server.requests.Load(); got != count {
		t.Errorf("%d requests for %d messages", got, count)
	}
}

// TestGateway_HTTP2Abort has a stream end after the request was read.
func TestGateway_HTTP2Abort(t *testing.T) {
	t.Parallel()
	fake, url, client := gatewaytest.StartOver(t, gatewaytest.TLSHTTP2, gatewaytest.Options{Default: gatewaytest.Behavior{Fault: gatewaytest.FaultResetAfterRead}})
	attempt := send(t, newGateway(t, Options{URL: url + "/", TLSConfig: client, Template: echo()}), loginMessage())
	if attempt.Outcome != courier.OutcomeUnknown || attempt.Class != courier.ClassOutcomeUnknown || fake.Count() != 1 {
		t.Errorf("Send() = %+v", attempt)
	}
}
