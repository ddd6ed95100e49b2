package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"courier"
)

// Send sends the request and judges what comes back. The context bounds it, and
// the gateway's own time-out. Number and times of the attempt are left to the caller.
func (r *Request) Send(ctx context.Context) courier.Attempt {
	g := r.gateway
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > g.timeout {
		bounded, cancel := context.WithTimeout(ctx, g.timeout)
		defer cancel()
		ctx = bounded
	}
	return r.judge(ctx, r.exchange(ctx))
}

// maxResends is how often a request is sent again at once when it certainly was not processed.
const maxResends = 3

// send makes one hop: it sends a request until it may have been processed.
func (g *Gateway) send(ctx context.Context, at *hop) *Answer {
	for sends := 1; ; sends++ {
		answer, again := g.sendOnce(ctx, at)
		if !again || sends > maxResends || ctx.Err() != nil {
			if !isType[*dialError](answer.Err) {
				answer.Proxy = g.network.to(at.target).dialer.plainProxyName(at.target)
			}
			return answer
		}
	}
}

// sendOnce reports also whether the request can be sent again at once.
func (g *Gateway) sendOnce(ctx context.Context, at *hop) (answer *Answer, again bool) {
	used := usedConn{bodySize: len(at.body)}
	ctx = context.WithValue(ctx, stageKey{}, &used.stage)
	trace := &httptrace.ClientTrace{GotConn: used.got}
	request := newRequest(httptrace.WithClientTrace(ctx, trace), at.method, at.target, at.header, at.body)
	response, err := g.network.to(at.target).RoundTrip(request)
	if err != nil {
		return used.explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	again = used.isLateTimeout(response)
	answer = readAnswer(response)
	if at.target.Scheme == "http" && saysTLS(response, answer.Body) {
		return &Answer{Err: &dialError{handshake: true, err: errSpeaksTLS}}, false
	}
	return answer, again
}

// saysTLS recognises the answers of Go, nginx and Apache to plain HTTP on a port for
// https. A gateway that repeats a message in its own answer is not taken for one.
func saysTLS(response *http.Response, body []byte) bool {
	if response.StatusCode != http.StatusBadRequest || !response.Close {
		return false
	}
	text := string(bytes.TrimSpace(body))
	if !response.ProtoAtLeast(1, 1) && text == "Client sent an HTTP request to an HTTPS server." {
		return true
	}
	return strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") &&
		(strings.Contains(text, "<title>400 The plain HTTP request was sent to HTTPS port</title>") ||
			strings.Contains(text, "\nReason: You're speaking plain HTTP to an SSL-enabled server port.<br />"))
}

// usedConn is the connection that a round trip used last.
type usedConn struct {
	bodySize int
	reused   bool
	// plain is set for HTTP/1.1. For HTTP/2 shared is, and before is how much had
	// left it when the request came.
	plain  *answerConn
	shared *countedConn
	before int64
	// stage is that of the dial for this round trip, if there is one.
	stage dialStage
}

// got is called by net/http in the goroutine of the round trip.
func (u *usedConn) got(info httptrace.GotConnInfo) {
	u.reused = info.Reused
	u.plain, _ = info.Conn.(*answerConn)
	if u.plain != nil {
		u.plain.begin()
	}
	if secure, ok := info.Conn.(*tls.Conn); ok {
		if u.shared = countedConnOf(secure); u.shared != nil {
			u.before = u.shared.sent.Load()
		}
	}
}

// isLateTimeout reports whether an answer says that a connection was idle for
// too long, which the gateway wrote while the request was on its way: with
// 408 it had none that was complete (RFC 9110, 15.5.9).
func (u *usedConn) isLateTimeout(response *http.Response) bool {
	return response.StatusCode == http.StatusRequestTimeout && response.Close && u.reused && u.plain != nil
}

// explain says what a round trip without an answer came to, and whether the
// request can be sent again at once.
func (u *usedConn) explain(err error) (answer *Answer, again bool) {
	under := u.shared
	switch {
	case u.plain != nil:
		under = u.plain.under
		answer, again = explainPlain(err, u.plain.state(), u.reused, u.bodySize)
	case u.shared != nil:
		answer, again = explainShared(err, u.shared.sent.Load()-u.before, u.reused, u.bodySize)
	default:
		return &Answer{Err: u.stage.explain(err)}, false
	}
	if under.isAsked && answer.Status == 0 && answer.Delivery != DeliveryWhole {
		// With TLS 1.3 a gateway says that it wants a certificate after the handshake.
		return &Answer{Err: &dialError{handshake: true, err: errClientCertificate}}, false
	}
	return answer, again
}

// explainPlain is explain for HTTP/1.1. What met the end of a connection that had
// served before is sent again; a new one has no reason to end.
func explainPlain(err error, state exchange, reused bool, bodySize int) (answer *Answer, again bool) {
	answer = &Answer{Status: state.answer.status, Err: err, Delivery: DeliveryWhole}
	switch {
	case answer.Status != 0:
		answer.Detail = ", and the rest of its answer could not be read"
	case state.answer.isTLS:
		answer.Err, answer.Delivery = &dialError{handshake: true, err: errSpeaksTLS}, DeliveryNone
	case state.sent == 0, state.unread:
		answer.Delivery = DeliveryNone
		return answer, reused || state.unread
	case state.sent <= int64(bodySize):
		answer.Delivery = DeliveryPartial
		return answer, reused && !isTimeout(err)
	}
	return answer, false
}

// explainShared is explain for HTTP/2: sent counts the bytes that left the
// connection since, for this request and for others.
func explainShared(err error, sent int64, reused bool, bodySize int) (answer *Answer, again bool) {
	answer = &Answer{Err: err, Delivery: DeliveryWhole}
	switch {
	case isUnprocessed(err):
		answer.Delivery = DeliveryNone
		return answer, true
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// net/http may still be about to write.
	case sent == 0:
		answer.Delivery = DeliveryNone
		return answer, reused
	case sent < int64(bodySize):
		answer.Delivery = DeliveryPartial
		return answer, reused
	}
	return answer, false
}

// isUnprocessed reports whether a failed exchange over HTTP/2 proves that the
// gateway did not process the request: it refused the stream, or said with GOAWAY
// that it looked at earlier ones alone (RFC 9113, 6.8 and 8.7). net/http has no
// types for these errors; a test of each keeps the texts right.
func isUnprocessed(err error) bool {
	text := strings.TrimPrefix(err.Error(), "http2: Transport: cannot retry err [")
	for _, prefix := range [...]string{
		"http2: Transport received Server's graceful shutdown GOAWAY",
		"http2: Transport received GOAWAY from server ErrCode:",
		"http2: client conn not usable",
		"http2: client conn could not be established",
	} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return strings.HasPrefix(text, "stream error: stream ID ") && strings.Contains(text, "; REFUSED_STREAM; received from peer")
}
