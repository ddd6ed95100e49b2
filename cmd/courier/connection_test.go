package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"courier/internal/store/postgres/pgtest"
)

// TestServe_CommitCut cuts the connection to PostgreSQL in the middle of the
// commit of an enqueue, before or after the server has done it: that one alone,
// or all until the caller has given up. Whatever answer the caller got, its repeat
// with the same key gives one message.
func TestServe_CommitCut(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]pgtest.Verdict{"Dropped": pgtest.Drop, "AnswerLost": pgtest.Lose} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Shared(t)
			db := newDatabase(t, server)
			proxy := server.NewProxy(t)
			f := startFleet(t, fleetOptions{
				nodes: 1, dsn: proxy.DSN(db.name), policy: hold, latency: time.Millisecond, inFlight: inFlight,
			})
			posted, answers := newLoad("cut"), map[int]int{}
			for n := range 20 {
				cut := &commitCut{text: posted.text(), verdict: verdict, once: n%2 == 0}
				proxy.Watch(cut.judge)
				for cut.count() == 0 { // a busy machine may not come as far before its caller leaves
					status := sendKeyed(t, f.node(0), cut.text, 500*time.Millisecond)
					if answers[status]++; status != 0 && cut.count() == 0 {
						t.Fatalf("no connection was cut at the commit of %q, answered with %d", cut.text, status)
					}
				}
				proxy.Watch(nil)
				if status := sendKeyed(t, f.node(0), cut.text, patience); status != http.StatusAccepted {
					t.Fatalf("the repeat of %q was answered with %d\n%s", cut.text, status, f.node(0).log)
				}
				posted.acknowledge(cut.text)
			}
			f.audit(t, posted, 0)
			if stored := db.query(t, "SELECT count(*) FROM courier.message"); stored != "20" {
				t.Errorf("%s messages are stored, want 20", stored)
			}
			t.Logf("first answers by status, 0 for none: %v", answers)
			f.terminate(t)
		})
	}
}

// commitCut cuts connections that commit the enqueue of a text, at the commit: a
// statement of its own or, without a transaction, the one that has the text.
type commitCut struct {
	text    string
	verdict pgtest.Verdict
	// once leaves the connections alone after the first cut; otherwise nothing more
	// comes through.
	once bool

	mu   sync.Mutex
	cuts int
	// begun are connections in a transaction, loaded those of them with the text.
	begun, loaded map[int]bool
}

func (c *commitCut) judge(connection int, sent []byte) pgtest.Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun == nil {
		c.begun, c.loaded = map[int]bool{}, map[int]bool{}
	}
	lower := bytes.ToLower(sent)
	has := bytes.Contains(sent, []byte(c.text))
	if bytes.Contains(lower, []byte("begin")) {
		c.begun[connection] = true
	}
	c.loaded[connection] = c.loaded[connection] || has
	commits := c.loaded[connection] && bytes.Contains(lower, []byte("commit"))
	switch {
	case c.cuts > 0 && !c.once:
		return pgtest.Drop
	case c.cuts > 0, !commits && (!has || c.begun[connection]):
		return pgtest.Pass
	}
	c.cuts++
	return c.verdict
}

func (c *commitCut) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

// sendKeyed posts a text with a key of its own and returns the status, or 0 when
// the caller has given up.
func sendKeyed(t *testing.T, p *process, text string, timeout time.Duration) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"to": "+12065550199", "body": text})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url("/v1/messages"), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", strings.ReplaceAll(text, " ", "-"))
	by := &http.Client{Timeout: timeout, Transport: &http.Transport{}}
	defer by.CloseIdleConnections()
	response, err := by.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestFleet_ConnectionsCut cuts all connections to PostgreSQL, again and again,
// under load. The nodes live and hold their leases, so nothing is repeated.
func TestFleet_ConnectionsCut(t *testing.T) {
	t.Parallel()
	const cuts = 30
	server := pgtest.Shared(t)
	proxy := server.NewProxy(t)
	f := startFleet(t, fleetOptions{
		nodes: 3, dsn: proxy.DSN(newDatabase(t, server).name), policy: hold,
		latency: 5 * time.Millisecond, inFlight: inFlight,
	})
	posted, stop := f.load(t)
	for range cuts {
		posted.awaitMore(t, 1+rand.IntN(100))
		proxy.Cut()
	}
	stop()
	f.audit(t, posted, 0)
	f.terminate(t)
}
