package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

func TestAPI_Nodes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	wantJSON(t, f.call(t, "GET", "/v1/nodes", "").Body.String(), `{"nodes":[]}`)
	for _, beat := range []store.Beat{
		{
			Node: "a", Host: "host-a", Version: "v1", StartedAt: now().Add(-time.Hour), Lapse: time.Minute,
			InFlight: 3, Gateways: []string{"main", "other"},
		},
		{Node: "b", StartedAt: now()},
	} {
		if _, err := f.memory.Beat(t.Context(), beat); err != nil {
			t.Fatal(err)
		}
	}
	w := f.call(t, "GET", "/v1/nodes", "")
	if w.Code != http.StatusOK {
		t.Errorf("got %d", w.Code)
	}
	wantJSON(t, w.Body.String(), `{"nodes":[
		{"name":"a","host":"host-a","version":"v1","started_at":"2026-01-02T02:04:05.000006Z","seen_at":"2026-01-02T03:04:05.000006Z",
			"alive":true,"keeper":true,"in_flight":3,"gateways":["main","other"]},
		{"name":"b","host":"","version":"","started_at":"2026-01-02T03:04:05.000006Z","seen_at":"2026-01-02T03:04:05.000006Z",
			"alive":false,"keeper":false,"in_flight":0,"gateways":[]}]}`)
	f.memory.err = store.ErrUnavailable
	wantProblem(t, f.call(t, "GET", "/v1/nodes", ""), courier.CodeStoreUnavailable, "", "")
}

func TestAPI_Queue(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.send(t)
	wantJSON(t, f.call(t, "GET", "/v1/queue", "").Body.String(),
		`{"queued":1,"processing":0,"unknown":0,"oldest_due_at":"2026-01-02T03:04:05.000006Z",
			"waiting":[{"gateway":"main","lane":"normal","count":1,"more":false,"oldest_due_at":"2026-01-02T03:04:05.000006Z","hold":null,"class":null,"advice":null}]}`)
	held := newFixture(t, func(o *httpapi.Options) {
		o.QueuesFunc = func([]store.Waiting) []httpapi.Waiting {
			return []httpapi.Waiting{{Gateway: "main", Lane: courier.LaneOTP, Count: 10_000, OldestDueAt: now(), Hold: "account", Class: courier.ClassDuplicate}}
		}
	})
	advice, _ := json.Marshal(courier.ClassDuplicate.Explain().String())
	wantJSON(t, held.call(t, "GET", "/v1/queue", "").Body.String(), `{"queued":0,"processing":0,"unknown":0,"oldest_due_at":null,"waiting":[
		{"gateway":"main","lane":"otp","count":10000,"more":true,"oldest_due_at":"2026-01-02T03:04:05.000006Z","hold":"account","class":"duplicate","advice":`+string(advice)+`}]}`)
}
