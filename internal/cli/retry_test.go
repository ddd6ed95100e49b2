package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// failedMessages is a server with messages that failed, in pages of two.
type failedMessages struct {
	*httptest.Server
	mutex    sync.Mutex
	messages []map[string]any
	retried  []string
}

func newFailedMessages(t *testing.T) *failedMessages {
	t.Helper()
	f := &failedMessages{}
	add := func(status, class string, age time.Duration, more ...string) {
		m := map[string]any{
			"id": fmt.Sprintf("0190163d-8694-739b-aea5-%012d", len(f.messages)), "status": status, "to": "+12065550199",
			"gateway": "sms", "created_at": time.Now().Add(-age), "last_error": map[string]any{"class": class, "message": "it failed"},
		}
		for _, key := range more {
			m[key] = time.Now()
		}
		f.messages = append(f.messages, m)
	}
	add("rejected", "unauthorized", time.Minute)
	add("rejected", "barred", 2*time.Minute)
	add("rejected", "unauthorized", 3*time.Minute, "scrubbed_at")
	add("rejected", "unauthorized", 4*time.Minute, "busy")
	add("abandoned", "timeout", 5*time.Minute)
	add("unknown", "outcome_unknown", 6*time.Minute)
	add("rejected", "unauthorized", 3*time.Hour)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/messages", f.list)
	mux.HandleFunc("POST /v1/messages/{id}/retry", f.retry)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *failedMessages) list(w http.ResponseWriter, r *http.Request) {
	var matching []map[string]any
	for _, m := range f.messages {
		query := r.URL.Query()
		fault, _ := m["last_error"].(map[string]any)
		created, _ := m["created_at"].(time.Time)
		since, _ := time.Parse(time.RFC3339Nano, query.Get("since"))
		if m["status"] == query.Get("status") && (query.Get("class") == "" || fault["class"] == query.Get("class")) && created.After(since) {
			matching = append(matching, m)
		}
	}
	start := 0
	_, _ = fmt.Sscan(r.URL.Query().Get("page_token"), &start)
	page := map[string]any{"messages": matching[start:min(start+2, len(matching))]}
	if start+2 < len(matching) {
		page["next_page_token"] = fmt.Sprint(start + 2)
	}
	answer(w, http.StatusOK, page)
}

func (f *failedMessages) retry(w http.ResponseWriter, r *http.Request) {
	for _, m := range f.messages {
		if m["id"] != r.PathValue("id") {
			continue
		}
		if m["busy"] != nil {
			answerProblem(w, http.StatusConflict, "illegal_transition", "the message is queued")
			return
		}
		f.mutex.Lock()
		f.retried = append(f.retried, r.PathValue("id")[35:])
		f.mutex.Unlock()
		answer(w, http.StatusOK, m)
	}
}

func TestMessagesRetry_ByFilter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args    string
		code    int
		retried int
		stdout  string
		stderr  string
	}{
		"Class":   {"--status rejected --class barred", 0, 1, "1 messages: 1 queued again, 0 refused\n", "1 messages are selected\n"},
		"Since":   {"--since 90s", 0, 1, "1 messages: 1 queued again, 0 refused\n", "1 messages are selected\n"},
		"Refused": {"--status rejected --class unauthorized", 1, 2, "3 messages: 2 queued again, 1 refused\n", "1 more have no content any more"},
		"All":     {"--gateway sms", 1, 4, "5 messages: 4 queued again, 1 refused\n", "the message is queued"},
		"Unknown": {"--status unknown", 0, 1, "1 messages: 1 queued again, 0 refused\n", "1 messages are selected\n"},
		"JSON":    {"--status abandoned --format json", 0, 1, `"retried": 1`, "1 messages are selected\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newFailedMessages(t)
			args := append([]string{"messages", "retry", "--yes"}, strings.Fields(test.args)...)
			got := runCommand(t, map[string]string{"COURIER_SERVER": server.URL}, "", args...)
			wantResult(t, got, test.code, test.stdout, test.stderr)
			if len(server.retried) != test.retried {
				t.Errorf("retried %v, want %d", server.retried, test.retried)
			}
		})
	}
}

func TestMessagesRetry_AsksFirst(t *testing.T) {
	t.Parallel()
	server := newFailedMessages(t)
	got := runCommand(t, map[string]string{"COURIER_SERVER": server.URL}, "y\n", "messages", "retry", "--status", "rejected")
	wantResult(t, got, ExitUsage, "", "add --yes")
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, "n\n": false, "\n": false, "": false} {
		if confirmed(t.Context(), &strings.Builder{}, strings.NewReader(answer), "Sure?") != want {
			t.Errorf("%q is taken for %v", answer, !want)
		}
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	silent, answers := io.Pipe()
	if confirmed(interrupted, &strings.Builder{}, silent, "Sure?") {
		t.Error("an interrupt is taken for a yes")
	}
	if err := answers.Close(); err != nil {
		t.Error(err)
	}
	if len(server.retried) != 0 {
		t.Errorf("retried %v", server.retried)
	}
}

// TestMessages_TablesFitTerminal measures every line of the tables, with errors and without.
func TestMessages_TablesFitTerminal(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	long := strings.Repeat("the gateway says so ", 30)
	message := map[string]any{
		"id": "0190163d-8694-739b-aea5-966c26f8ad91", "status": "undelivered", "to": "+12065550199", "gateway": "a-gateway-with-a-long-name",
		"body": long, "send_count": 3, "created_at": time.Now(), "last_error": map[string]any{"class": "gateway_error", "message": long},
		"attempts": []any{map[string]any{
			"number": 1, "gateway": "a-gateway-with-a-long-name", "outcome": "gateway_down", "class": "gateway_error", "message": long,
			"http_status": 503, "excerpt": `{"error":"maintenance until four"}`, "started_at": time.Now(), "duration": "123.456789ms",
		}},
	}
	server.fail = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/v1/messages":
			answer(w, http.StatusOK, map[string]any{"messages": []any{message, map[string]any{"id": message["id"], "status": "sent", "to": "x"}}})
		case "/v1/nodes":
			answer(w, http.StatusOK, map[string]any{"nodes": []any{map[string]any{
				"name": strings.Repeat("n", 30), "host": strings.Repeat("h", 30), "alive": true, "gateways": []string{strings.Repeat("g", 30)},
			}}})
		default:
			answer(w, http.StatusOK, message)
		}
		return true
	}
	for _, command := range []string{"messages list", "messages get 0190163d-8694-739b-aea5-966c26f8ad91", "nodes"} {
		got := server.run(t, "", strings.Fields(command)...)
		for line := range strings.SplitSeq(got.stdout, "\n") {
			if len([]rune(line)) > defaultWidth || strings.HasSuffix(line, " ") {
				t.Errorf("%s: a line of %d characters: %q", command, len(line), line)
			}
		}
		if got.code != ExitDone || got.stdout == "" {
			t.Errorf("%s: %+v", command, got)
		}
		if command[:4] == "mess" && !strings.Contains(got.stdout, "gateway_error: the gateway says so") {
			t.Errorf("%s does not tell the error:\n%s", command, got.stdout)
		}
		if strings.Contains(command, " get ") && !strings.Contains(got.stdout, `    excerpt of the answer: {"error":"maintenance until four"}`) {
			t.Errorf("%s does not tell the excerpt:\n%s", command, got.stdout)
		}
	}
}
