package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"courier/internal/gateway/gatewaytest"
	"courier/internal/store/postgres/pgtest"
)

// startNode runs one of several couriers that share a database.
func startNode(t *testing.T, dsn, gatewayURL, more string) *courier {
	t.Helper()
	return startWith(t, func(dir string) string {
		return channel(dir, gatewayURL) + fmt.Sprintf(`
api: { port: 0 }
public: { port: 0 }
log: { format: json }
store: { dsn: %q }
`, dsn) + more
	})
}

// node is what the API says of a node.
type node struct {
	Name     string
	Host     string
	Version  string
	Alive    bool
	Keeper   bool
	Gateways []string
}

func (c *courier) nodes(t *testing.T) []node {
	t.Helper()
	var answer struct{ Nodes []node }
	status, text := c.call(t, http.MethodGet, "/v1/nodes", "")
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("list nodes: status %d: %s: %v", status, text, err)
	}
	return answer.Nodes
}

// bodies counts the requests of a gateway by their bodies.
func bodies(gateway *gatewaytest.Handler) map[string]int {
	counts := map[string]int{}
	for _, request := range gateway.Requests() {
		counts[string(request.Body)]++
	}
	return counts
}

func TestApp_NodesShareADatabase(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	dsn := server.NewDatabase(t)
	gateway, gatewayURL := gatewaytest.Start(t, gatewaytest.Options{})
	a := startNode(t, dsn, gatewayURL, "")
	b := startNode(t, dsn, gatewayURL, "")

	var sending sync.WaitGroup
	for i, c := range []*courier{a, b} {
		sending.Go(func() {
			for n := range 100 {
				c.send(t, fmt.Sprintf("message %d of %d", n, i))
			}
		})
	}
	sending.Wait()
	if err := gateway.WaitFor(t.Context(), 200); err != nil {
		t.Fatalf("wait for the messages: %v", err)
	}

	listed := b.nodes(t)
	if len(listed) != 2 || listed[0].Keeper == listed[1].Keeper || !listed[0].Alive || !listed[1].Alive {
		t.Errorf("nodes are %+v, want two that are alive and one keeper", listed)
	}
	if n := listed[0]; n.Host == "" || n.Version != "test" || strings.Join(n.Gateways, " ") != "sms" || n.Name == listed[1].Name {
		t.Errorf("nodes are %+v", listed)
	}

	database, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the address of the database is no URL")
	}
	if _, err := server.Query(t.Context(), strings.Trim(database.Path, "/"), "SELECT courier.enqueue('+12065550199', 'from SQL')"); err != nil {
		t.Fatalf("enqueue by SQL: %v", err)
	}
	if err := gateway.WaitFor(t.Context(), 201); err != nil {
		t.Fatalf("wait for the message of SQL: %v", err)
	}

	if err := a.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("stop: %v", err)
	}
	until(t, "the other to keep house", func() bool {
		left := b.nodes(t)
		return len(left) == 1 && left[0].Keeper
	})
	b.send(t, "the last")
	if err := gateway.WaitFor(t.Context(), 202); err != nil {
		t.Fatalf("wait for the last message: %v", err)
	}
	for body, times := range bodies(gateway) {
		if times != 1 {
			t.Errorf("%s was sent %d times", body, times)
		}
	}
}

// TestApp_PollAloneSuffices cuts the notifications off: a message of SQL is found
// by looking.
func TestApp_PollAloneSuffices(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	dsn := server.NewDatabase(t)
	gateway, gatewayURL := gatewaytest.Start(t, gatewaytest.Options{})
	startNode(t, dsn, gatewayURL, "dispatch: { poll_interval: 100ms }\n")
	database, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the address of the database is no URL")
	}
	name := strings.Trim(database.Path, "/")
	// Rows that are written past the function tell nobody.
	if _, err := server.Query(t.Context(), name, `INSERT INTO courier.message
		(id, created_at, updated_at, next_attempt_at, gateway, channel, recipient, sender, body)
		VALUES (gen_random_uuid(), now(), now(), now(), 'sms', 'sms', '+12065550199', '', 'untold')`); err != nil {
		t.Fatalf("insert by SQL: %v", err)
	}
	if err := gateway.WaitFor(t.Context(), 1); err != nil {
		t.Fatalf("wait for the message: %v", err)
	}
}
