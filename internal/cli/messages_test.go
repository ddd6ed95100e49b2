package cli

import (
	"strings"
	"testing"
	"time"

	"courier"
	"courier/client"
)

// TestPrintMessage_Scrubbed prints when the content was deleted, and no empty body.
func TestPrintMessage_Scrubbed(t *testing.T) {
	t.Parallel()
	message := &client.Message{Status: courier.StatusAbandoned, To: "+12065550199"}
	var before, after strings.Builder
	if err := printMessage(&before, formatTable, message); err != nil {
		t.Fatal(err)
	}
	message.ScrubbedAt = time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC)
	if err := printMessage(&after, formatTable, message); err != nil {
		t.Fatal(err)
	}
	added, found := strings.CutPrefix(after.String(), before.String())
	if !found || !strings.HasPrefix(added, "scrubbed") || !strings.Contains(added, "2026-01-03") {
		t.Errorf("got %q, want %q and when it was scrubbed", after.String(), before.String())
	}
	if strings.Contains(after.String(), "body") {
		t.Errorf("there is a body: %q", after.String())
	}
}

// TestPrintMessage_Webhooks prints what applications were told, and nothing that a terminal obeys.
func TestPrintMessage_Webhooks(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := printMessage(&out, formatTable, &client.Message{Delivery: client.Delivery{Webhooks: []client.Webhook{
		{Webhook: "shop", Host: "shop.example", Event: "message.sent", State: client.WebhookWaiting, Tries: 3, Fault: "it answered 500 \x1b[31m\u202e"},
	}}})
	rows := strings.Fields(out.String()[strings.Index(out.String(), "WEBHOOK"):])
	if want := "WEBHOOK HOST EVENT STATE TRIES shop shop.example message.sent waiting 3"; err != nil || !strings.HasPrefix(strings.Join(rows, " "), want) {
		t.Errorf("got %q, %v", out.String(), err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u202e") || !strings.Contains(out.String(), "it answered 500") {
		t.Errorf("got %q", out.String())
	}
}
