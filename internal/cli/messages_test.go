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
