package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

// postbox is a Receipts that remembers what it was given last.
type postbox struct {
	got   *httpapi.ReceiptRequest
	reply httpapi.ReceiptReply
	err   error
}

// Receive implements httpapi.Receipts.
func (p *postbox) Receive(_ context.Context, request *httpapi.ReceiptRequest) (httpapi.ReceiptReply, error) {
	p.got = request
	return p.reply, p.err
}

func newPostbox(tb testing.TB, change func(*httpapi.Options)) (*postbox, *fixture) {
	tb.Helper()
	box := &postbox{}
	return box, newFixture(tb, func(o *httpapi.Options) {
		o.Receipts = box
		if change != nil {
			change(o)
		}
	})
}

func TestAPI_Receipt(t *testing.T) {
	t.Parallel()
	box, f := newPostbox(t, withKeys) // no key is asked for
	for _, test := range []struct {
		method, target, body string
		want                 httpapi.ReceiptRequest
		reply                httpapi.ReceiptReply
		status               int
		contentType          string
	}{
		{
			method: "POST", target: "/receipts/main/s%2F%C3%A9?a=1&b=%20", body: "x=1",
			want:   httpapi.ReceiptRequest{Gateway: "main", Secret: "s/é", Method: "POST", Target: "/receipts/main/s%2F%C3%A9?a=1&b=%20", Body: []byte("x=1")},
			status: 200, contentType: "text/plain; charset=utf-8",
		},
		{
			method: "GET", target: "/receipts/main?id=7",
			want:  httpapi.ReceiptRequest{Gateway: "main", Method: "GET", Target: "/receipts/main?id=7", Body: []byte{}},
			reply: httpapi.ReceiptReply{Status: 202, ContentType: "application/json", Body: []byte("{}")}, status: 202, contentType: "application/json",
		},
	} {
		box.reply = test.reply
		w := request(t, f.api.Public(), test.method, test.target, test.body, "X-Signature: abc")
		if w.Code != test.status || w.Body.String() != string(test.reply.Body) || w.Header().Get("Content-Type") != test.contentType {
			t.Errorf("%s: got %d %v: %s", test.target, w.Code, w.Header(), w.Body)
		}
		if box.got.Header.Get("X-Signature") != "abc" {
			t.Errorf("header: %v", box.got.Header)
		}
		box.got.Header = nil
		if diff := cmp.Diff(&test.want, box.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.target, diff)
		}
	}
}

func TestAPI_ReceiptRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err        error
		code       courier.ErrorCode
		retryAfter string
	}{
		{&courier.Error{Code: courier.CodeNotFound, Message: "no gateway takes receipts here"}, courier.CodeNotFound, ""},
		{&courier.Error{Code: courier.CodeUnauthorized, Message: "the signature does not fit"}, courier.CodeUnauthorized, ""},
		{&courier.Error{Code: courier.CodeInvalidRequest, Message: "it cannot be read"}, courier.CodeInvalidRequest, ""},
		{fmt.Errorf("receive: %w", store.ErrUnavailable), courier.CodeStoreUnavailable, "1"},
		{errSecret, courier.CodeInternal, ""},
	} {
		box, f := newPostbox(t, nil)
		box.err = test.err
		w := request(t, f.api.Public(), "POST", "/receipts/main/hush", "{}")
		wantProblem(t, w, test.code, "", "")
		if got := w.Header().Get("Retry-After"); got != test.retryAfter || contains(w.Body.String(), "123456") {
			t.Errorf("%v: Retry-After %q: %s", test.err, got, w.Body)
		}
	}
}

// What is no receipt does not get as far as the gateway's rules.
func TestAPI_ReceiptBounds(t *testing.T) {
	t.Parallel()
	box, f := newPostbox(t, nil)
	large := strings.Repeat("a", 256<<10+1)
	wantProblem(t, request(t, f.api.Public(), "POST", "/receipts/main", large), courier.CodeRequestTooLarge, "", "262144 bytes")
	for _, test := range []struct {
		handler        http.Handler
		method, target string
		status         int
	}{
		{f.api.Public(), "HEAD", "/receipts/main/hush", http.StatusMethodNotAllowed},
		{f.api.Public(), "PUT", "/receipts/main/hush", http.StatusMethodNotAllowed},
		{f.api.Public(), "DELETE", "/receipts/main", http.StatusMethodNotAllowed},
		{f.api.Public(), "POST", "/receipts", http.StatusNotFound},
		{f.api.Public(), "POST", "/receipts/main/hush/more", http.StatusNotFound},
		{f.api.Admin(), "POST", "/receipts/main/hush", http.StatusNotFound},
		{newFixture(t, nil).api.Public(), "POST", "/receipts/main/hush", http.StatusNotFound},
	} {
		w := request(t, test.handler, test.method, test.target, "")
		if w.Code != test.status || (w.Code == http.StatusMethodNotAllowed && w.Header().Get("Allow") != "GET, POST") {
			t.Errorf("%s %s: got %d, Allow %q", test.method, test.target, w.Code, w.Header().Get("Allow"))
		}
	}
	if box.got != nil {
		t.Errorf("received %v", box.got)
	}
	if w := request(t, f.api.Public(), "POST", "/receipts/main", large[1:]); w.Code != http.StatusOK || len(box.got.Body) != 256<<10 {
		t.Errorf("the largest: got %d", w.Code)
	}
}

// The secret of an address is in no log, metric or trace, whatever becomes of the
// request; an operator learns that receipts are refused, and of which gateway.
func TestAPI_ReceiptSecret(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	registry, spans := prometheus.NewRegistry(), tracetest.NewSpanRecorder()
	box, f := newPostbox(t, func(o *httpapi.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Registerer, o.Gatherer = registry, registry
		o.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	})
	for _, err := range []error{
		nil,
		&courier.Error{Code: courier.CodeUnauthorized, Message: "bad signature", Err: errors.New("mismatch")},
		&courier.Error{Code: courier.CodeNotFound, Message: "nothing here"},
		store.ErrUnavailable, errors.New("odd"),
	} {
		box.err = err
		request(t, f.api.Public(), "POST", "/receipts/main/hush", "body")
		request(t, f.api.Public(), "GET", "/receipts/main/hush?token=hush", "")
	}
	for _, target := range []string{"/receipts/main/hush/more", "/receipts//hush"} {
		request(t, f.api.Public(), "POST", target, "")
	}
	seen := log.String() + f.call(t, "GET", "/metrics", "").Body.String()
	for _, span := range spans.Ended() {
		seen += fmt.Sprint(span.Name(), span.Attributes(), span.Events())
	}
	if strings.Contains(log.String(), `"error":null`) {
		t.Errorf("a line tells of no error:\n%s", log.String())
	}
	if strings.Contains(seen, "hush") {
		t.Errorf("the secret is in:\n%s", seen)
	}
	var refused []string
	for _, line := range logged(t, log.String()) {
		if contains(fmt.Sprint(line["msg"]), "refused") {
			refused = append(refused, fmt.Sprint(line["code"], " ", line["gateway"], " ", line["peer"], " ", line["error"]))
		}
	}
	want := []string{
		"unauthorized main <nil> mismatch", "not_found <nil> 192.0.2.1 <nil>",
		"store_unavailable <nil> <nil> store is unavailable", "internal <nil> <nil> odd",
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
