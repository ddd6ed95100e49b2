package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/client"
)

const idText = "0190163d-8694-739b-aea5-966c26f8ad91"

// seen is a request as the server got it.
type seen struct {
	Method, Target, Body string
	Header               http.Header
}

// serve answers every request with one answer and hands over what it got.
func serve(t *testing.T, status int, answer string) (*client.Client, <-chan seen) {
	t.Helper()
	requests := make(chan seen, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- seen{r.Method, r.URL.RequestURI(), string(body), r.Header}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return newClient(t, client.Options{BaseURL: server.URL, APIKey: "k-1", RetryFor: -1}), requests
}

func newClient(t *testing.T, options client.Options) *client.Client {
	t.Helper()
	c, err := client.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func messageID(t *testing.T) courier.ID {
	t.Helper()
	id, err := courier.ParseID(idText)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func wantJSON(t *testing.T, got, want string) {
	t.Helper()
	var gotValue, wantValue any
	if err := json.Unmarshal([]byte(got), &gotValue); err != nil {
		t.Fatalf("decode %q: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &wantValue); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantValue, gotValue); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestNew_RefusesBadOptions(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]client.Options{
		"NoScheme":  {BaseURL: "127.0.0.1:4478"},
		"OtherKind": {BaseURL: "ftp://host"},
		"NoHost":    {BaseURL: "http://"},
		"Control":   {BaseURL: "http://h\x7f"},
		"User":      {BaseURL: "http://u:p@host"}, //nolint:gosec // it is no account
		"Query":     {BaseURL: "http://host/?a=b"},
		"KeyBreak":  {APIKey: "a\nb"},
		"KeyUTF8":   {APIKey: "clé"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.New(options)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "u:p") {
				t.Errorf("error leaks the password: %v", err)
			}
		})
	}
}

func TestClient_Send(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusAccepted,
		`{"id":"`+idText+`","status":"queued","to":"+12065550199","created_at":"2026-01-02T03:04:05.000006Z","replayed":true,"later":1}`)
	message, err := c.Send(t.Context(), client.SendRequest{
		To: "+12065550199", Body: "Hi", From: "Shop", Channel: "sms", Subject: "s",
		TemplateType: "login_code_valid", TemplateData: json.RawMessage(`{"code":"123"}`),
		RequestHeaders: map[string][]string{"X-A": {"1"}}, Metadata: map[string]any{"order": 7},
		SendAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), TTL: 5 * time.Minute, IdempotencyKey: "key-1",
		Gateway: "b", CallbackURL: "https://example.com/status",
		Lane: courier.LaneOTP, SupersedeKey: new(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &client.Message{ID: messageID(t), Status: courier.StatusQueued, To: "+12065550199", Replayed: true}
	want.CreatedAt = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	if diff := cmp.Diff(want, message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	request := <-requests
	if request.Method != http.MethodPost || request.Target != "/v1/messages" {
		t.Errorf("got %s %s", request.Method, request.Target)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer k-1", "Idempotency-Key": "key-1",
		"Content-Type": "application/json", "User-Agent": "courier-client",
	} {
		if got := request.Header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	wantJSON(t, request.Body, `{"to":"+12065550199","body":"Hi","from":"Shop","channel":"sms","subject":"s",
		"template_type":"login_code_valid","template_data":{"code":"123"},"request_headers":{"X-A":["1"]},
		"metadata":{"order":7},"gateway":"b","callback_url":"https://example.com/status","lane":"otp","supersede_key":"","send_at":"2026-01-01T00:00:00Z","ttl":"5m0s"}`)
}

func TestClient_SendBatch(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusAccepted, `{"results":[
		{"index":0,"id":"`+idText+`","status":"queued","to":"+12065550199","replayed":true},
		{"index":1,"error":{"code":"invalid_recipient","detail":"too short","field":"to"}}]}`)
	results, err := c.SendBatch(t.Context(), []client.SendRequest{
		{To: "+12065550199", Body: "a", IdempotencyKey: "k"}, {To: "+1", Body: "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Err() != nil || results[0].ID != messageID(t) || !results[0].Replayed {
		t.Errorf("first result: %+v", results[0])
	}
	if err := results[1].Err(); courier.CodeOf(err) != courier.CodeInvalidRecipient || err.Error() != "to: too short" {
		t.Errorf("second result: %v", err)
	}
	wantJSON(t, (<-requests).Body, `{"messages":[{"to":"+12065550199","body":"a","idempotency_key":"k"},{"to":"+1","body":"b"}]}`)
}

func TestClient_SendBatch_ChecksSizes(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusAccepted, `{"results":[{"index":1}]}`)
	if results, err := c.SendBatch(t.Context(), nil); results != nil || err != nil {
		t.Errorf("empty batch: %v, %v", results, err)
	}
	if _, err := c.SendBatch(t.Context(), make([]client.SendRequest, client.MaxBatch+1)); err == nil {
		t.Error("a batch that is too large was sent")
	}
	if len(requests) != 0 {
		t.Error("a request was made")
	}
	for _, count := range []int{1, 2} {
		if _, err := c.SendBatch(t.Context(), make([]client.SendRequest, count)); err == nil {
			t.Errorf("wrong results for %d messages were believed", count)
		}
	}
}

func TestClient_Message(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusOK, `{"id":"`+idText+`","status":"abandoned","to":"+12065550199","send_count":1,
		"last_error":{"class":"gateway_error","advice":"Wait.","code":"9","message":"down","http_status":500},
		"attempts":[{"number":1,"gateway":"sms","outcome":"retry","class":"gateway_error","advice":"Wait.","code":"9","message":"down",
		"http_status":500,"excerpt":"oops","warning":"odd","started_at":"2026-01-02T03:04:05Z","duration":"12ms"}],
		"receipts":[{"gateway":"sms","gateway_message_id":"SM1","status":"undelivered","class":"barred","advice":"Look.","code":"30006","message":"blocked",
		"at":null,"received_at":"2026-01-02T03:04:06Z"}],
		"body":"","scrubbed_at":"2026-01-03T03:04:05Z"}`)
	message, err := c.Message(t.Context(), messageID(t))
	if err != nil {
		t.Fatal(err)
	}
	fault := client.Fault{Class: courier.ClassGatewayError, Advice: "Wait.", Code: "9", Message: "down", HTTPStatus: 500}
	want := &client.Message{ID: messageID(t), Status: courier.StatusAbandoned, To: "+12065550199"}
	want.SendCount, want.LastError = 1, &fault
	want.ScrubbedAt = time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC)
	want.Attempts = []client.Attempt{{
		Number: 1, Gateway: "sms", Outcome: courier.OutcomeRetry, Fault: fault, Excerpt: "oops", Warning: "odd",
		StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Duration: "12ms",
	}}
	want.Receipts = []client.Receipt{{
		Gateway: "sms", GatewayMessageID: "SM1", Status: courier.StatusUndelivered, Class: courier.ClassBarred, Advice: "Look.", Code: "30006", Message: "blocked",
		ReceivedAt: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
	}}
	if diff := cmp.Diff(want, message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if request := <-requests; request.Method+request.Target != "GET/v1/messages/"+idText || request.Body != "" {
		t.Errorf("got %+v", request)
	}
}

func TestClient_Messages(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusOK, `{"messages":[{"id":"`+idText+`","status":"sent","to":"x"}],"next_page_token":"n"}`)
	page, err := c.Messages(t.Context(), client.ListQuery{
		Status: courier.StatusSent, To: "+1206", Gateway: "sms", PageSize: 2, PageToken: "p",
		Class: courier.ClassBarred, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Until: time.Date(2026, 1, 3, 0, 0, 0, 5e8, time.FixedZone("", 3600)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Messages) != 1 || page.NextPageToken != "n" {
		t.Errorf("page: %+v", page)
	}
	if target := (<-requests).Target; target != "/v1/messages?class=barred&gateway=sms&page_size=2&page_token=p&since=2026-01-02T03%3A04%3A05Z"+
		"&status=sent&to=%2B1206&until=2026-01-02T23%3A00%3A00.5Z" {
		t.Errorf("target: %s", target)
	}
	if _, err := c.Messages(t.Context(), client.ListQuery{}); err != nil {
		t.Fatal(err)
	}
	if target := (<-requests).Target; target != "/v1/messages" {
		t.Errorf("target of all: %s", target)
	}
}

func TestClient_CancelRetryResolve(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusOK, `{"id":"`+idText+`","status":"queued","to":"x"}`)
	if _, err := c.Cancel(t.Context(), messageID(t)); err != nil {
		t.Error(err)
	}
	if _, err := c.Retry(t.Context(), messageID(t)); err != nil {
		t.Error(err)
	}
	if _, err := c.Resolve(t.Context(), messageID(t), client.ResolveSent); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"cancel", "retry", `resolve{"as":"sent"}`} {
		if request := <-requests; request.Method+request.Target+request.Body != "POST/v1/messages/"+idText+"/"+want {
			t.Errorf("%s: got %s %s %s", want, request.Method, request.Target, request.Body)
		}
	}
}

func TestClient_ReadyAndVersion(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusOK, `{"version":"v1.2.3"}`)
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if version, err := c.Version(t.Context()); version != "v1.2.3" || err != nil {
		t.Errorf("version %q, %v", version, err)
	}
	if first, second := <-requests, <-requests; first.Target != "/health/ready" || second.Target != "/version" {
		t.Errorf("targets %s, %s", first.Target, second.Target)
	}
}

func TestClient_KeepsPathPrefix(t *testing.T) {
	t.Parallel()
	targets := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { targets <- r.URL.Path }))
	t.Cleanup(server.Close)
	if err := newClient(t, client.Options{BaseURL: server.URL + "/courier/"}).Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if target := <-targets; target != "/courier/health/ready" {
		t.Errorf("target %s", target)
	}
}
