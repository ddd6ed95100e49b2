package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier/internal/gateway/gatewaytest"
)

// wireServer records requests byte by byte and gives canned answers.
type wireServer struct {
	listener net.Listener
	// client is nil without TLS.
	client   *tls.Config
	requests chan []byte
	serving  sync.WaitGroup
}

// answerFunc decides what a connection does with the request of a number,
// counted from 0: write an answer, or nothing and close.
type answerFunc func(conn net.Conn, number int) (keep bool)

func okAnswer(conn net.Conn, _ int) bool {
	_, err := io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")
	return err == nil
}

// startWire serves plain HTTP until the test ends.
func startWire(tb testing.TB, answer answerFunc) *wireServer {
	tb.Helper()
	return startWireOver(tb, gatewaytest.PlainHTTP, answer)
}

// startWireOver serves HTTP/1.1 until the test ends.
func startWireOver(tb testing.TB, protocol gatewaytest.Protocol, answer answerFunc) *wireServer {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &wireServer{listener: listener, requests: make(chan []byte, 100)}
	if protocol != gatewaytest.PlainHTTP {
		certificate, err := gatewaytest.NewCertificate(time.Now().Add(time.Hour))
		if err != nil {
			tb.Fatal(err)
		}
		s.client = certificate.Client()
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate.TLS}, MinVersion: tls.VersionTLS12})
	}
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() { s.serve(conn, answer) })
		}
	})
	tb.Cleanup(func() {
		if err := listener.Close(); err != nil {
			tb.Error(err)
		}
		s.serving.Wait()
	})
	return s
}

func (s *wireServer) url() string {
	if s.client != nil {
		return "https://" + s.listener.Addr().String()
	}
	return "http://" + s.listener.Addr().String()
}

func (s *wireServer) serve(conn net.Conn, answer answerFunc) {
	defer func() { _ = conn.Close() }()
	var seen bytes.Buffer
	reader := bufio.NewReader(io.TeeReader(conn, &seen))
	for number := 0; ; number++ {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		s.requests <- bytes.Clone(seen.Bytes())
		seen.Reset()
		if !answer(conn, number) {
			return
		}
	}
}

// target puts the server's address in the place of gateway.test.
func (s *wireServer) target(address string) string {
	return strings.Replace(strings.Replace(address, "gateway.test", s.listener.Addr().String(), 1), "http://", strings.Split(s.url(), "://")[0]+"://", 1)
}

// next returns the request that came, with gateway.test for the server's address.
func (s *wireServer) next(tb testing.TB) string {
	tb.Helper()
	select {
	case got := <-s.requests:
		return strings.Replace(string(got), s.listener.Addr().String(), "gateway.test", 1)
	default:
		tb.Fatal("no request came")
		return ""
	}
}

// compareWire compares two requests: request line, headers in their order, and
// the body as JSON, form or text. Content-Length must fit each body.
func compareWire(tb testing.TB, want, got string) {
	tb.Helper()
	wantHead, wantBody, _ := strings.Cut(want, "\r\n\r\n")
	gotHead, gotBody, _ := strings.Cut(got, "\r\n\r\n")
	if diff := cmp.Diff(headLines(tb, wantHead, wantBody), headLines(tb, gotHead, gotBody)); diff != "" {
		tb.Errorf("head (-want +got):\n%s", diff)
	}
	media := "text"
	for line := range strings.SplitSeq(wantHead, "\r\n") {
		if value, ok := strings.CutPrefix(line, "Content-Type: "); ok {
			media = value
		}
	}
	if diff := cmp.Diff(meaning(tb, media, wantBody), meaning(tb, media, gotBody)); diff != "" {
		tb.Errorf("body (-want +got):\n%s", diff)
	}
}

func headLines(tb testing.TB, head, body string) []string {
	tb.Helper()
	lines := strings.Split(head, "\r\n")
	for i, line := range lines {
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if value != strconv.Itoa(len(body)) {
				tb.Errorf("Content-Length %s for a body of %d bytes", value, len(body))
			}
			lines[i] = "Content-Length: (fits)"
		}
	}
	return lines
}

func meaning(tb testing.TB, media, body string) any {
	tb.Helper()
	switch {
	case body == "":
		return nil
	case strings.HasPrefix(media, mediaForm):
		values, err := url.ParseQuery(body)
		return []any{body, values, err}
	case kindOf(media) == bodyJSON:
		var value any
		decoder := json.NewDecoder(strings.NewReader(body))
		decoder.UseNumber()
		if err := errors.Join(decoder.Decode(&value)); err != nil {
			tb.Errorf("body %q is not JSON: %v", body, err)
		}
		return value
	}
	return body
}
