package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"

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

func TestAPI_ListRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, test := range []struct{ target, location, detail string }{
		{"?status=lost", "query.status", "there are queued, processing"},
		{"?page_size=0", "query.page_size", "from 1 to 500"},
		{"?page_size=501", "query.page_size", "from 1 to 500"},
		{"?page_size=ten", "query.page_size", "from 1 to 500"},
		{"?page_token=abc", "query.page_token", "next_page_token"},
		{"?to=a&to=b", "query.to", "twice"},
		{"?pagesize=1", "query.page_size", "page_size is the nearest"},
		{"?limit=1", "", "there are status, to, gateway, page_size, page_token"},
		{"?a;b=%", "", "percent-encode"},
	} {
		wantProblem(t, f.call(t, "GET", "/v1/messages"+test.target, ""), courier.CodeInvalidRequest, test.location, test.detail)
	}
}
