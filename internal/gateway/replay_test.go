package gateway

import (
	"io"
	"net"
	"strings"
	"testing"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// TestGateway_NeverRepeats breaks a reused connection after the second request
// was read. net/http would send some of these anew on its own: the gateway must
// see each of them once.
func TestGateway_NeverRepeats(t *testing.T) {
	t.Parallel()
	key := map[string]string{"Idempotency-Key": "k", "X-Idempotency-Key": "k"}
	for name, c := range map[string]struct {
		method   string
		header   map[string]string
		template *Template
		length   string
	}{
		"Trace":          {"TRACE", nil, echo(), ""},
		"TraceKey":       {"TRACE", key, echo(), ""},
		"Get":            {"GET", nil, nil, ""},
		"GetBody":        {"GET", nil, constant(`{"a":1}`), "Content-Length: 7\r\n"},
		"Head":           {"HEAD", nil, nil, ""},
		"Options":        {"OPTIONS", key, nil, ""},
		"Delete":         {"DELETE", key, nil, ""},
		"Post":           {"POST", nil, nil, "Content-Length: 0\r\n"},
		"PostKey":        {"POST", key, nil, "Content-Length: 0\r\n"},
		"PostKeyBody":    {"POST", key, constant(`{"a":1}`), "Content-Length: 7\r\n"},
		"PutKey":         {"PUT", key, nil, "Content-Length: 0\r\n"},
		"Custom":         {"SEND", key, nil, ""},
		"LowerCaseTrace": {"trace", key, constant(`{"a":1}`), "Content-Length: 7\r\n"},
	} {
		for _, protocol := range []gatewaytest.Protocol{gatewaytest.PlainHTTP, gatewaytest.TLSHTTP1} {
			t.Run(name+string(protocol), func(t *testing.T) {
				t.Parallel()
				server := startWireOver(t, protocol, func(conn net.Conn, number int) bool { return number == 0 && answerAny(conn, c.method) })
				g := newGateway(t, Options{URL: server.url() + "/send", Method: c.method, Header: c.header, Template: c.template, TLSConfig: server.client})
				first, second := send(t, g, loginMessage()), send(t, g, loginMessage())
				if first.Outcome != courier.OutcomeAccepted || second.Outcome != courier.OutcomeUnknown {
					t.Errorf("outcomes %s and %s (%s)", first.Outcome, second.Outcome, second.Message)
				}
				if len(server.requests) != 2 {
					t.Errorf("2 messages made %d requests", len(server.requests))
				}
				checkLengths(t, server.next(t), c.method, c.length)
			})
		}
	}
}

func answerAny(conn net.Conn, method string) bool {
	body := "{}"
	if method == "HEAD" {
		body = ""
	}
	_, err := io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n"+body)
	return err == nil
}

// checkLengths checks how a request tells the length of its body.
func checkLengths(t *testing.T, request, method, length string) {
	t.Helper()
	head, _, _ := strings.Cut(request, "\r\n\r\n")
	if !strings.HasPrefix(head, method+" /send HTTP/1.1\r\n") {
		t.Errorf("request is %q", request)
	}
	if strings.Contains(head, "Transfer-Encoding") || strings.Contains(head, "Connection") {
		t.Errorf("head is %q", head)
	}
	if length == "" && strings.Contains(head, "Content-Length") || !strings.Contains(head+"\r\n", length) {
		t.Errorf("head is %q, want %q", head, length)
	}
}

// TestGateway_StaleConnection has the gateway close the connection after each
// answer. Whether the next message still meets the old connection is chance; its
// outcome must agree with what the gateway got.
func TestGateway_StaleConnection(t *testing.T) {
	t.Parallel()
	for _, protocol := range []gatewaytest.Protocol{gatewaytest.PlainHTTP, gatewaytest.TLSHTTP1} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			server := startWireOver(t, protocol, func(conn net.Conn, number int) bool { okAnswer(conn, number); return false })
			g := newGateway(t, Options{URL: server.url() + "/", Template: echo(), TLSConfig: server.client})
			for range 200 {
				attempt := send(t, g, loginMessage())
				got := len(server.requests)
				if attempt.Outcome == courier.OutcomeAccepted && got != 1 || attempt.Outcome == courier.OutcomeUnknown && got > 1 ||
					attempt.Outcome != courier.OutcomeAccepted && attempt.Outcome != courier.OutcomeUnknown {
					t.Errorf("%d requests for %+v", got, attempt)
				}
				for range got {
					<-server.requests
				}
			}
		})
	}
}

// TestGateway_IdleTimeout has a gateway say with 408 that an idle connection is
// at its end, while the next message is on its way.
func TestGateway_IdleTimeout(t *testing.T) {
	t.Parallel()
	server := startWire(t, func(conn net.Conn, number int) bool {
		if number == 0 {
			return okAnswer(conn, number)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return false
	})
	g := newGateway(t, Options{URL: server.url() + "/", Template: echo()})
	for i, want := range []int{1, 2, 2, 2} {
		attempt := send(t, g, loginMessage())
		if attempt.Outcome != courier.OutcomeAccepted || len(server.requests) != want {
			t.Errorf("message %d: %+v after %d requests", i, attempt, len(server.requests))
		}
		for range want {
			<-server.requests
		}
	}
}

// TestGateway_OwnTimeout has a gateway answer 408 to a message: that is its answer.
func TestGateway_OwnTimeout(t *testing.T) {
	t.Parallel()
	server := startWire(t, func(conn net.Conn, _ int) bool {
		_, err := io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
		return err == nil
	})
	g := newGateway(t, Options{URL: server.url() + "/", Template: echo()})
	for range 3 {
		attempt := send(t, g, loginMessage())
		if attempt.Outcome != courier.OutcomeRetry || attempt.Class != courier.ClassTimeout || len(server.requests) != 1 {
			t.Errorf("Send() = %+v after %d requests", attempt, len(server.requests))
		}
		<-server.requests
	}
}
