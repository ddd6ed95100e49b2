package client_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/client"
)

func TestClient_Nodes(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusOK, `{"nodes":[{"name":"a-1","host":"a","version":"v1","started_at":"2026-01-02T03:04:05Z",
		"seen_at":"2026-01-02T03:04:06Z","alive":true,"keeper":true,"in_flight":3,"gateways":["sms"]}]}`)
	got, err := c.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []client.Node{{
		Name: "a-1", Host: "a", Version: "v1", StartedAt: at, SeenAt: at.Add(time.Second),
		Alive: true, Keeper: true, InFlight: 3, Gateways: []string{"sms"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	if r := <-requests; r.Method != http.MethodGet || r.Target != "/v1/nodes" {
		t.Errorf("asked %s %s", r.Method, r.Target)
	}
	refusing, _ := serve(t, http.StatusForbidden, `{"code":"forbidden","detail":"no"}`)
	if _, err := refusing.Nodes(t.Context()); courier.CodeOf(err) != courier.CodeForbidden {
		t.Errorf("got %v, want the code of the answer", err)
	}
}

func TestClient_Queue(t *testing.T) {
	t.Parallel()
	c, requests := serve(t, http.StatusOK, `{"queued":3,"processing":2,"unknown":1,"oldest_due_at":"2026-01-02T03:04:05Z"}`)
	got, err := c.Queue(t.Context())
	want := &client.Queue{Queued: 3, Processing: 2, Unknown: 1, OldestDueAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if r := <-requests; r.Target != "/v1/queue" {
		t.Errorf("asked %s", r.Target)
	}
}
