package dispatch_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
)

// logBuffer keeps the log of an engine.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements io.Writer.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// String returns the log so far.
func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func (b *logBuffer) install(o *dispatch.Options) { o.Logger = slog.New(slog.NewJSONHandler(b, nil)) }

// lines returns the lines with a message.
func (b *logBuffer) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(b.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["msg"] == message {
			found = append(found, fields)
		}
	}
	return found
}

func TestEngine_LogsEachAttemptOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		m := newMessage(func(m *courier.Message) {
			m.To = number(99)
			m.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		})
		run(t, newGateway("sms", answer(accepted())), m, time.Second, log.install)
		lines := log.lines(t, "attempt")
		if len(lines) != 1 {
			t.Fatalf("%d lines, want 1: %s", len(lines), log)
		}
		want := map[string]any{
			"level": "INFO", "message_id": m.ID.String(), "channel": "sms", "gateway": "sms", "to": "+1206•••0199",
			"attempt": 1.0, "outcome": "accepted", "http_status": 201.0, "next_status": "sent",
			"trace_id": "0af7651916cd43dd8448eb211c80319c",
		}
		for key, value := range want {
			if lines[0][key] != value {
				t.Errorf("%s is %v, want %v", key, lines[0][key], value)
			}
		}
		for _, key := range []string{"duration", "queue_time"} {
			if _, ok := lines[0][key]; !ok {
				t.Errorf("%s is missing", key)
			}
		}
	})
}

func TestEngine_LogsFailuresAsWarningsWithoutSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		bad := failing()
		bad.Code, bad.Message = "20500", "the gateway answered 500"
		m := newMessage()
		run(t, newGateway("sms", answer(bad)), m, time.Millisecond, log.install)
		lines := log.lines(t, "attempt")
		if len(lines) != 1 {
			t.Fatalf("%d lines, want 1: %s", len(lines), log)
		}
		want := map[string]any{
			"level": "WARN", "outcome": "retry", "class": "gateway_error", "code": "20500", "http_status": 500.0,
			"error": "the gateway answered 500", "next_status": "queued",
		}
		for key, value := range want {
			if lines[0][key] != value {
				t.Errorf("%s is %v, want %v", key, lines[0][key], value)
			}
		}
		if lines[0]["next_attempt_at"] == nil {
			t.Error("next_attempt_at is missing")
		}
		if text := log.String(); strings.Contains(text, m.To) || strings.Contains(text, "123456") {
			t.Errorf("the log has the recipient or the body: %s", text)
		}
	})
}
