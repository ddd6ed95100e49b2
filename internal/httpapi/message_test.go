package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

// failed is an attempt with everything there is to show of one.
func failed() courier.Attempt {
	return courier.Attempt{
		Gateway: "main", Outcome: courier.OutcomeRetry, Class: courier.ClassThrottled, Code: "20429", HTTPStatus: 429,
		Message: "too many requests; wait", Excerpt: "slow <down>", StartedAt: now(), Duration: 12346 * time.Microsecond,
	}
}

// putAttempted stores a message with everything there is to show, of which an
// attempt failed and the next was accepted.
func (f *fixture) putAttempted(tb testing.TB) {
	tb.Helper()
	f.judge.last++
	_, err := f.memory.Store.Enqueue(tb.Context(), []*courier.Message{{
		ID: courier.ID{0: 1, 15: 1}, Status: courier.StatusQueued, Channel: "sms", To: number, From: "Shop", Body: "Your code is <123456>",
		Subject: "s", TemplateType: "login_code_valid", TemplateData: []byte(`{"code": "123456"}`), Metadata: []byte(`{"order":7}`),
		RequestHeaders: []byte(`{"Cookie":["secret"]}`), Encoding: courier.EncodingGSM7, Segments: 1,
		CreatedAt: now(), ExpiresAt: now().Add(time.Minute), Gateway: "main", IdempotencyKey: "attempted", TraceParent: "t", Country: "US", CallbackURL: "https://example.com/123456",
	}})
	if err != nil {
		tb.Fatal(err)
	}
	f.memory.attempt(tb, courier.StatusQueued, failed())
	f.memory.attempt(tb, courier.StatusSent, courier.Attempt{Gateway: "main", Outcome: courier.OutcomeAccepted, HTTPStatus: 201, GatewayMessageID: "SM1", GatewayMessageIDs: []string{"SM1", "SM2"}, Warning: "part 2 was not taken", StartedAt: now().Add(time.Second), Duration: time.Second})
}

// throttledAdvice is what is to be done about the class throttled.
const throttledAdvice = "The gateway takes fewer messages per second. " +
	"Nothing: the courier sends at the rate that is taken. When that is too slow, ask the gateway for more, or add one to the route."

const attemptedJSON = `{
	"id":"` + idText + `","status":"sent","channel":"sms","to":"` + number + `","from":"Shop","body":"Your code is <123456>","subject":"s",
	"template_type":"login_code_valid","template_data":{"code":"123456"},"metadata":{"order":7},"segments":1,"encoding":"gsm7","country":"US","callback_url":"https://example.com/123456",
	"gateway":"main","gateway_message_id":"SM1","send_count":2,
	"last_error":null,"lane":"normal","supersede_key":null,"superseded_by":null,
	"created_at":"2026-01-02T03:04:05.000006Z","updated_at":"2026-01-02T03:04:06.000006Z","sent_at":"2026-01-02T03:04:06.000006Z",
	"expires_at":"2026-01-02T03:05:05.000006Z","next_attempt_at":null,"scrubbed_at":null,
	"attempts":[
		{"number":1,"gateway":"main","outcome":"retry","class":"throttled","advice":"` + throttledAdvice + `","code":"20429","message":"too many requests; wait","http_status":429,
		 "warning":null,"excerpt":"slow <down>","gateway_message_id":null,"started_at":"2026-01-02T03:04:05.000006Z","duration":"12.346ms"},
		{"number":2,"gateway":"main","outcome":"accepted","class":null,"advice":null,"code":null,"message":null,"http_status":201,
		 "warning":"part 2 was not taken","excerpt":null,"gateway_message_id":"SM1","gateway_message_ids":["SM1","SM2"],"started_at":"2026-01-02T03:04:06.000006Z","duration":"1s"}],
	"receipts":[],"webhooks":[]}`

