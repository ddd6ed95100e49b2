package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
	"courier/internal/store/memory"
	"courier/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostile is a text that a stranger may send.
const hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.exe\x1b[31m\x00"

// intake takes what is a number.
type intake struct{ httpapi.Intake }

func (intake) Accept(d courier.Draft) (*courier.Message, error) {
	return &courier.Message{ID: courier.ID{1}, Status: courier.StatusQueued, Channel: "sms", To: d.To, Body: d.Body, Gateway: d.Gateway}, nil
}
func (intake) Recipient(text string) (string, error) { return text, nil }
func (intake) Gateway(string) (string, error)        { return "main", nil }
func (intake) Expiry(courier.Lifetime) (time.Time, error) {
	return time.Time{}, nil
}

// engine wakes nobody.
type engine struct{ *memory.Store }

func (engine) Wake() {}

// site is the pages over the API and a store in memory, and a visitor with cookies.
type site struct {
	api    *httpapi.API
	store  *memory.Store
	server *httptest.Server
	client *http.Client
	clock  atomic.Int64 // in nanoseconds
}

func (s *site) now() time.Time { return time.Unix(0, s.clock.Load()).UTC() }

func key(name string, scopes ...httpapi.Scope) httpapi.Key {
	return httpapi.Key{Name: name, Hash: sha256.Sum256([]byte(name)), Scopes: scopes}
}

func keys() []httpapi.Key {
	return []httpapi.Key{
		key("sender", httpapi.ScopeSend), key("reader", httpapi.ScopeRead), key("auditor", httpapi.ScopeReadBody),
		key("root", httpapi.ScopeSend, httpapi.ScopeReadBody, httpapi.ScopeOperate),
		key("operator", httpapi.ScopeRead, httpapi.ScopeOperate),
	}
}

type gateways []httpapi.GatewaySettings

func (g gateways) Gateways() ([]httpapi.GatewaySettings, error) { return g, nil }

func (gateways) SetPaused([]string) {}

// workbench builds requests that hold the text, and an attacker's.
type workbench struct{ httpapi.Workbench }

func (workbench) Request(_ context.Context, gateway string, m *courier.Message) (*httpapi.TrialSent, error) {
	if gateway != "main" {
		return nil, errors.New("the gateway is not in the configuration any more")
	}
	return &httpapi.TrialSent{Method: "POST", URL: "https://gateway.example.com/send", Headers: http.Header{"X-Title": {hostile}}, Body: m.To + " " + m.Body + hostile}, nil
}

// told has one webhook.
func told(listener, _ string) (id, host string) {
	if listener != "webhook:shop" {
		return "", ""
	}
	return "shop", "shop.example"
}

// open serves the pages on a port of their own, with the gateway main unless others are
// named; without keys where there are none.
func open(t *testing.T, keys []httpapi.Key, others ...httpapi.GatewaySettings) *site {
	t.Helper()
	if len(others) == 0 {
		others = []httpapi.GatewaySettings{{ID: "main", Method: "POST", URL: "https://gateway.example.com/send"}}
	}
	s := &site{}
	s.clock.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	s.store = memory.New(memory.Options{NowFunc: s.now})
	pages, err := web.New(web.Options{Version: "1.2.3", LiveEvery: 10 * time.Millisecond, NowFunc: s.store.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.api, err = httpapi.New(httpapi.Options{
		Intake: intake{}, Engine: engine{s.store}, Store: s.store, Pages: pages, Keys: keys, NowFunc: s.store.Now,
		Operation: httpapi.Operation{Gateways: gateways(others), Workbench: workbench{}, ToldFunc: told},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(s.api.Admin())
	t.Cleanup(s.server.Close)
	t.Cleanup(s.api.EndStreams)
	s.client = s.server.Client()
	s.visitor(t)
	return s
}

// visitor begins anew with no cookies.
func (s *site) visitor(t *testing.T) {
	t.Helper()
	s.client.Jar = &jar{cookies: map[string]*http.Cookie{}}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// jar keeps the cookies of one host.
type jar struct{ cookies map[string]*http.Cookie }

func (j *jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, cookie := range cookies {
		j.cookies[cookie.Name] = cookie
		if cookie.MaxAge < 0 {
			delete(j.cookies, cookie.Name)
		}
	}
}

func (j *jar) Cookies(*url.URL) (list []*http.Cookie) {
	for _, cookie := range j.cookies {
		list = append(list, cookie)
	}
	return list
}

// answer is what a page was answered with.
type answer struct {
	*http.Response
	text string
}

// do makes a request; headers are "Name: value".
func (s *site) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var text strings.Builder
	if _, err := io.Copy(&text, response.Body); err != nil {
		t.Fatal(err)
	}
	return answer{response, text.String()}
}

func (s *site) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return s.do(t, http.MethodGet, path, "", headers...)
}

// token returns the token of the first form of a page.
func (a answer) token(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`name="token" value="([0-9a-f]{64})"`).FindStringSubmatch(a.text)
	if found == nil {
		t.Fatalf("the page has no form:\n%s", a.text)
	}
	return found[1]
}

// post sends a form of a page as a browser does. Fields are "name=value".
func (s *site) post(t *testing.T, of, path string, fields ...string) answer {
	t.Helper()
	form := url.Values{"token": {s.get(t, of).token(t)}}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		form.Set(name, value)
	}
	return s.do(t, http.MethodPost, path, form.Encode(), "Sec-Fetch-Site: same-origin")
}

// signIn begins a session.
func (s *site) signIn(t *testing.T, key string) {
	t.Helper()
	if a := s.post(t, "/sign-in", "/sign-in", "key="+key); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign in with %s: %d\n%s", key, a.StatusCode, a.text)
	}
}

// wants checks a status, and texts that the page has, or with a "-" before has not.
func (a answer) wants(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s %s: got %d, want %d\n%s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.text)
	}
	for _, text := range texts {
		rest, not := strings.CutPrefix(text, "-")
		if strings.Contains(a.text, rest) == not {
			t.Errorf("%s %s: text %q in the page:\n%s", a.Request.Method, a.Request.URL, text, a.text)
		}
	}
}

