package cli

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/action"
	"courier/internal/httpapi"
	"courier/internal/store"
	"courier/internal/store/memory"
)

// operated is a courier's HTTP interface over messages in many statuses, in memory. What is
// done to all messages of a filter is carried out once it runs.
type operated struct {
	*httptest.Server

	store  *memory.Store
	runner *action.Runner
	// seen is called for the path of each request before it is answered.
	seen func(path string)
}

type operatedIntake struct{ httpapi.Intake }

func (operatedIntake) Recipient(text string) (string, error) { return text, nil }
func (operatedIntake) Gateway(channel string) (string, error) {
	if channel == "gone" {
		return "", &courier.Error{Code: courier.CodeUnknownChannel, Message: "no such channel"}
	}
	return "sms", nil
}

type operatedEngine struct{ *memory.Store }

func (operatedEngine) Wake() {}

func newOperated(t *testing.T) *operated {
	t.Helper()
	o := &operated{store: memory.New(memory.Options{}), seen: func(string) {}}
	o.runner = action.New(action.Options{Store: o.store, Node: "n", GatewayFunc: operatedIntake{}.Gateway, WakeFunc: func() {}, NowFunc: time.Now})
	api, err := httpapi.New(httpapi.Options{
		Intake: operatedIntake{}, Engine: operatedEngine{o.store}, Store: o.store, Operation: httpapi.Operation{WakeActionsFunc: o.runner.Wake},
	})
	if err != nil {
		t.Fatal(err)
	}
	admin := api.Admin()
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.seen(r.URL.Path)
		admin.ServeHTTP(w, r)
	}))
	t.Cleanup(o.Close)
	for i, m := range []struct {
		status courier.Status
		class  courier.Class
		age    time.Duration
	}{
		{courier.StatusRejected, courier.ClassUnauthorized, time.Minute},
		{courier.StatusRejected, courier.ClassBarred, 2 * time.Minute},
		{courier.StatusRejected, courier.ClassUnauthorized, 3 * time.Minute},
		{courier.StatusRejected, courier.ClassUnauthorized, 3 * time.Hour},
		{courier.StatusAbandoned, courier.ClassTimeout, 5 * time.Minute},
		{courier.StatusUnknown, courier.ClassOutcomeUnknown, 6 * time.Minute},
		{courier.StatusUnknown, courier.ClassOutcomeUnknown, 7 * time.Minute},
		{courier.StatusQueued, courier.ClassTimeout, 8 * time.Minute},
	} {
		o.put(t, i, m.status, m.class, time.Now().Add(-m.age))
	}
	if count, err := o.store.Scrub(t.Context(), store.Sweep{Before: time.Now().Add(-time.Hour), Now: time.Now(), Limit: 9}); err != nil || count != 1 {
		t.Fatalf("took the content out of %d messages, %v", count, err)
	}
	return o
}