func TestAPI_GetMessage(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.putAttempted(t)
	w := f.call(t, "GET", "/v1/messages/"+strings.ToUpper(idText), "")
	if w.Code != http.StatusOK {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	wantJSON(t, w.Body.String(), attemptedJSON)
	if !strings.Contains(w.Body.String(), "<123456>") {
		t.Error("the text is escaped for HTML")
	}
}

func TestAPI_GetMessageOfLittle(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.send(t)
	w := f.call(t, "GET", "/v1/messages/"+id.String(), "")
	wantJSON(t, w.Body.String(), `{
		"id":"`+idText+`","status":"queued","channel":"sms","to":"`+number+`","from":"Shop","body":"Your code is 123456","subject":null,
		"template_type":null,"template_data":null,"metadata":null,"segments":1,"encoding":"gsm7","country":null,"callback_url":null,
		"gateway":"main","gateway_message_id":null,"send_count":0,"last_error":null,"lane":"normal","supersede_key":null,"superseded_by":null,
		"created_at":"2026-01-02T03:04:05.000006Z","updated_at":"2026-01-02T03:04:05.000006Z","sent_at":null,"expires_at":null,
		"next_attempt_at":"2026-01-02T03:04:05.000006Z","scrubbed_at":null,"attempts":[],"receipts":[],"webhooks":[]}`)
}

func TestAPI_GetMessageLastError(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.send(t)
	f.memory.attempt(t, courier.StatusQueued, failed())
	var got struct {
		LastError json.RawMessage `json:"last_error"`
	}
	decode(t, f.call(t, "GET", "/v1/messages/"+id.String(), "").Body.String(), &got)
	wantJSON(t, string(got.LastError), `{"class":"throttled","advice":"`+throttledAdvice+`","code":"20429","message":"too many requests; wait","http_status":429}`)
}

// TestAPI_GetMessageScrubbed shows what is left of a message, to those who may
// read texts and to those who may not.
func TestAPI_GetMessageScrubbed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) {
		o.Keys = []httpapi.Key{key("reader", httpapi.ScopeRead), key("auditor", httpapi.ScopeReadBody)}
	})
	f.putAttempted(t)
	later := now().Add(time.Hour)
	if count, err := f.memory.Scrub(t.Context(), store.Sweep{Now: later, Before: later, Limit: 1}); err != nil || count != 1 {
		t.Fatalf("scrubbed %d messages: %v", count, err)
	}
	for _, caller := range []string{"reader", "auditor"} {
		var got map[string]any
		decode(t, f.call(t, "GET", "/v1/messages/"+idText, "", "X-API-Key: "+caller).Body.String(), &got)
		if got["scrubbed_at"] != "2026-01-02T04:04:05.000006Z" || got["body"] != "" || got["subject"] != nil || got["template_data"] != nil {
			t.Errorf("the %s sees %v", caller, got)
		}
		if got["metadata"] == nil || got["template_type"] != "login_code_valid" || got["to"] != number {
			t.Errorf("the %s misses what is kept: %v", caller, got)
		}
	}
}

func TestAPI_GetMessageRedacted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) {
		o.Keys = []httpapi.Key{key("reader", httpapi.ScopeRead), key("auditor", httpapi.ScopeReadBody)}
	})
	f.putAttempted(t)
	var redacted, whole map[string]any
	decode(t, f.call(t, "GET", "/v1/messages/"+idText, "", "X-API-Key: auditor").Body.String(), &whole)
	w := f.call(t, "GET", "/v1/messages/"+idText, "", "X-API-Key: reader")
	decode(t, w.Body.String(), &redacted)
	if strings.Contains(w.Body.String(), "123456") || redacted["body"] != "<redacted>" {
		t.Errorf("not redacted: %s", w.Body)
	}
	whole["body"], whole["subject"], whole["template_data"], whole["callback_url"] = "<redacted>", "<redacted>", nil, "<redacted>"
	if diff := cmp.Diff(whole, redacted); diff != "" {
		t.Errorf("redacted (-want +got):\n%s", diff)
	}
	if list := f.call(t, "GET", "/v1/messages", "", "X-API-Key: reader").Body.String(); strings.Contains(list, "123456") || !strings.Contains(list, "<redacted>") {
		t.Errorf("not redacted: %s", list)
	}
}

