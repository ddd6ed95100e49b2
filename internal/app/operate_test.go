package app_test

import (
	"net/http"
	"strings"
	"testing"

	"courier/internal/gateway/gatewaytest"
)

// TestApp_Operates pauses a gateway, cancels all that waits for it at once, changes the
// configuration, and finds who did that in the audit log.
func TestApp_Operates(t *testing.T) {
	t.Parallel()
	gateway, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	call := func(method, path, body, want string) {
		t.Helper()
		status, answer := c.call(t, method, path, body)
		if status >= http.StatusBadRequest || !strings.Contains(answer, want) {
			t.Fatalf("%s %s: %d %s, want %s", method, path, status, answer, want)
		}
	}
	call(http.MethodPost, "/v1/gateways/sms/pause", `{"reason":"a test"}`, `"state":"paused"`)
	c.send(t, "hello")
	c.send(t, "again")
	call(http.MethodGet, "/v1/gateways", "", `"reason":"a test"`)
	call(http.MethodPost, "/v1/messages/actions/count", `{"action":"cancel","filter":{"status":"queued"}}`, `"count":2`)
	call(http.MethodPost, "/v1/messages/actions", `{"action":"cancel","filter":{"status":"queued"}}`, `"status":"running"`)
	until(t, "the messages to be canceled", func() bool {
		_, answer := c.call(t, http.MethodGet, "/v1/actions", "")
		return strings.Contains(answer, `"status":"done"`) && strings.Contains(answer, `"changed":2`)
	})
	call(http.MethodPost, "/v1/gateways/sms/resume", "", `"state":"ok"`)
	c.send(t, "third")
	until(t, "the third message", func() bool { return len(gateway.Requests()) == 1 })
	c.write(t, "courier.yml", channel(c.dir, url)+settings(c.dir)+"messages: { max_segments: 3 }\n")
	until(t, "the entry of the configuration", func() bool {
		_, answer := c.call(t, http.MethodGet, "/v1/audit?action=configuration", "")
		return strings.Contains(answer, `"detail":"changed: messages"`)
	})
	for _, action := range []string{"gateway.pause", "gateway.resume", "action.start", "action.end"} {
		call(http.MethodGet, "/v1/audit?action="+action, "", `"who":"loopback"`)
	}
	call(http.MethodGet, "/v1/series", "", `"taken":3`)
}
