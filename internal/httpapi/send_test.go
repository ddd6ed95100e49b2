package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"courier"
)

const idText = "01000000-0000-0000-0000-000000000001"

func TestAPI_Send(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	w := f.call(t, "POST", "/v1/messages", ` {
		"to": "`+number+`", "body": "caf\u00e9 \ud83d\ude00 \"<&>\"", "from": "Shop", "channel": "sms", "subject": "s",
		"template_type": "login_code_valid", "template_data": {"a": [1, {"b": "}"}], "c": 1e400}, "request_headers": {"A": ["b"]},
		"metadata": {"order": 7}, "send_at": "2026-01-02T04:00:00Z", "ttl": "5m", "expires_at": null, "type": 2 } `,
		"Content-Type: application/json; charset=UTF-8", "Idempotency-Key: k-1")
	if w.Code != http.StatusAccepted || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v: %s", w.Code, w.Header(), w.Body)
	}
	wantJSON(t, w.Body.String(), `{"id":"`+idText+`","status":"queued","to":"`+number+`","created_at":"2026-01-02T03:04:05.000006Z"}`)
	want := courier.Draft{
		To: number, Body: `café 😀 "<&>"`, From: "Shop", Channel: "sms", Subject: "s", TemplateType: "login_code_valid",
		TemplateData: []byte(`{"a": [1, {"b": "}"}], "c": 1e400}`), RequestHeaders: []byte(`{"A": ["b"]}`), Metadata: []byte(`{"order": 7}`),
		Lifetime: courier.Lifetime{SendAt: "2026-01-02T04:00:00Z", TTL: "5m"}, IdempotencyKey: "k-1",
	}
	if diff := cmp.Diff(want, f.judge.draft); diff != "" {
		t.Errorf("draft (-want +got):\n%s", diff)
	}
	if f.memory.count() != 1 {
		t.Errorf("%d messages were stored", f.memory.count())
	}
}