// message stores a message and returns its path.
func (s *site) message(t *testing.T, edit func(m *courier.Message)) string {
	t.Helper()
	m := &courier.Message{
		Status: courier.StatusQueued, Channel: "sms", To: "+12065550199", From: "Shop",
		Body: "Your code is 123456", Gateway: "main", CreatedAt: s.now(), UpdatedAt: s.now(), Segments: 1, Encoding: courier.EncodingGSM7,
	}
	binary.BigEndian.PutUint64(m.ID[:], uint64(s.now().UnixMilli())<<16) // as in a UUID of version 7
	if edit != nil {
		edit(m)
	}
	if _, err := s.store.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
		t.Fatal(err)
	}
	return "/messages/" + m.ID.String()
}

// attempt ends the one queued message with an attempt.
func (s *site) attempt(t *testing.T, status courier.Status, edit func(a *courier.Attempt)) {
	t.Helper()
	claimed, err := s.store.Claim(t.Context(), store.Claim{Gateway: "main", Node: "n", Now: s.now(), LeaseUntil: s.now().Add(time.Minute), Limit: 1})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claim: %v, %v", claimed, err)
	}
	a := &courier.Attempt{Number: 1, Gateway: "main", Outcome: courier.OutcomeAccepted, StartedAt: s.now(), Duration: time.Millisecond}
	edit(a)
	applied, err := s.store.Settle(t.Context(), []store.Settlement{{
		ID: claimed[0].ID, Token: claimed[0].Lease.Token, Status: status, Attempt: a, At: s.now(), NoReceipts: true, DueAt: s.now(),
	}})
	if err != nil || !applied[0] {
		t.Fatalf("settle: %v, %v", applied, err)
	}
}

// TestPages_NeedAKey asks for every page without one.
func TestPages_NeedAKey(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	s.message(t, nil)
	for _, path := range []string{"/", "/messages", "/messages/x", "/messages?status=sent"} {
		a := s.get(t, path)
		a.wants(t, http.StatusSeeOther, "-123456")
		want := "/sign-in?" + url.Values{"next": {path}}.Encode()
		if path == "/" {
			want = "/sign-in"
		}
		if got := a.Header.Get("Location"); got != want {
			t.Errorf("%s: sent to %q, want %q", path, got, want)
		}
	}
	s.get(t, "/events?of=/messages").wants(t, http.StatusUnauthorized)
	s.get(t, "/messages", "Sec-Fetch-Site: cross-site").wants(t, http.StatusUnauthorized, "<title>courier</title>")
	s.do(t, http.MethodPost, "/messages", "token=x").wants(t, http.StatusUnauthorized)
	s.get(t, "/messages", "X-API-Key: reader").wants(t, http.StatusOK, "+1206•••0199")
	s.get(t, "/messages", "X-API-Key: wrong").wants(t, http.StatusSeeOther)
}

