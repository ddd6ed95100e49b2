package inbox_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"courier/internal/inbox"
)

// waited asks for a code, and returns the status and the answer without its end of line.
func waited(t *testing.T, box http.Handler, query string, header ...string) string {
	t.Helper()
	answer := do(t, box, http.MethodGet, "/_inbox/code?"+query, "", header...)
	return strings.TrimSpace(fmt.Sprint(answer.Code, " ", answer.Body))
}

func TestInbox_Code(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := open(t, inbox.Options{})
		want := func(what, got, want string) {
			t.Helper()
			if !strings.HasPrefix(got, "404 ") && got != want || strings.HasPrefix(got, "404 ") && !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		const to = "to=%2B12065550101"
		began := time.Now()
		want("Nothing", waited(t, box, to), "no code for +12065550101 came within 30s: no message came at all")
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("the wait took %s", took)
		}
		// One that is still to come.
		go func() {
			time.Sleep(5 * time.Second) //nolint:forbidigo // fake time
			send(t, box, "+12065550102", "Your code is 999999", "")
			send(t, box, "+12065550101", "Hello", "")
			send(t, box, "+12065550101", "Your code is 123-456", "")
		}()
		want("Live", waited(t, box, to), "200 123456")
		want("Once", waited(t, box, to+"&timeout=1s"), "the last one came 1s ago, and a wait was given it; since=2s gives it again")
		want("Since", waited(t, box, to+"&since=5s"), "200 123456")
		want("SinceTime", waited(t, box, to+"&since="+time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)), "200 123456")
		want("TooOld", waited(t, box, to+"&since=500ms&timeout=0s"), "since=2s gives it again")
		want("Anybody", waited(t, box, "timeout=1s"), "a wait was given it")
		want("Other", waited(t, box, "to=12065550102&timeout=1s"), "200 999999")
		want("Foreign", waited(t, box, "to=12065550103&timeout=0s"), "3 messages came to others, the last to +12065550101")
		// Of two the newest counts, and the older is out of date.
		send(t, box, "+12065550101", "Your code is 111111", "")
		send(t, box, "+12065550101", "Your code is 222222", "")
		want("Newest", waited(t, box, "to=+12065550101"), "200 222222")
		want("OutOfDate", waited(t, box, to+"&timeout=0s"), "a wait was given it")
		send(t, box, "+12065550101", "No digits here", "")
		want("NoCode", waited(t, box, to+"&timeout=0s"), `the last message for it has no code in it: \"No digits here\"`)
		do(t, box, http.MethodPost, "/_inbox/gateway", "answers=fail", "Content-Type", form)
		send(t, box, "+12065550101", "Your code is 333333", "")
		want("Failed", waited(t, box, to+"&timeout=0s"), "the gateway answered 503 to the last message for it")
		do(t, box, http.MethodPost, "/_inbox/gateway", "answers=usual", "Content-Type", form)
		send(t, box, "+12065550101", "Your code is 444444", "")
		if got := waited(t, box, to, "Accept", "application/json"); !strings.Contains(got, `"code":"444444"`) || !strings.Contains(got, `"text":"Your code is 444444"`) {
			t.Errorf("as JSON: %s", got)
		}
		for _, query := range []string{"timeout=x", "timeout=-1s", "timeout=1h", "since=x"} {
			if got := waited(t, box, query); !strings.HasPrefix(got, "422 ") {
				t.Errorf("%s: %s", query, got)
			}
		}
	})
}

// TestInbox_RefusesForeignSites has a page elsewhere act and read: by a forged form, as a
// browser of today and one of old send it, and by what a page may load from anywhere.
func TestInbox_RefusesForeignSites(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{})
	send(t, box, "+12065550101", "Your code is 123456", "")
	for name, c := range map[string]struct {
		method, target string
		header         []string
		status         int
	}{
		"Form":         {"POST", "/_inbox/empty", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		"SameSite":     {"POST", "/_inbox/empty", []string{"Sec-Fetch-Site", "same-site"}, 403},
		"OldForm":      {"POST", "/_inbox/gateway", []string{"Origin", "http://evil.example"}, 403},
		"NullOrigin":   {"POST", "/_inbox/gateway", []string{"Origin", "null"}, 403},
		"OtherPort":    {"POST", "/_inbox/gateway", []string{"Origin", "http://127.0.0.1:4478"}, 403},
		"Delete":       {"DELETE", "/_inbox/messages", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"Image":        {"GET", "/_inbox/code", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		"LinkToCode":   {"GET", "/_inbox/code", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		"Fetch":        {"GET", "/_inbox/messages", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, 403},
		"Events":       {"GET", "/_inbox/events", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"Link":         {"GET", "/_inbox/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		"Own":          {"POST", "/_inbox/gateway", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:4479", "Content-Type", form}, 303},
		"OwnOld":       {"POST", "/_inbox/gateway", []string{"Origin", "http://127.0.0.1:4479", "Content-Type", form}, 303},
		"Curl":         {"POST", "/_inbox/gateway", []string{"Content-Type", form}, 303},
		"AddressTyped": {"GET", "/_inbox/messages", []string{"Sec-Fetch-Site", "none"}, 200},
	} {
		if got := do(t, box, c.method, c.target, "answers=usual", c.header...).Code; got != c.status {
			t.Errorf("%s: status %d, want %d", name, got, c.status)
		}
	}
	if box.Count() != 1 {
		t.Errorf("%d messages are kept", box.Count())
	}
	for _, host := range []string{"evil.example", "evil.example:4479"} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/_inbox/empty", nil)
		request.Host = host
		recorder := httptest.NewRecorder()
		if box.ServeHTTP(recorder, request); recorder.Code != http.StatusForbidden || box.Count() != 1 {
			t.Errorf("%s: status %d", host, recorder.Code)
		}
	}
}

func TestInbox_Gateway(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{Status: 202})
	set := func(body string) *httptest.ResponseRecorder {
		return do(t, box, http.MethodPost, "/_inbox/gateway", body, "Content-Type", form)
	}
	for answers, want := range map[string]int{"fail": 503, "throttle": 429, "refuse": 400, "usual": 202} {
		if got := set("at_to=%2B1206&answers=" + answers); got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/_inbox/?to=%2B1206" {
			t.Errorf("%s: %d to %q", answers, got.Code, got.Header().Get("Location"))
		}
		answer := send(t, box, "+12065550101", "x", "")
		if answer.Code != want || (answers == "throttle") != (answer.Header().Get("Retry-After") == "5") {
			t.Errorf("%s: status %d %v, want %d", answers, answer.Code, answer.Header(), want)
		}
	}
	for body, want := range map[string]string{"": "is missing", "answers=x": "none of usual, fail", "receipts=x": "none of delivered, undelivered"} {
		if got := set(body); got.Code != http.StatusUnprocessableEntity || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%q: %d %s", body, got.Code, got.Body)
		}
	}
	if got := set("answers=" + strings.Repeat("x", 1<<20)).Code; got < 400 {
		t.Errorf("a form of 1 MB: status %d", got)
	}
}
