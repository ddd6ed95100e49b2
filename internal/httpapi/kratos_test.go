package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

const kratosList = "/admin/courier/messages"

// put stores a message and brings it into a status that an attempt can end in.
func (f *fixture) put(tb testing.TB, status courier.Status, to string) {
	tb.Helper()
	ctx := tb.Context()
	f.puts++
	m := &courier.Message{
		ID: courier.ID{5: byte(f.puts & 0xff), 6: 0x70, 8: 0x80}, Status: courier.StatusQueued, Channel: "sms", To: to, Body: "a text",
		Gateway: fmt.Sprint("gateway", f.puts), CreatedAt: now(),
	}
	if _, err := f.memory.Enqueue(ctx, []*courier.Message{m}); err != nil {
		tb.Fatal(err)
	}
	if status == courier.StatusQueued {
		return
	}
	claimed, err := f.memory.Claim(ctx, store.Claim{Gateway: m.Gateway, Node: "node", Now: now(), LeaseUntil: now().Add(time.Hour), Limit: 1})
	if err != nil || len(claimed) != 1 {
		tb.Fatal(claimed, err)
	}
	if status == courier.StatusProcessing {
		return
	}
	applied, err := f.memory.Settle(ctx, []store.Settlement{{ID: m.ID, Token: claimed[0].Lease.Token, Status: status, At: now()}})
	if err != nil || !applied[0] {
		tb.Fatal(status, applied, err)
	}
}

// TestAPI_KratosErrors compares with what Kratos answers, byte by byte. (recorded from
// ory/kratos at b86338d)
func TestAPI_KratosErrors(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	const malformed = `{"error":{"code":400,"status":"Bad Request","reason":"Message status is not valid","message":"The request was malformed or contained invalid parameters"}}` + "\n"
	for _, test := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "?status=bogus", 400, malformed},
		{"GET", "?status=", 400, malformed},
		{"GET", "?status=SENT", 400, malformed},
		{"GET", "?status=2", 400, malformed},
		{"GET", "?status=delivered", 400, malformed},
		{"GET", "?page_token=garbage", 400, `{"error":{"code":400,"status":"Bad Request","message":"invalid pagination token"}}` + "\n"},
		{"GET", "?page_size=abc", 400, `{"error":{"code":500,"status":"Internal Server Error","message":"strconv.Atoi: parsing \"abc\": invalid syntax"}}` + "\n"},
		{"GET", "/not-a-uuid", 400, `{"error":{"code":400,"status":"Bad Request","message":"uuid: incorrect UUID length 10 in string \"not-a-uuid\""}}` + "\n"},
		{"GET", "/00000000-0000-0000-0000-000000000000", 404, `{"error":{"code":404,"status":"Not Found","message":"Unable to locate the resource"}}` + "\n"},
		{"GET", "/", 404, "404 page not found\n"},
		{"GET", "/" + idText + "/", 404, "404 page not found\n"},
		{"GET", "/" + idText + "/dispatches", 404, "404 page not found\n"},
		{"DELETE", "", 405, "Method Not Allowed\n"},
		{"POST", "", 405, "Method Not Allowed\n"},
		{"DELETE", "/" + idText, 405, "Method Not Allowed\n"},
		{"GET", "?recipient=%2B1000", 200, "[]\n"},
	} {
		w := f.call(t, test.method, kratosList+test.target, "")
		if w.Code != test.status || w.Body.String() != test.body {
			t.Errorf("%s %s: got %d %q, want %d %q", test.method, test.target, w.Code, w.Body, test.status, test.body)
		}
		if allow := w.Header().Get("Allow"); (test.status == 405) != (allow == "GET, HEAD") {
			t.Errorf("%s %s: Allow is %q", test.method, test.target, allow)
		}
		if _, has := w.Header()["Ory-Error-Id"]; has != strings.Contains(test.body, "error") {
			t.Errorf("%s %s: headers are %v", test.method, test.target, w.Header())
		}
	}
}

// TestAPI_KratosKeys looks at a courier with keys: the text is shown to who may read it.
func TestAPI_KratosKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) {
		o.Keys = []httpapi.Key{
			key("reader", httpapi.ScopeRead), key("all", httpapi.ScopeReadBody), key("sender", httpapi.ScopeSend),
		}
	})
	f.put(t, courier.StatusQueued, number)
	for key, want := range map[string]string{
		"reader": `"body":"\u003credacted-unless-dev-mode\u003e","subject":"\u003credacted-unless-dev-mode\u003e"`,
		"all":    `"body":"a text","subject":""`,
		"sender": `{"error":{"code":403,"status":"Forbidden",`,
		"nobody": `{"error":{"code":401,"status":"Unauthorized",`,
	} {
		if w := f.call(t, "GET", kratosList, "", "Authorization: Bearer "+key); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want %s", key, w.Code, w.Body, want)
		} else if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (w.Code != http.StatusOK) {
			t.Errorf("%s: got %d, and the challenge %q", key, w.Code, challenge)
		}
	}
}

