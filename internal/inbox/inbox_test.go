package inbox_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"courier/internal/inbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns an inbox that is closed at the end of the test.
func open(tb testing.TB, options inbox.Options) *inbox.Inbox {
	tb.Helper()
	box, err := inbox.New(options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(box.Close)
	return box
}

type listing struct {
	Messages []inbox.Message `json:"messages"`
}

// do sends a request to an inbox and returns the answer.
func do(t *testing.T, handler http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if strings.HasPrefix(target, "/_inbox/") {
		request.Host = "127.0.0.1:4479"
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func list(t *testing.T, handler http.Handler, query string) []inbox.Message {
	t.Helper()
	answer := do(t, handler, http.MethodGet, "/_inbox/messages"+query, "")
	if answer.Code != http.StatusOK {
		t.Fatalf("list: status %d", answer.Code)
	}
	var got listing
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatalf("list is not JSON: %v\n%s", err, answer.Body)
	}
	return got.Messages
}

func TestInbox_ServeHTTP(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	box := open(t, inbox.Options{NowFunc: func() time.Time { return now }})
	answer := do(t, box, http.MethodPut, "/any/path?x=1&y=%20", `{"to":"+12065550199","text":"code 1"}`, "Content-Type", "application/json")
	if answer.Code != http.StatusCreated || answer.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("answer is %d %v", answer.Code, answer.Header())
	}
	var given struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &given); err != nil || len(given.ID) != 36 {
		t.Fatalf("answer %q has no id: %v", answer.Body, err)
	}
	want := []inbox.Message{{
		ID: given.ID, Method: "PUT", Target: "/any/path?x=1&y=%20", Status: 201, ReceivedAt: now,
		Headers: http.Header{"Content-Type": {"application/json"}, "Host": {"example.com"}},
		Body:    `{"to":"+12065550199","text":"code 1"}`, To: "+12065550199", Text: "code 1",
	}}
	if diff := cmp.Diff(want, list(t, box, "")); diff != "" {
		t.Error(diff)
	}
}

func TestInbox_List(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{})
	if got := do(t, box, http.MethodGet, "/_inbox/messages", "").Body.String(); got != "{\"messages\":[]}\n" {
		t.Errorf("empty inbox lists %q", got)
	}
	for _, to := range []string{"+12065550101", "+12065550102", "ALICE", "+12065550101"} {
		do(t, box, http.MethodPost, "/", `{"to":"`+to+`","body":"hi"}`)
	}
	for query, want := range map[string]int{
		"": 4, "?to=%2B12065550101": 2, "?to=+12065550101": 2, "?to=12065550102": 1, "?to=alice": 1, "?to=%2B1999": 0,
	} {
		if got := list(t, box, query); len(got) != want {
			t.Errorf("%q lists %d messages, want %d", query, len(got), want)
		}
	}
	if answer := do(t, box, http.MethodDelete, "/_inbox/messages", ""); answer.Code != http.StatusNoContent {
		t.Errorf("delete: status %d", answer.Code)
	}
	if got := list(t, box, ""); len(got) != 0 || box.Count() != 0 {
		t.Errorf("%d messages after delete", len(got))
	}
}

func TestInbox_OwnInterface(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{Status: http.StatusTeapot})
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"POST", "/_inbox/messages", 405},
		{"GET", "/_inbox/nothing", 404},
		{"PUT", "/_inbox/gateway", 404},
		{"GET", "/_inbox/messages/none", 404},
		{"GET", "/_inbox", 418},
		{"GET", "/_inboxes/messages", 418},
	} {
		if got := do(t, box, c.method, c.target, "").Code; got != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.target, got, c.status)
		}
	}
	if got := len(list(t, box, "")); got != 2 {
		t.Errorf("%d messages were caught, want 2", got)
	}
}

// TestInbox_Page shows what was caught, escaped, and is no message itself.
func TestInbox_Page(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{})
	get := func(method, target, host string) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), method, target, nil)
		request.Host = host
		recorder := httptest.NewRecorder()
		box.ServeHTTP(recorder, request)
		return recorder
	}
	do(t, box, http.MethodPost, "/", `{"to":"+12065550101","body":"<script>alert(1)</script> first"}`)
	do(t, box, http.MethodPost, "/x", `{"to":"+12065550102","body":"second"}`)
	page := get(http.MethodGet, "/", "localhost:4479")
	text := page.Body.String()
	for _, target := range []string{"/", "/_inbox/", "/_inbox/messages", "/_inbox/assets/inbox.js", "/_inbox/none"} {
		header := get(http.MethodGet, target, "localhost:4479").Header()
		if policy := header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'") ||
			header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", target, header)
		}
	}
	if page.Code != http.StatusOK || !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") {
		t.Errorf("page: %d %v", page.Code, page.Header())
	}
	first, second := strings.Index(text, "&lt;script&gt;alert(1)&lt;/script&gt; first"), strings.Index(text, "second")
	if first < 0 || second < 0 || second > first || strings.Contains(text, "<script>") {
		t.Errorf("page:\n%s", text)
	}
	if box.Count() != 2 {
		t.Errorf("%d messages were counted, want 2", box.Count())
	}
	get(http.MethodGet, "/?to=%2B12065550103&text=by+query", "localhost")
	if box.Count() != 3 {
		t.Error("a message by GET was taken for a look at the page")
	}
}