// put stores a message that ended. No gateway has the channel of one that was abandoned.
func (o *operated) put(t *testing.T, i int, status courier.Status, class courier.Class, at time.Time) {
	t.Helper()
	m := &courier.Message{
		ID: store.FirstID(at), Status: courier.StatusProcessing, Channel: "sms", To: "+12065550199", Gateway: "sms", CreatedAt: at,
		Lease: courier.Lease{Node: "n", Until: time.Now().Add(time.Minute)},
	}
	m.ID[15] = byte(i) //nolint:gosec // a few
	if status == courier.StatusAbandoned {
		m.Channel = "gone"
	}
	stored, err := o.store.Enqueue(t.Context(), []*courier.Message{m})
	if err == nil {
		outcome, _ := class.Verdict()
		_, err = o.store.Settle(t.Context(), []store.Settlement{{
			ID: m.ID, Token: stored[0].Message.Lease.Token, Status: status, At: at,
			Attempt: &courier.Attempt{Number: 1, Gateway: "sms", Outcome: outcome, Class: class, StartedAt: at},
		}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// runs carries out actions until the test ends.
func (o *operated) runs(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); o.runner.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
}

func (o *operated) run(t *testing.T, command string) result {
	t.Helper()
	return runCommand(t, map[string]string{"COURIER_SERVER": o.URL}, "y\n", strings.Fields(command)...)
}

// in returns how many messages are in a status.
func (o *operated) in(t *testing.T, status courier.Status) int {
	t.Helper()
	page, err := o.store.Messages(t.Context(), store.Query{Status: status, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Messages)
}

func TestMessages_ByFilter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command string
		code    int
		// becomes is the status that changed ones have, there how many have it then.
		becomes        courier.Status
		there          int
		stdout, stderr string
	}{
		"RetryClass":     {"retry --status rejected --class barred", 0, courier.StatusQueued, 2, "1 message: 1 queued again, 0 skipped\n", "1 message is selected\n"},
		"RetrySince":     {"retry --since 150s", 0, courier.StatusQueued, 3, "2 messages: 2 queued again, 0 skipped\n", "2 messages are selected\n"},
		"RetryScrubbed":  {"retry --status rejected", 1, courier.StatusQueued, 4, "4 messages: 3 queued again, 1 skipped\n", "1 of 4 messages could not be changed"},
		"RetryNotKnown":  {"retry --gateway sms --since 150s", 0, courier.StatusUnknown, 2, "2 messages: 2 queued again", "2 messages are selected\n"},
		"RetryUnknown":   {"retry --status unknown", 0, courier.StatusUnknown, 0, "2 messages: 2 queued again, 0 skipped\n", "2 messages are selected\n"},
		"RetryFails":     {"retry --status abandoned", 1, courier.StatusAbandoned, 1, "0 messages: 0 queued again, 0 skipped\n", "failed: no such channel"},
		"RetryNone":      {"retry --status expired", 0, courier.StatusQueued, 1, "0 messages: 0 queued again, 0 skipped\n", "0 messages are selected\n"},
		"RetryJSON":      {"retry --class barred --format json", 0, courier.StatusQueued, 2, `"changed": 1,`, "1 message is selected\n"},
		"CancelQueued":   {"cancel --to +12065550199", 0, courier.StatusCanceled, 1, "1 message: 1 canceled, 0 skipped\n", "1 message is selected\n"},
		"CancelUnknown":  {"cancel --status unknown", 0, courier.StatusCanceled, 2, "2 messages: 2 canceled, 0 skipped\n", "2 messages are selected\n"},
		"Resolve":        {"resolve --until 390s --as sent", 0, courier.StatusSent, 1, "1 message: 1 resolved, 0 skipped\n", "1 message is selected\n"},
		"ResolveNothing": {"resolve --as sent", ExitUsage, courier.StatusSent, 0, "", "give an id, or flags such as --status"},
		"ResolveNotAs":   {"resolve --status unknown", ExitUsage, courier.StatusSent, 0, "", `read --as: "" is none of sent`},
		"CancelRejected": {"cancel --status rejected", ExitUsage, courier.StatusCanceled, 0, "", `"rejected" is none of queued, unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOperated(t)
			o.runs(t)
			wantResult(t, o.run(t, "messages "+test.command+" --yes"), test.code, test.stdout, test.stderr)
			if got := o.in(t, test.becomes); got != test.there {
				t.Errorf("%d messages are %s, want %d", got, test.becomes, test.there)
			}
		})
	}
}

// TestMessages_Interrupted leaves what began to the courier, and says how to stop it.
func TestMessages_Interrupted(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	retry := func(when string) (code int, told string) {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		o.seen = func(path string) {
			if path == when || (when == "" && strings.HasPrefix(path, "/v1/actions/")) {
				interrupt()
			}
		}
		var stdout, stderr strings.Builder
		code = Run(ctx, Process{
			Args:   []string{"messages", "retry", "--status", "rejected", "--yes", "--server", o.URL, "--reason", "the key is right again"},
			Stdout: &stdout, Stderr: &stderr,
		})
		o.seen = func(string) {}
		return code, stdout.String() + stderr.String()
	}
	if code, told := retry("/v1/messages/actions"); code != ExitFailed || !strings.HasSuffix(told, "error: interrupted at the start; courier actions list shows whether it began\n") {
		t.Errorf("at the start: %d %q", code, told)
	}
	code, told := retry("")
	found := regexp.MustCompile("error: interrupted; the courier goes on with it: see how far it is with `courier (actions get (\\S+))`, stop it with `courier (actions stop \\S+)`\n$").FindStringSubmatch(told)
	if code != ExitFailed || found == nil {
		t.Fatalf("while it runs: %d %q", code, told)
	}
	wantResult(t, o.run(t, found[1]), ExitDone, "running", "")
	wantResult(t, o.run(t, found[3]), ExitDone, "stopped", "")
	wantResult(t, o.run(t, "actions get nonsense"), ExitUsage, "", "see courier actions list")
	wantResult(t, o.run(t, "actions list"), ExitDone, "the key is right again", "")
	wantResult(t, o.run(t, "messages retry --status rejected --yes --no-wait --format json"), ExitDone, `"status": "running"`, "4 messages are selected\n")
	o.seen = func(path string) {
		if id, is := strings.CutPrefix(path, "/v1/actions/"); is {
			parsed, err := courier.ParseID(id)
			if _, stopping := o.store.StopAction(t.Context(), parsed, time.Now()); err != nil || stopping != nil {
				t.Errorf("stop %s: %v, %v", id, err, stopping)
			}
		}
	}
	wantResult(t, o.run(t, "messages retry --status rejected --yes"), ExitFailed, "0 messages: 0 queued again", "was stopped before its end")
	if got := o.in(t, courier.StatusRejected); got != 4 {
		t.Errorf("%d messages are left, want 4", got)
	}
}

func TestMessages_AskFirst(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	for _, command := range []string{"retry --status rejected", "cancel --status queued", "resolve --status unknown --as sent"} {
		wantResult(t, o.run(t, "messages "+command), ExitUsage, "", "add --yes")
	}
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
	if actions, err := o.store.Actions(t.Context(), 1); err != nil || len(actions) > 0 {
		t.Errorf("began %+v, %v", actions, err)
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