// TestPages_Session signs in, looks around and signs out; what the cookie held is worth
// nothing then.
func TestPages_Session(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	s.post(t, "/sign-in", "/sign-in", "key=wrong").wants(t, http.StatusUnauthorized, "not known", "-wrong")
	s.post(t, "/sign-in", "/sign-in", "key=sender").wants(t, http.StatusForbidden, "lacks the scope read")
	for next, want := range map[string]string{
		"/messages?status=sent": "/messages?status=sent", "": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example/": "/", "/\t/evil.example": "/",
	} {
		s.visitor(t)
		a := s.post(t, "/sign-in", "/sign-in", "key=reader", "next="+next)
		if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("next %q: %d to %q", next, a.StatusCode, got)
		}
	}
	jar, _ := s.client.Jar.(*jar)
	cookie := jar.cookies["courier-session"]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Secure {
		t.Errorf("cookie: %+v", cookie)
	}
	s.get(t, "/messages").wants(t, http.StatusOK, "reader", "Sign out")
	a := s.post(t, "/messages", "/sign-out")
	if a.wants(t, http.StatusSeeOther); a.Header.Get("Location") != "/sign-in" {
		t.Errorf("sent to %q", a.Header.Get("Location"))
	}
	s.get(t, "/messages").wants(t, http.StatusSeeOther)
	s.get(t, "/messages", "Cookie: courier-session="+cookie.Value).wants(t, http.StatusSeeOther)
	s.visitor(t)
	token := s.get(t, "/sign-in").token(t)
	a = s.do(t, http.MethodPost, "/sign-in", "key=reader&token="+token, "X-Forwarded-Proto: https")
	if a.wants(t, http.StatusSeeOther); !strings.Contains(a.Header.Get("Set-Cookie"), "Secure") {
		t.Errorf("behind TLS the cookie is %q", a.Header.Get("Set-Cookie"))
	}
}

// TestPages_SessionEnds lets sessions end by themselves.
func TestPages_SessionEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps []time.Duration
		want  int
	}{
		"Used":    {[]time.Duration{20 * time.Minute, 20 * time.Minute, 20 * time.Minute}, http.StatusOK},
		"Idle":    {[]time.Duration{31 * time.Minute}, http.StatusSeeOther},
		"TooLong": {slicesRepeat(25*time.Minute, 20), http.StatusSeeOther},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, keys())
			s.signIn(t, "reader")
			got := 0
			for _, step := range test.steps {
				s.clock.Add(int64(step))
				got = s.get(t, "/messages").StatusCode
			}
			if got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
	s := open(t, keys())
	s.signIn(t, "reader")
	s.clock.Add(int64(29 * time.Minute))
	s.get(t, "/messages", "X-Courier-Watch: 1").wants(t, http.StatusOK)
	s.clock.Add(int64(2 * time.Minute))
	s.get(t, "/messages").wants(t, http.StatusSeeOther) // a page that was only watched is no use
	s.signIn(t, "reader")
	s.api.SetKeys(keys()[2:])
	s.get(t, "/messages").wants(t, http.StatusSeeOther) // the key is gone
}

func slicesRepeat(step time.Duration, times int) (list []time.Duration) {
	for range times {
		list = append(list, step)
	}
	return list
}

