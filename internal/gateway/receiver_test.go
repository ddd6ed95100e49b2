package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/jsonnet"
	"courier/internal/signature"
)

func receiptNow() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

func newReceiver(tb testing.TB, options ReceiverOptions) *Receiver {
	tb.Helper()
	options.Gateway, options.NowFunc = "sms", receiptNow
	r, err := NewReceiver(options)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// posted is a request with a body of a type.
func posted(contentType, body string) *signature.Request {
	request := &signature.Request{
		Method: http.MethodPost, URL: "https://sms.example.com/receipts/sms", Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body),
	}
	if contentType == mediaForm {
		request.Form, _ = url.ParseQuery(body)
	}
	return request
}

// TestReceiver_Receive reads each shape in which gateways report.
func TestReceiver_Receive(t *testing.T) {
	t.Parallel()
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	const ours = "0190163d-8694-739b-aea5-966c26f8ad91"
	at := time.Date(2026, 11, 25, 11, 59, 58, 0, time.UTC)
	query := &signature.Request{Method: http.MethodGet, URL: "https://x/?a=1", Query: url.Values{"id": {"q1"}, "status": {"delivered"}, "l": {"1", "2"}}}
	claimed := posted(mediaJSON, `{}`)
	claimed.Claims = map[string]any{"id": "c1"}
	delivered := courier.Receipt{Gateway: "sms", GatewayMessageID: "a1", Status: courier.StatusDelivered, ReceivedAt: receiptNow()}
	with := func(change func(*courier.Receipt)) []courier.Receipt {
		r := delivered
		change(&r)
		return []courier.Receipt{r}
	}
	for name, c := range map[string]struct {
		source  string
		request *signature.Request
		want    []courier.Receipt
	}{
		"Form": {
			`function(req) { id: req.form.MessageSid, status: req.form.MessageStatus, class: std.get(req.errors, std.get(req.form, 'ErrorCode', '')), code: std.get(req.form, 'ErrorCode') }`,
			posted(mediaForm, "MessageSid=a1&MessageStatus=undelivered&ErrorCode=30003"),
			with(func(r *courier.Receipt) {
				r.Status, r.Class, r.Code = courier.StatusUndelivered, courier.ClassAbsentSubscriber, "30003"
			}),
		},
		"Query":              {`function(req) { id: req.query.id + std.length(req.query.l) + req.method, status: req.query.status }`, query, with(func(r *courier.Receipt) { r.GatewayMessageID = "q12GET" })},
		"JSONArray":          {`function(req) [{ id: r.id, status: r.s } for r in req.json]`, posted("application/json; charset=utf-8", `[{"id":"a1","s":"delivered"},{"id":"a2","s":"sent"}]`), append(with(func(*courier.Receipt) {}), with(func(r *courier.Receipt) { r.GatewayMessageID, r.Status = "a2", courier.StatusSent })...)},
		"Nested":             {`function(req) { receipts: [{ id: r.messageId, status: 'delivered', at: r.doneAt } for r in req.json.results] }`, posted(mediaJSON, `{"results":[{"messageId":123456789012345678,"doneAt":"2026-11-25T12:59:58.000+0100"}]}`), with(func(r *courier.Receipt) { r.GatewayMessageID, r.At = "123456789012345678", at })},
		"JSONInForm":         {`function(req) local data = std.parseJson(req.form.data); { id: data[0].id, status: 'delivered' }`, posted(mediaForm, "data="+url.QueryEscape(`[{"id":"a1"}]`)), with(func(*courier.Receipt) {})},
		"Claims":             {`function(req) { id: req.claims.id, status: 'delivered' }`, claimed, with(func(r *courier.Receipt) { r.GatewayMessageID = "c1" })},
		"Params":             {`function(req) { id: req.params.prefix + req.headers['x-id'], status: 'delivered' }`, &signature.Request{Header: http.Header{"X-Id": {"1", "2"}}}, with(func(*courier.Receipt) {})},
		"Reference":          {`function(req) { reference: req.text, status: 'delivered' }`, posted("text/plain", ours), with(func(r *courier.Receipt) { r.GatewayMessageID = ""; r.MessageID, _ = courier.ParseID(ours) })},
		"Seconds":            {`function(req) { id: 'a1', status: 'delivered', at: 1795607998 }`, query, with(func(r *courier.Receipt) { r.At = at })},
		"Milliseconds":       {`function(req) { id: 'a1', status: 'delivered', at: '1795607998000' }`, query, with(func(r *courier.Receipt) { r.At = at })},
		"NoTime":             {`function(req) { id: 'a1', status: 'delivered', at: 'soon' }`, query, with(func(*courier.Receipt) {})},
		"NumberAsID":         {`function(req) { id: req.json.id, status: 'delivered' }`, posted(mediaJSON, `{"id":4421332671}`), with(func(r *courier.Receipt) { r.GatewayMessageID = "4421332671" })},
		"NoClassOfDelivered": {`function(req) { id: 'a1', status: 'delivered', class: 'throttled' }`, query, with(func(*courier.Receipt) {})},
		"MessageWithoutNumber": {`function(req) { id: 'a1', status: 'expired', message: 'no answer\n from +1 206-555-0100 in 48 h' }`, query, with(func(r *courier.Receipt) {
			r.Status, r.Message = courier.StatusExpired, "no answer from +••• in 48 h"
		})},
		"ReferenceOfOthers": {`function(req) { reference: 'order-17', status: 'delivered' }`, query, nil},
		"Intermediate":      {`function(req) [{ id: 'a1', status: null }, null]`, query, nil},
		"Handshake":         {`function(req) [{ id: r.id, status: 'sent' } for r in req.json]`, posted(mediaJSON, `[]`), nil},
		"Null":              {`function(req) null`, query, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, ReceiverOptions{
				Template: compiledFor(t, pool, "req", c.source), Errors: map[string]any{"30003": "absent_subscriber"}, Params: map[string]any{"prefix": "a"},
			})
			got, err := r.Receive(t.Context(), c.request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Result{Receipts: c.want, Reply: Reply{Status: 200}}, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReceiver_Receive_Reply gives the answers that gateways ask for.
func TestReceiver_Receive_Reply(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]Reply{
		`{"reply":null}`:                                   {Status: 200},
		`{"reply":{}}`:                                     {Status: 200},
		`{"reply":{"status":204}}`:                         {Status: 204},
		`{"reply":{"body":"OK"},"receipts":null}`:          {Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("OK")},
		`{"reply":{"body":{"a":"<b>"}},"receipts":[]}`:     {Status: 200, ContentType: mediaJSON, Body: []byte(`{"a":"<b>"}`)},
		`{"reply":{"body":"<a/>","content_type":"a/xml"}}`: {Status: 200, ContentType: "a/xml", Body: []byte("<a/>")},
	} {
		got, err := newReceiver(t, ReceiverOptions{Template: constant(given)}).Receive(t.Context(), posted(mediaJSON, "{}"))
		if diff := cmp.Diff(Result{Reply: want}, got); err != nil || diff != "" {
			t.Errorf("reply of %s: %v\n%s", given, err, diff)
		}
	}
}

// verifierFunc is a signature.Verifier.
type verifierFunc func(r *signature.Request, now time.Time) error

func (f verifierFunc) Verify(r *signature.Request, now time.Time) error { return f(r, now) }

// TestReceiver_Receive_Refuses wants what is not the gateway's, not readable, or not
// understood, to be told apart, and no receipt of it.
func TestReceiver_Receive_Refuses(t *testing.T) {
	t.Parallel()
	good, bad := verifierFunc(func(_ *signature.Request, now time.Time) error {
		if !now.Equal(receiptNow()) {
			return errors.New("wrong clock")
		}
		return nil
	}), verifierFunc(func(*signature.Request, time.Time) error { return fmt.Errorf("header X: %w", signature.ErrStale) })
	const fine = `{"id":"a1","status":"delivered"}`
	var log bytes.Buffer
	for name, c := range map[string]struct {
		template  *Template
		verifiers []signature.Verifier
		body      string
		want      error
		says      string
	}{
		"Fine":        {constant(fine), []signature.Verifier{good}, `{}`, nil, ""},
		"Empty":       {constant(fine), nil, "\r\n", nil, ""},
		"JSONNull":    {constant(fine), nil, "null", nil, ""},
		"Second":      {constant(fine), []signature.Verifier{good, bad}, `{}`, ErrUnauthentic, "header X"},
		"Stale":       {constant(fine), []signature.Verifier{bad}, `{}`, signature.ErrStale, ""},
		"Broken":      {constant(fine), nil, `{"a":`, ErrMalformed, "its body is not"},
		"Text":        {constant(fine), nil, `delivered`, ErrMalformed, ""},
		"NoTemplate":  {&Template{}, nil, `{}`, ErrNoTemplate, ""},
		"Status":      {constant(`{"id":"a1","status":"delivred"}`), nil, `{}`, nil, `did you mean delivered?`},
		"OtherStatus": {constant(`[{"id":"a1","status":"queued"}]`), nil, `{}`, nil, "none of sent, delivered"},
		"Class":       {constant(`{"id":"a1","status":"rejected","class":"bard"}`), nil, `{}`, nil, "did you mean barred?"},
		"Field":       {constant(`{"id":"a1","state":"rejected"}`), nil, `{}`, nil, `did you mean status?`},
		"Nameless":    {constant(`{"status":"rejected"}`), nil, `{}`, nil, "neither id nor reference"},
		"Kind":        {constant(`["a1"]`), nil, `{}`, nil, "template gave a string as a receipt"},
		"ID":          {constant(`{"id":["a1"],"status":"rejected"}`), nil, `{}`, nil, "template gave an array as id"},
		"Reply":       {constant(`{"reply":"OK"}`), nil, `{}`, nil, "template gave a string as the reply"},
		"ReplyStatus": {constant(`{"reply":{"status":42}}`), nil, `{}`, nil, "200 to 599"},
	} {
		r := newReceiver(t, ReceiverOptions{
			Template: c.template, Verifiers: c.verifiers, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		got, err := r.Receive(t.Context(), posted(mediaJSON, c.body))
		switch {
		case c.want != nil && !errors.Is(err, c.want), (err == nil) != (c.want == nil && c.says == ""):
			t.Errorf("%s: %v", name, err)
		case c.says != "":
			wantText(t, err, c.says)
		}
		if err != nil && len(got.Receipts) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if count := strings.Count(log.String(), "level=ERROR"); count != 10 {
		t.Errorf("%d faults in the log:\n%s", count, &log)
	}
	_, err := NewReceiver(ReceiverOptions{Gateway: "sms", Errors: map[string]any{"a": func() {}}})
	wantText(t, err, "receipt: is missing")
	wantText(t, err, "receipt.errors: ")
}