func TestAPI_GetMessageNotFound(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, path := range []string{"/v1/messages/" + idText, "/v1/messages/+12065550199", "/v1/messages/batch"} {
		w := f.call(t, "GET", path, "")
		wantProblem(t, w, courier.CodeNotFound, "", "no message has this id")
		if strings.Contains(w.Body.String(), "5550199") {
			t.Errorf("the answer quotes the path: %s", w.Body)
		}
	}
	wantProblem(t, f.callFor(t, "POST /v1/messages/"+idText+"/resolve"), courier.CodeNotFound, "", "no message has this id")
	for _, verb := range []string{"cancel", "retry"} {
		wantProblem(t, f.call(t, "POST", "/v1/messages/"+idText+"/"+verb, ""), courier.CodeNotFound, "", "no message has this id")
		wantProblem(t, f.call(t, "POST", "/v1/messages/x/"+verb, ""), courier.CodeNotFound, "", "no message has this id")
	}
}

func TestAPI_Cancel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.send(t).String()
	w := f.call(t, "POST", "/v1/messages/"+id+"/cancel", "")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"status":"canceled"`) || strings.Contains(w.Body.String(), "attempts") {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
	if w := f.call(t, "POST", "/v1/messages/"+id+"/cancel", ""); w.Code != http.StatusOK {
		t.Errorf("canceled again: got %d: %s", w.Code, w.Body)
	}
	wantProblem(t, f.call(t, "POST", "/v1/messages/"+id+"/retry", ""), courier.CodeIllegalTransition, "", "is canceled and cannot be retried")
	id = f.send(t).String()
	f.memory.attempt(t, courier.StatusSent, courier.Attempt{Gateway: "main", Outcome: courier.OutcomeAccepted})
	wantProblem(t, f.call(t, "POST", "/v1/messages/"+id+"/cancel", ""), courier.CodeIllegalTransition, "", "is sent and can no longer be canceled")
}

func TestAPI_GetMessageReceipts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.putAttempted(t)
	at := now().Add(time.Minute)
	_, err := f.memory.Receive(t.Context(), []courier.Receipt{
		{Gateway: "main", GatewayMessageID: "SM1", Status: courier.StatusDelivered, ReceivedAt: at},
		{Gateway: "main", GatewayMessageID: "SM2", Status: courier.StatusUndelivered, Class: courier.ClassThrottled, Code: "30001", Message: "queue overflow", At: now(), ReceivedAt: at},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := f.call(t, "GET", "/v1/messages/"+idText, "")
	var got struct {
		Status    courier.Status
		Receipts  json.RawMessage
		LastError struct{ Class, Code string } `json:"last_error"`
	}
	decode(t, w.Body.String(), &got)
	if got.Status != courier.StatusUndelivered || got.LastError.Class != "throttled" || got.LastError.Code != "30001" {
		t.Errorf("got %+v", got)
	}
	wantJSON(t, string(got.Receipts), `[
		{"gateway":"main","gateway_message_id":"SM1","status":"delivered","class":null,"advice":null,"code":null,"message":null,
		 "at":null,"received_at":"2026-01-02T03:05:05.000006Z"},
		{"gateway":"main","gateway_message_id":"SM2","status":"undelivered","class":"throttled","advice":"`+throttledAdvice+`","code":"30001",
		 "message":"queue overflow","at":"2026-01-02T03:04:05.000006Z","received_at":"2026-01-02T03:05:05.000006Z"}]`)
	d := parseDocument(t, f)
	var value any
	decode(t, w.Body.String(), &value)
	d.check(t, "receipts", d.Paths["/v1/messages/{id}"]["get"].Responses["200"].Content["application/json"].Schema, value)
	if list := f.call(t, "GET", "/v1/messages", "").Body.String(); strings.Contains(list, "receipts") {
		t.Errorf("a listing has receipts: %s", list)
	}
}

func TestAPI_Resolve(t *testing.T) {
	t.Parallel()
	for as, want := range map[string]struct {
		status  courier.Status
		gateway string
		woken   int
	}{
		"sent": {courier.StatusSent, "", 0}, "failed": {courier.StatusUndelivered, "", 0}, "resend": {courier.StatusQueued, "main", 1},
	} {
		f := newFixture(t, nil)
		id := f.send(t)
		f.memory.attempt(t, courier.StatusUnknown, courier.Attempt{Gateway: "main", Outcome: courier.OutcomeUnknown, Class: courier.ClassOutcomeUnknown})
		w := f.call(t, "POST", "/v1/messages/"+id.String()+"/resolve", `{"as":"`+as+`"}`)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"status":"`+string(want.status)+`"`) {
			t.Errorf("%s: got %d: %s", as, w.Code, w.Body)
		}
		asked := store.Resolve{ID: id, As: store.Resolution(as), Now: now(), Gateway: want.gateway}
		if diff := cmp.Diff(asked, f.memory.resolve); diff != "" || f.memory.woken != want.woken {
			t.Errorf("%s: woken %d times; resolve (-want +got):\n%s", as, f.memory.woken, diff)
		}
		if as != "resend" {
			w = f.call(t, "POST", "/v1/messages/"+id.String()+"/resolve", `{"as":"resend"}`)
			wantProblem(t, w, courier.CodeIllegalTransition, "", "is "+string(want.status)+" and cannot be resolved")
		}
	}
}