// TestAPI_KratosMessage compares one message with its dispatches.
func TestAPI_KratosMessage(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.putAttempted(t)
	for _, id := range []string{idText, strings.ToUpper(idText), strings.ReplaceAll(idText, "-", ""), "urn:uuid:" + idText, "{" + idText + "}"} {
		w := f.call(t, "GET", kratosList+"/"+url.PathEscape(id), "")
		var message struct {
			ID         string
			Status     string
			Type       string
			SendCount  int `json:"send_count"`
			Dispatches []struct {
				ID, Status string
				MessageID  string `json:"message_id"`
				Error      *struct {
					Code    int
					Status  string
					Message string
					Details map[string]any
				}
				CreatedAt time.Time `json:"created_at"`
			}
		}
		decode(t, w.Body.String(), &message)
		if w.Code != http.StatusOK || message.ID != idText || message.Type != "sms" || len(message.Dispatches) != message.SendCount {
			t.Fatalf("%s: got %d %s", id, w.Code, w.Body)
		}
		for i, d := range message.Dispatches {
			if d.MessageID != idText || d.ID == idText || (d.Status == "failed") != (d.Error != nil) {
				t.Errorf("dispatch is %+v", d)
			}
			if d.Error != nil && (d.Error.Code != 500 || d.Error.Message == "" || d.Error.Details["class"] == nil) {
				t.Errorf("error is %+v", d.Error)
			}
			if i > 0 && d.CreatedAt.After(message.Dispatches[i-1].CreatedAt) {
				t.Error("the dispatches are not newest first")
			}
		}
	}
}

// TestAPI_KratosPages walks the pages of every filter while messages arrive.
func TestAPI_KratosPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	want := map[string]int{}
	for i, status := range slices.Concat(courier.Statuses(), courier.Statuses(), courier.Statuses()) {
		if !courier.StatusProcessing.CanBecome(status) && status != courier.StatusProcessing {
			continue // a receipt brings a message there
		}
		to := fmt.Sprintf("+1206555010%d", i%3)
		f.put(t, status, to)
		want["recipient="+url.QueryEscape(to)]++
		for name, members := range map[string]string{"queued": "queued", "sent": "sent delivered", "processing": "processing unknown", "abandoned": "undelivered rejected expired abandoned canceled"} {
			if strings.Contains(" "+members+" ", " "+string(status)+" ") {
				want["status="+name]++
				want["status="+name+"&recipient="+url.QueryEscape(to)]++
			}
		}
		want[""]++
	}
	stored := f.puts
	for filter, count := range want {
		for _, size := range []int{1, 2, 7, 500} {
			if filter == "" || filter == "status=queued" {
				count = want[filter] + f.puts - stored
			}
			target, seen := fmt.Sprintf("%s?%s&page_size=%d", kratosList, filter, size), map[string]bool{}
			for target != "" {
				if len(seen) == 2 {
					f.put(t, courier.StatusQueued, "+12065550199") // newer than those that were seen
				}
				w := f.call(t, "GET", target, "")
				var page []struct{ ID, Status string }
				decode(t, w.Body.String(), &page)
				if len(page) > size {
					t.Fatalf("%s: %d messages", target, len(page))
				}
				for _, m := range page {
					if seen[m.ID] {
						t.Errorf("%s: %s comes twice", target, m.ID)
					}
					seen[m.ID] = true
				}
				target = nextOf(t, w.Header().Get("Link"))
			}
			if len(seen) != count {
				t.Errorf("%s, %d a page: %d messages, want %d", filter, size, len(seen), count)
			}
		}
	}
}

// nextOf returns the next page of a Link header, and checks that it names the first.
func nextOf(t *testing.T, link string) string {
	t.Helper()
	first, next, _ := strings.Cut(link, ",")
	if !strings.HasPrefix(first, "</admin/courier/messages?page_size=") || !strings.HasSuffix(first, `>; rel="first"`) || !strings.Contains(first, "page_token=") {
		t.Fatalf("Link is %s", link)
	}
	if next == "" {
		return ""
	}
	target, found := strings.CutSuffix(next, `>; rel="next"`)
	if !found {
		t.Fatalf("Link is %s", link)
	}
	return strings.TrimPrefix(target, "<")
}
