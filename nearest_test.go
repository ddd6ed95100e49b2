package courier_test

import (
	"strings"
	"testing"

	"courier"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"url", "method", "body", "headers", "header", "auth", "message_retries", "basic_auth", "send_at"}
	for word, want := range map[string]string{
		"urll": "url", "hedaers": "headers", "Method": "method", "mehtod": "method", "retries": "message_retries", "sendAt": "send_at",
		"basic": "basic_auth", "bodytemplate": "body", "timeout": "", "x": "", "": "", "zzz": "", "messageretries": "message_retries",
		"éuth": "auth", "ur": "url", strings.Repeat("u", 65): "",
	} {
		if got := courier.Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