func TestAPI_ResolveRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	path := "/v1/messages/" + f.send(t).String() + "/resolve"
	wantProblem(t, f.call(t, "POST", path, ""), courier.CodeUnsupportedMedia, "header.Content-Type", "")
	wantProblem(t, f.call(t, "POST", path, `{}`), courier.CodeInvalidRequest, "body.as", "there are sent, failed, resend")
	wantProblem(t, f.call(t, "POST", path, `{"as":"delivered"}`), courier.CodeInvalidRequest, "body.as", "there are sent, failed, resend")
	wantProblem(t, f.call(t, "POST", path, `{"as":"sent"}`), courier.CodeIllegalTransition, "", "is queued and cannot be resolved")
}

// A message that its caller bound to a gateway stays with it.
func TestAPI_RetryOnlyGateway(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	m := &courier.Message{ID: courier.ID{0: 1, 15: 1}, Status: courier.StatusQueued, Channel: "sms", To: number, Body: "a", Gateway: "main", OnlyGateway: true, CreatedAt: now()}
	if _, err := f.memory.Store.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
		t.Fatal(err)
	}
	f.memory.attempt(t, courier.StatusRejected, failed())
	f.call(t, "POST", "/v1/messages/"+idText+"/retry", "")
	if got := f.memory.requeue; got.ID != m.ID || got.Gateway != "" {
		t.Errorf("requeue %+v", got)
	}
}

func TestAPI_Retry(t *testing.T) {
	t.Parallel()
	for body, expires := range map[string]time.Time{
		"": {}, "{}": {}, `{"ttl":"5m"}`: now().Add(5 * time.Minute), `{"ttl":null,"expires_at":null}`: {},
	} {
		f := newFixture(t, nil)
		id := f.send(t)
		f.memory.attempt(t, courier.StatusAbandoned, failed())
		w := f.call(t, "POST", "/v1/messages/"+id.String()+"/retry", body)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"status":"queued"`) {
			t.Errorf("%q: got %d: %s", body, w.Code, w.Body)
		}
		want := store.Requeue{ID: id, Now: now(), Gateway: "main", ExpiresAt: expires}
		if diff := cmp.Diff(want, f.memory.requeue); diff != "" {
			t.Errorf("%q: requeue (-want +got):\n%s", body, diff)
		}
		if f.memory.woken != 1 {
			t.Errorf("%q: the engine was woken %d times", body, f.memory.woken)
		}
	}
}

func TestAPI_RetryRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	path := "/v1/messages/" + f.send(t).String() + "/retry"
	wantProblem(t, f.call(t, "POST", path, `{"ttl":"soon"}`), courier.CodeInvalidRequest, "body.ttl", "not a duration")
	wantProblem(t, f.call(t, "POST", path, `{"ttl":5}`), courier.CodeInvalidRequest, "body.ttl", "quotes")
	wantProblem(t, f.call(t, "POST", path, `{"send_at":"x"}`), courier.CodeInvalidRequest, "body.send_at", "no field")
	wantProblem(t, f.call(t, "POST", path, `{}`, "Content-Type: text/plain"), courier.CodeUnsupportedMedia, "header.Content-Type", "")
	f.memory.err = fmt.Errorf("requeue message: %w", store.ErrScrubbed)
	wantProblem(t, f.call(t, "POST", path, ""), courier.CodeContentScrubbed, "", "send a new message")
	if f.memory.woken != 0 {
		t.Error("the engine was woken")
	}
}