// TestPages_Forgery sends forms that are none of the pages.
func TestPages_Forgery(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]httpapi.Key{"Keys": keys(), "NoKeys": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, keys)
			path := s.message(t, nil)
			if keys != nil {
				s.signIn(t, "root")
			}
			good := "action=cancel&token=" + s.get(t, path).token(t)
			for _, test := range []struct {
				body    string
				headers []string
				want    int
			}{
				{"action=cancel", nil, 403},
				{"action=cancel&token=" + strings.Repeat("0", 64), nil, 403},
				{good, []string{"Sec-Fetch-Site: cross-site"}, 403},
				{good, []string{"Sec-Fetch-Site: same-site"}, 403},
				{good, []string{"Origin: https://evil.example"}, 403},
				{good, []string{"Origin: null"}, 403},
				{good, []string{"Content-Type: text/plain"}, 415},
				{good, []string{"Content-Type: multipart/form-data; boundary=x"}, 415},
				{good, []string{"Cookie: courier-session=x; courier-form=" + strings.Repeat("A", 26)}, 0},
				{good + "&reason=" + strings.Repeat("x", 1<<20), nil, 413},
			} {
				a := s.do(t, http.MethodPost, path, test.body, test.headers...)
				if test.want != 0 && a.StatusCode != test.want || a.StatusCode < 400 {
					t.Errorf("%.40s… %v: got %d, want %d", test.body, test.headers, a.StatusCode, test.want)
				}
			}
			s.do(t, http.MethodPost, "/sign-in", "key="+strings.Repeat("x", 70<<10)).wants(t, http.StatusRequestEntityTooLarge)
			s.get(t, path).wants(t, http.StatusOK, ">queued<")
			s.get(t, path, "Host: evil.example:4478").wants(t, map[bool]int{true: 200, false: 403}[keys != nil])
			s.do(t, http.MethodPost, path, good, "Sec-Fetch-Site: same-origin").wants(t, http.StatusSeeOther)
			s.get(t, path).wants(t, http.StatusOK, ">canceled<")
		})
	}
}

// TestPages_Scopes shows who sees and does what.
func TestPages_Scopes(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	path := s.message(t, nil)
	for name, wants := range map[string][]string{
		"reader":  {"+1206•••0199", "-+12065550199", "-123456", "-Cancel this message"},
		"auditor": {"+12065550199", "Your code is 123456", "-Cancel this message"},
		"root":    {"+12065550199", "Your code is 123456", "Cancel this message"},
	} {
		s.visitor(t)
		s.signIn(t, name)
		s.get(t, path).wants(t, http.StatusOK, wants...)
		s.get(t, "/messages").wants(t, http.StatusOK, wants[0])
		if name != "root" {
			s.post(t, path, path, "action=cancel").wants(t, http.StatusForbidden, "lacks the scope send")
		}
	}
}

// TestPages_Headers holds for every page, also for errors.
func TestPages_Headers(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, path := range []string{"/", "/messages", "/messages/x", "/messages?to=x"} {
		a := s.get(t, path)
		want := map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
		}
		got := map[string]string{}
		for name := range want {
			got[name] = a.Header.Get(name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		for _, at := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(a.text, -1) {
			file := s.get(t, at[1])
			if file.wants(t, http.StatusOK); file.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
				t.Errorf("%s: %v", at[1], file.Header)
			}
		}
		for _, inline := range []string{" style=", " onclick=", "javascript:", "http://", "https://"} {
			a.wants(t, a.StatusCode, "-"+inline)
		}
	}
	s.get(t, "/assets/style.css").wants(t, http.StatusNotFound)
	s.get(t, "/assets/..%2fweb.go").wants(t, http.StatusNotFound)
}

// TestPages_Filters keeps what was filtered by in the address, but for the number.
func TestPages_Filters(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for i, to := range []string{"+12065550101", "+12065550102", "+12065550101"} {
		s.message(t, func(m *courier.Message) { m.ID[14], m.To = byte(i), to }) //nolint:gosec // three
	}
	a := s.post(t, "/messages", "/messages", "to=+12065550101", "status=queued", "class=", "since=2026-01-01T00:00")
	a.wants(t, http.StatusSeeOther)
	at := a.Header.Get("Location")
	if strings.Contains(at, "0101") || !strings.Contains(at, "since=2026-01-01T00%3A00&status=queued&to=") || strings.Contains(at, "class") {
		t.Errorf("address %s", at)
	}
	page := s.get(t, at)
	page.wants(t, http.StatusOK, `value="&#43;12065550101"`, `<option value="queued" selected>`, "The last message was accepted", "-+12065550102")
	if rows := strings.Count(page.text, `<td class="tel">`); rows != 2 {
		t.Errorf("%d rows", rows)
	}
	s.get(t, "/messages?to=AAAA").wants(t, http.StatusBadRequest, "filter by the number again")
	s.get(t, "/messages?since=yesterday").wants(t, http.StatusBadRequest, "2026-01-31T18:00")
	s.get(t, "/messages?status=lost").wants(t, http.StatusBadRequest, "no message has such a status")
}

