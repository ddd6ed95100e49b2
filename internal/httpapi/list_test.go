package httpapi_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/store"
)

func TestAPI_ListPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for range 5 {
		f.send(t)
	}
	var seen []string
	target := "/v1/messages?page_size=2"
	for range 3 {
		var page struct {
			Messages []map[string]any
			Next     string `json:"next_page_token"`
		}
		w := f.call(t, "GET", target, "")
		decode(t, w.Body.String(), &page)
		for _, m := range page.Messages {
			seen = append(seen, fmt.Sprint(m["id"])[35:])
			if _, ok := m["attempts"]; ok {
				t.Error("a listing has attempts")
			}
		}
		target = "/v1/messages?page_size=2&page_token=" + page.Next
	}
	if diff := cmp.Diff([]string{"5", "4", "3", "2", "1"}, seen); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestAPI_ListEmpty(t *testing.T) {
	t.Parallel()
	w := newFixture(t, nil).call(t, "GET", "/v1/messages", "")
	if w.Code != http.StatusOK {
		t.Errorf("got %d", w.Code)
	}
	wantJSON(t, w.Body.String(), `{"messages":[]}`)
}

func TestAPI_ListQuery(t *testing.T) {
	t.Parallel()
	after := courier.ID{0: 1, 15: 1}
	for target, want := range map[string]store.Query{
		"":                                    {Limit: 50},
		"?status=queued&gateway=main":         {Limit: 50, Status: courier.StatusQueued, Gateway: "main"},
		"?to=%2B12065550199":                  {Limit: 50, To: number},
		"?to=+12065550199":                    {Limit: 50, To: number},
		"?to=alice":                           {Limit: 50, To: "alice"},
		"?page_size=500&page_token=" + idText: {Limit: 500, After: &after},
		"?status=&to=&page_size=":             {Limit: 50},
	} {
		f := newFixture(t, nil)
		if w := f.call(t, "GET", "/v1/messages"+target, ""); w.Code != http.StatusOK {
			t.Errorf("%s: got %d: %s", target, w.Code, w.Body)
		}
		if diff := cmp.Diff(want, f.memory.query); diff != "" {
			t.Errorf("%s: query (-want +got):\n%s", target, diff)
		}
	}
}

// listed returns the last digits of the ids of a page, and its token.
func (f *fixture) listed(t *testing.T, target string) (ids, next string) {
	t.Helper()
	var page struct {
		Messages []struct{ ID string }
		Next     string `json:"next_page_token"`
	}
	w := f.call(t, "GET", target, "")
	if w.Code != http.StatusOK {
		t.Fatalf("%s: got %d: %s", target, w.Code, w.Body)
	}
	decode(t, w.Body.String(), &page)
	for _, m := range page.Messages {
		ids += m.ID[35:]
	}
	return ids, page.Next
}

func TestAPI_ListByTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for i := range 9 {
		id := courier.ID{15: byte(i + 1)}
		binary.BigEndian.PutUint64(id[:8], uint64(now().Add(time.Duration(i)*time.Minute).UnixMilli())<<16)
		if _, err := f.memory.Enqueue(t.Context(), []*courier.Message{{ID: id, Status: courier.StatusQueued, Gateway: "main", CreatedAt: now()}}); err != nil {
			t.Fatal(err)
		}
		f.memory.attempt(t, courier.StatusQueued, courier.Attempt{Outcome: courier.OutcomeRetry, Class: courier.Classes()[i%2]})
	}
	at := func(minutes int) string {
		return now().Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339Nano)
	}
	for target, want := range map[string]string{
		"since=" + at(6):                                            "987",
		"since=2026-01-02T05:10:05%2B02:00":                         "987",
		"since=2026-01-02T05:10:05+02:00":                           "987",
		"until=" + at(2):                                            "21",
		"since=" + at(3) + "&until=" + at(5):                        "54",
		"since=" + at(5) + "&until=" + at(5):                        "",
		"since=" + at(99):                                           "",
		"since=1970-01-01T00:00:00Z":                                "987654321",
		"class=" + string(courier.Classes()[1]) + "&until=" + at(6): "642",
		"class=throttled":                                           "",
	} {
		if got, next := f.listed(t, "/v1/messages?"+target); got != want || next != "" {
			t.Errorf("%s: got %q and next %q, want %q", target, got, next, want)
		}
	}
	var walked, token string
	for range 9 {
		ids, next := f.listed(t, "/v1/messages?page_size=2&since="+at(2)+"&until="+at(7)+"&page_token="+token)
		if walked += ids + " "; next == "" {
			break
		}
		token = next
	}
	if walked != "76 54 3 " {
		t.Errorf("walked %q", walked)
	}
}

func TestAPI_ListRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, test := range []struct{ target, location, detail string }{
		{"?status=lost", "query.status", "there are queued, processing"},
		{"?class=lost", "query.class", "there are invalid_destination, "},
		{"?since=yesterday", "query.since", "RFC 3339"},
		{"?until=1960-01-02T15:04:05Z", "query.until", "RFC 3339"},
		{"?sinse=", "query.since", "since is the nearest"},
		{"?page_size=0", "query.page_size", "from 1 to 500"},
		{"?page_size=501", "query.page_size", "from 1 to 500"},
		{"?page_size=ten", "query.page_size", "from 1 to 500"},
		{"?page_token=abc", "query.page_token", "next_page_token"},
		{"?to=a&to=b", "query.to", "twice"},
		{"?pagesize=1", "query.page_size", "page_size is the nearest"},
		{"?limit=1", "", "there are status, to, gateway, template_type, country, class, since, until, page_size, page_token"},
		{"?a;b=%", "", "percent-encode"},
	} {
		wantProblem(t, f.call(t, "GET", "/v1/messages"+test.target, ""), courier.CodeInvalidRequest, test.location, test.detail)
	}
}