// TestInbox_RefusesForeignHosts asks for codes by the name of another site.
func TestInbox_RefusesForeignHosts(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{})
	do(t, box, http.MethodPost, "/send", `{"to":"+12065550101","body":"code 123456"}`)
	for host, want := range map[string]int{
		"127.0.0.1:4479": 200, "[::1]:4479": 200, "::1": 200, "localhost": 200, "LOCALHOST:4479": 200, "": 200, "localhost.:4479": 200, "app.localhost": 200,
		"inbox:4479": 403, "attacker": 403,
		"192.0.2.7": 200, "evil.example": 403, "evil.example:4479": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
	} {
		for _, target := range []string{"/", "/_inbox/messages"} {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
			request.Host = host
			recorder := httptest.NewRecorder()
			box.ServeHTTP(recorder, request)
			if recorder.Code != want || want != 200 && strings.Contains(recorder.Body.String(), "123456") {
				t.Errorf("%s of %s: status %d, want %d", target, host, recorder.Code, want)
			}
		}
	}
	if box.Count() != 1 {
		t.Errorf("%d messages were counted, want 1", box.Count())
	}
}

// TestListen_AnswersToContainerNames asks an inbox that other machines can call, as
// the containers of a test do, by a name of one label.
func TestListen_AnswersToContainerNames(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]map[string]int{
		"127.0.0.1:0": {"inbox:4479": 403, "localhost": 200, "evil.example": 403},
		"localhost:0": {"inbox:4479": 403},
		"0.0.0.0:0":   {"inbox:4479": 200, "inbox": 200, "192.0.2.7": 200, "evil.example": 403},
	} {
		server, err := inbox.Listen(t.Context(), address, inbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for host, want := range want {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/_inbox/messages", nil)
			request.Host = host
			recorder := httptest.NewRecorder()
			server.ServeHTTP(recorder, request)
			if recorder.Code != want {
				t.Errorf("%s on %s: status %d, want %d", host, address, recorder.Code, want)
			}
		}
		if err := server.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestInbox_HidesCredentials(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{})
	do(t, box, http.MethodPost, "/", "x", "Authorization", "Basic dTpw", "Cookie", "sid=k1; lang=en")
	got := list(t, box, "")[0].Headers
	if got.Get("Authorization") != "Basic ***" || got.Get("Cookie") != "sid=***; lang=***" {
		t.Errorf("headers are %v", got)
	}
}

func TestInbox_Failures(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{FailRate: 1, RetryAfter: 1500 * time.Millisecond})
	answer := do(t, box, http.MethodPost, "/", "x")
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "2" {
		t.Errorf("answer is %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
	box = open(t, inbox.Options{Status: 429, RetryAfter: time.Minute})
	answer = do(t, box, http.MethodPost, "/", "x")
	if answer.Code != 429 || answer.Header().Get("Retry-After") != "60" || list(t, box, "")[0].Status != 429 {
		t.Errorf("answer is %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
}

func TestInbox_BoundsBody(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{})
	if got := do(t, box, http.MethodPost, "/", strings.Repeat("a", 10<<20)).Code; got != http.StatusCreated {
		t.Errorf("10 MiB: status %d", got)
	}
	if got := do(t, box, http.MethodPost, "/", strings.Repeat("a", 17<<20)).Code; got != http.StatusRequestEntityTooLarge {
		t.Errorf("17 MiB: status %d", got)
	}
	got := list(t, box, "")
	if len(got) != 1 || !got[0].Truncated || len(got[0].Body) != 1<<20 {
		t.Fatalf("%d messages are kept", len(got))
	}
}

func TestInbox_BoundsMemory(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{})
	for range 1010 {
		do(t, box, http.MethodPost, "/", "small")
	}
	if got := len(list(t, box, "")); got != 1000 || box.Count() != 1010 {
		t.Errorf("%d messages are kept of %d", got, box.Count())
	}
	for range 70 {
		do(t, box, http.MethodPost, "/", strings.Repeat("b", 1<<20))
	}
	if got := len(box.Messages()); got > 64 || got < 60 {
		t.Errorf("%d messages of 1 MiB are kept", got)
	}
}

func TestInbox_OnMessage(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	box := open(t, inbox.Options{OnMessageFunc: func(m inbox.Message) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, m.To+": "+m.Text)
	}})
	do(t, box, http.MethodPost, "/", "To=%2B12065550199&Body=Hello+you", "Content-Type", "application/x-www-form-urlencoded")
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"+12065550199: Hello you"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	server, err := inbox.Listen(t.Context(), "127.0.0.1:0", inbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/send", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Error(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	if err := server.WaitFor(t.Context(), 1); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := server.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := inbox.Listen(t.Context(), "256.0.0.1:0", inbox.Options{}); err == nil {
		t.Error("an impossible address is listened on")
	}
}

// TestServer_StopReleases checks that requests that hang do not hold up Stop.
func TestServer_StopReleases(t *testing.T) {
	t.Parallel()
	server, err := inbox.Listen(t.Context(), "127.0.0.1:0", inbox.Options{Hang: true})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		transport := &http.Transport{DisableKeepAlives: true}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL(), strings.NewReader("hello"))
		if err == nil {
			_, err = transport.RoundTrip(request) //nolint:bodyclose // there is no answer
		}
		ended <- err
	}()
	if err := server.WaitFor(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a request that hung was answered when the inbox stopped")
	}
}