// TestPages_Paging walks to the last page.
func TestPages_Paging(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for i := range byte(120) {
		s.message(t, func(m *courier.Message) { m.ID[14] = i })
	}
	seen := map[string]bool{}
	pages := 0
	for at := "/messages"; at != ""; pages++ {
		page := s.get(t, at)
		for _, link := range regexp.MustCompile(`<td><a href="(/messages/[^"]+)"`).FindAllStringSubmatch(page.text, -1) {
			seen[link[1]] = true
		}
		at = ""
		if next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(page.text); next != nil {
			at = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if len(seen) != 120 || pages != 3 {
		t.Errorf("%d messages on %d pages", len(seen), pages)
	}
}

// TestPages_Hostile shows everything that comes from outside as the text it is.
func TestPages_Hostile(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	if err := s.store.Listen(t.Context(), "webhook:shop", []courier.Status{courier.StatusSent}); err != nil {
		t.Fatal(err)
	}
	path := s.message(t, func(m *courier.Message) {
		m.Body, m.From, m.To, m.TemplateType, m.Subject = hostile+strings.Repeat("x", 1<<20), hostile, hostile, hostile, hostile
		m.Metadata = []byte(`{"a":"</script><script>alert(3)</script>"}`)
	})
	s.attempt(t, courier.StatusSent, func(a *courier.Attempt) {
		a.Excerpt, a.Message, a.Code, a.Warning, a.GatewayMessageID = hostile, hostile, hostile, hostile, "gw-1"
	})
	id, _ := courier.ParseID(strings.TrimPrefix(path, "/messages/"))
	_, err := s.store.Receive(t.Context(), []courier.Receipt{{
		Gateway: "main", GatewayMessageID: "gw-1", MessageID: id, Status: courier.StatusUndelivered, Code: hostile, Message: hostile, ReceivedAt: s.now(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.tell(t, id, store.Notice{State: store.NoticeWaiting, Tries: 2, TriedAt: s.now(), Fault: hostile})
	for _, at := range []string{path, "/messages", "/"} {
		page := s.get(t, at)
		page.wants(t, http.StatusOK, "-<script>alert", "-<img src=x", "-\u202e", "-\x1b", "-\x00")
		if len(page.text) > 250<<10 { // the text is in the request too
			t.Errorf("%s has %d bytes", at, len(page.text))
		}
	}
	s.get(t, path).wants(t, http.StatusOK, "&lt;script&gt;alert(1)", `U+202E`, `U+001B`, "Show all", "1,048,6")
}

// tell notes what became of telling applications of a message.
func (s *site) tell(t *testing.T, id courier.ID, notes ...store.Notice) {
	t.Helper()
	notices, err := s.store.Notices(t.Context(), id)
	if err != nil || len(notices) < len(notes) {
		t.Fatalf("notices are %+v, %v", notices, err)
	}
	for i := range notes {
		notes[i].Seq = notices[i].Seq
	}
	if err := s.store.RecordNotices(t.Context(), notes); err != nil {
		t.Fatal(err)
	}
}

// TestPages_HistoryInOrder tells of the request of each gateway, and of webhooks, as far as a
// key may see.
func TestPages_HistoryInOrder(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	for _, listener := range []string{"webhook:shop", "callback"} {
		if err := s.store.Listen(t.Context(), listener, []courier.Status{courier.StatusSent, courier.StatusRejected}); err != nil {
			t.Fatal(err)
		}
	}
	path := s.message(t, nil)
	id, _ := courier.ParseID(strings.TrimPrefix(path, "/messages/"))
	retry := func(gateway string) func(a *courier.Attempt) {
		return func(a *courier.Attempt) { a.Gateway, a.Outcome = gateway, courier.OutcomeRetry }
	}
	s.attempt(t, courier.StatusQueued, retry("gone"))
	s.clock.Add(int64(time.Second))
	s.attempt(t, courier.StatusQueued, retry("main"))
	s.attempt(t, courier.StatusSent, func(*courier.Attempt) {})
	s.clock.Add(int64(time.Second))
	wants := []string{
		"Request to <bdi>main</bdi>", "Request to <bdi>gone</bdi>", "It cannot be built anew: <bdi>the gateway is not in the configuration any more",
		"Webhook waits", "message.sent to shop, shop.example, 0 tries", "As the configuration of now builds it", "-to callback",
	}
	s.signIn(t, "reader")
	s.get(t, path).wants(t, http.StatusOK, append(wants, "+1206•••0199 &lt;redacted&gt;", "and number and text too", "-123456", "-5550199")...)
	s.visitor(t)
	s.signIn(t, "root")
	s.tell(t, id, store.Notice{State: store.NoticeDelivered}, store.Notice{State: store.NoticeWaiting, Tries: 1, TriedAt: s.now(), Fault: "it answered 500"})
	s.get(t, path).wants(t, http.StatusOK, "+12065550199 Your code is 123456", "-and number and text too", "message.sent to shop, shop.example, 1 try", "it answered 500")
	s.clock.Add(int64(time.Second))
	s.tell(t, id, store.Notice{State: store.NoticeDelivered}, store.Notice{State: store.NoticeDelivered, Tries: 1, TriedAt: s.now()})
	page := s.get(t, path)
	page.wants(t, http.StatusOK, "Webhook delivered", "shop.example, 2 tries", "-it answered 500")
	if text := page.text; strings.Count(text, "<summary>Request") != 2 || strings.Index(text, "Attempt 3") > strings.Index(text, "Webhook delivered") {
		t.Errorf("the history is\n%s", text)
	}
	if _, err := s.store.Scrub(t.Context(), store.Sweep{Now: s.now(), Before: s.now().Add(time.Hour), Limit: 1}); err != nil {
		t.Fatal(err)
	}
	s.get(t, path).wants(t, http.StatusOK, "It cannot be built anew: <bdi>the text was deleted", "-As the configuration of now")
}

// TestPages_History tells what happened to a message, and what can be done.
func TestPages_History(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	path := s.message(t, nil)
	s.attempt(t, courier.StatusUnknown, func(a *courier.Attempt) {
		a.Outcome, a.Class, a.Message, a.HTTPStatus = courier.OutcomeUnknown, courier.ClassOutcomeUnknown, "the answer was cut off", 200
	})
	s.get(t, path).wants(t, http.StatusOK, ">unknown<", "Attempt 1: unknown", "the answer was cut off", "outcome_unknown", "It did not arrive", "Cancel this message", "-Retry this")
	a := s.post(t, path, path, "action=resolve", "as=failed", "reason=looked it up")
	a.wants(t, http.StatusSeeOther)
	s.get(t, a.Header.Get("Location")).wants(t, http.StatusOK, ">undelivered<", "The message is resolved.", "Retry this message", "-Cancel this")
	s.post(t, path, path, "action=cancel").wants(t, http.StatusConflict, "can no longer be canceled")
	s.post(t, path, path, "action=burn").wants(t, http.StatusBadRequest, "no such action")
	s.post(t, path, path, "action=retry").wants(t, http.StatusSeeOther)
	s.get(t, path).wants(t, http.StatusOK, ">queued<")
	s.get(t, "/messages/x").wants(t, http.StatusNotFound, "no such message")
	s.get(t, "/lost", "Accept: text/html,*/*").wants(t, http.StatusNotFound, "no such page")
	s.get(t, "/lost").wants(t, http.StatusNotFound, `"code":"not_found"`)
}

// TestPages_Live sends a page again when it has changed, and ends with the session.
func TestPages_Live(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	path := s.message(t, nil)
	s.signIn(t, "root")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.server.URL+"/events?of="+path, nil)
	stream, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	if got := stream.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	var got strings.Builder
	wait := func(text string) {
		t.Helper()
		part := make([]byte, 4096)
		for !strings.Contains(got.String(), text) {
			n, err := stream.Body.Read(part)
			if got.Write(part[:n]); err != nil && !strings.Contains(got.String(), text) {
				t.Fatalf("no %q in the stream: %v\n%s", text, err, got.String())
			}
		}
		got.Reset()
	}
	wait("s-queued")
	wait("event: same")
	s.post(t, path, path, "action=cancel")
	wait("s-canceled")
	s.api.SetKeys(keys()[:1])
	wait("event: gone")
	s.api.SetKeys(keys())
	s.get(t, "/events?of=https://evil.example/").wants(t, http.StatusBadRequest)
	s.get(t, "/events?of=/events").wants(t, http.StatusBadRequest)
}

// slowReader is a visitor who takes an answer until the time for it is over.
type slowReader struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (r *slowReader) SetWriteDeadline(until time.Time) error { r.until = until; return nil }

func (r *slowReader) Write([]byte) (int, error) {
	if r.until.IsZero() {
		panic("the page waits for its visitor without end")
	}
	return 0, os.ErrDeadlineExceeded
}

// TestPages_LiveIsBounded ends a page whose visitor reads no more.
func TestPages_LiveIsBounded(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	w := &slowReader{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events?of=/messages", nil)
	r.Host = "localhost"
	if s.api.Admin().ServeHTTP(w, r); w.Code != http.StatusOK || !w.until.After(time.Now()) {
		t.Errorf("answered %d, with time until %s", w.Code, w.until)
	}
}

// TestPages_Below puts the pages below a path of another program.
func TestPages_Below(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	path := s.message(t, nil)
	s.server.Config.Handler = http.StripPrefix("/sms", s.api.Admin())
	if a := s.get(t, "/sms/messages"); a.Header.Get("Location") != "/sms/sign-in?next=%2Fmessages" {
		t.Errorf("sent to %s", a.Header.Get("Location"))
	}
	a := s.post(t, "/sms/sign-in", "/sms/sign-in", "key=root", "next=/messages")
	if a.Header.Get("Location") != "/sms/messages" || !strings.Contains(a.Header.Get("Set-Cookie"), "Path=/sms/;") {
		t.Errorf("sent to %s with %s", a.Header.Get("Location"), a.Header.Get("Set-Cookie"))
	}
	s.get(t, "/sms/messages").wants(t, http.StatusOK, `href="/sms`+path, `src="/sms/assets/`, `action="/sms/messages"`,
		`data-live="/sms/events?of=%2Fmessages"`, `-href="/messages`)
}

// TestPages_Overview says whether codes arrive, what waits, and how the gateways are.
func TestPages_Overview(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	s.signIn(t, "root")
	s.get(t, "/").wants(t, http.StatusOK, "Nothing was to be sent", "No message waits that is due.", ">main<", "s-ok", `href="/?span=week#plots"`)
	for i := range byte(9) {
		s.message(t, func(m *courier.Message) { m.ID[14] = i })
		s.attempt(t, courier.StatusSent, func(*courier.Attempt) {})
	}
	s.message(t, func(m *courier.Message) { m.ID[14], m.Lane = 9, courier.LaneOTP })
	s.clock.Add(int64(2 * time.Minute))
	s.get(t, "/?span=day").wants(t, http.StatusOK, "Most codes arrive, and some do not.", "90.0 % of 10 messages", "2 minutes", "aria-current=\"true\">Day", "Messages in 15 minutes")
	path := s.message(t, func(m *courier.Message) { m.ID[14], m.To = 10, "+12065550133" })
	a := s.post(t, "/", "/messages", "to=+12065550133")
	s.get(t, a.Header.Get("Location")).wants(t, http.StatusOK, path)
	if strings.Contains(a.Header.Get("Location"), "0133") {
		t.Errorf("the number is in the address: %s", a.Header.Get("Location"))
	}
}

// TestPages_Bulk acts on all messages that match, after a look at how many they are.
func TestPages_Bulk(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	for i := range byte(3) {
		s.message(t, func(m *courier.Message) { m.ID[14] = i })
		s.attempt(t, courier.StatusAbandoned, func(a *courier.Attempt) { a.Outcome = courier.OutcomeRetry })
	}
	s.message(t, func(m *courier.Message) { m.ID[14] = 9 })
	s.signIn(t, "reader")
	s.get(t, "/messages?status=abandoned").wants(t, http.StatusOK, "-Act on all")
	s.post(t, "/messages", "/actions", "query=status=abandoned", "action=retry").wants(t, http.StatusForbidden)
	s.visitor(t)
	s.signIn(t, "operator")
	s.get(t, "/messages").wants(t, http.StatusOK, "Filter by a status first")
	s.get(t, "/messages?status=abandoned").wants(t, http.StatusOK, "Act on all", ">Retry<", "-Cancel this")
	form := []string{"query=status=abandoned&page_token=x", "action=retry", "reason=<b>works again"}
	s.post(t, "/messages", "/messages/actions", form...).wants(t, http.StatusOK, "Retry: 3 messages", "&lt;b&gt;works again", `value="status=abandoned"`)
	s.post(t, "/messages", "/messages/actions", "query=status=abandoned", "action=cancel").wants(t, http.StatusBadRequest, "cannot be done to messages of this status")
	s.post(t, "/messages", "/messages/actions", "query=", "action=cancel").wants(t, http.StatusBadRequest, "filter by a status first")
	a := s.post(t, "/messages", "/actions", form...)
	a.wants(t, http.StatusSeeOther)
	at := a.Header.Get("Location")
	s.get(t, at).wants(t, http.StatusOK, ">running<", "retry", "Stop this action", "&lt;b&gt;works again", "abandoned")
	s.get(t, "/actions").wants(t, http.StatusOK, `href="`+at)
	s.post(t, at, at, "reason=enough").wants(t, http.StatusSeeOther)
	s.get(t, at).wants(t, http.StatusOK, ">stopped<", "-Stop this action")
	s.get(t, "/actions/x").wants(t, http.StatusNotFound, "no such action")
}

// TestPages_Audit tells who did what.
func TestPages_Audit(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	path := s.message(t, nil)
	s.signIn(t, "root")
	s.get(t, "/audit").wants(t, http.StatusOK, "sign_in", "root")
	s.post(t, path, path, "action=cancel", "reason="+hostile).wants(t, http.StatusSeeOther)
	s.get(t, "/audit").wants(t, http.StatusOK, "message.cancel", `href="`+path, "-<script>", "U+202E")
	s.get(t, "/audit?action=sign_in").wants(t, http.StatusOK, "-"+path, "root", `value="sign_in" selected`)
	s.get(t, "/audit?target=nothing").wants(t, http.StatusOK, "Nothing matches.")
	s.get(t, path).wants(t, http.StatusOK, "Canceled by hand", "by root", "&lt;script&gt;")
	for range 60 {
		s.post(t, "/messages", "/sign-out")
		s.signIn(t, "root")
	}
	page := s.get(t, "/audit")
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(page.text)
	if next == nil {
		t.Fatalf("no second page:\n%s", page.text)
	}
	s.get(t, strings.ReplaceAll(next[1], "&amp;", "&")).wants(t, http.StatusOK, "To the newest")
}

// TestGateways shows the gateways, pauses one with a reason and lets it go on.
func TestGateways(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.message(t, nil)
	s.get(t, "/gateways/main").wants(t, http.StatusOK, `<time datetime="2026-01-02T03:00:00Z"`) // the step of plots that is now
	s.get(t, "/gateways").wants(t, http.StatusOK, "main", `href="/gateways/main"`)
	s.get(t, "/gateways/main").wants(t, http.StatusOK, "https://gateway.example.com/send", "Pause the gateway", "Send a test message")
	s.get(t, "/gateways/none").wants(t, http.StatusNotFound)
	s.post(t, "/gateways/main", "/gateways/main", "action=pause").wants(t, http.StatusBadRequest, "say why")
	s.post(t, "/gateways/main", "/gateways/main", "action=pause", "reason=their status page is red").wants(t, http.StatusSeeOther)
	s.get(t, "/gateways/main?done=pause").wants(t, http.StatusOK, "is paused", "their status page is red", "Resume the gateway")
	s.post(t, "/gateways/main", "/gateways/main", "action=resume").wants(t, http.StatusSeeOther)
	s.get(t, "/gateways/main").wants(t, http.StatusOK, "Pause the gateway")
	s.get(t, "/audit").wants(t, http.StatusOK, "gateway.pause", "their status page is red")
}
