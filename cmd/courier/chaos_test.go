package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// inFlight is the most attempts that the chaos tests allow at once, and cutOff the
// bound on what one kill may repeat: those attempts, and as many whose answer was
// read and whose outcome was not on the disk.
const (
	inFlight = 8
	cutOff   = 2 * inFlight
)

// load posts texts to a courier from several callers and keeps those that were
// acknowledged with a 202.
type load struct {
	mu     sync.Mutex
	prefix string
	next   int
	taken  []string
	notify chan struct{}
}

func newLoad(prefix string) *load { return &load{prefix: prefix, notify: make(chan struct{}, 1)} }

func (l *load) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return fmt.Sprintf("%s %06d", l.prefix, l.next)
}

func (l *load) acknowledge(text string) {
	l.mu.Lock()
	l.taken = append(l.taken, text)
	l.mu.Unlock()
	select {
	case l.notify <- struct{}{}:
	default:
	}
}

func (l *load) acknowledged() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.taken...)
}

// run posts from the given number of callers until the courier stops answering
// or the context is done.
func (l *load) run(ctx context.Context, p *process, callers int) {
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			by := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}
			defer by.CloseIdleConnections()
			for ctx.Err() == nil {
				text := l.text()
				body, _ := json.Marshal(map[string]string{"to": "+12065550199", "body": text})
				status, _ := call(context.WithoutCancel(ctx), by, http.MethodPost, p.url("/v1/messages"), body)
				if status != http.StatusAccepted {
					return
				}
				l.acknowledge(text)
			}
		})
	}
	group.Wait()
}

// awaitMore blocks until n further messages were acknowledged.
func (l *load) awaitMore(t *testing.T, n int) {
	t.Helper()
	want := len(l.acknowledged()) + n
	deadline := time.After(patience)
	for len(l.acknowledged()) < want {
		select {
		case <-l.notify:
		case <-deadline:
			t.Fatalf("waited %v for %d acknowledged messages", patience, want)
		}
	}
}

// awaitDrained waits until nothing is queued or being attempted.
func awaitDrained(t *testing.T, p *process) {
	t.Helper()
	// The statuses are listed one after the other, and what a dead node held may be given
	// back between the two: only a queue that is empty again and again is drained.
	empty := 0
	waitFor(t, "the queue to drain", func() bool {
		if listed(t, p, "queued") != 0 || listed(t, p, "processing") != 0 {
			empty = 0
			return false
		}
		empty++
		return empty == 3
	})
}

// listed returns how many messages a page of one holds of a status.
func listed(t *testing.T, p *process, status string) int {
	t.Helper()
	code, text := get(t, p.url("/v1/messages?page_size=1&status="+status))
	if code != http.StatusOK {
		t.Fatalf("list %s messages: status %d\n%s", status, code, text)
	}
	var page struct{ Messages []json.RawMessage }
	if err := json.Unmarshal(text, &page); err != nil {
		t.Fatalf("decode the list: %v", err)
	}
	return len(page.Messages)
}

// TestServe_KilledTwentyTimes kills the courier at random moments under load.
// Every acknowledged message reaches the gateway, and no more are repeated than
// were in flight or not written yet at the kills.
func TestServe_KilledTwentyTimes(t *testing.T) {
	const kills = 20
	gateway := newLedger(t, time.Millisecond)
	config := writeConfig(t, gateway.url, fmt.Sprintf("dispatch: { max_in_flight: %d }", inFlight))
	posted := newLoad("killed")
	for range kills {
		p := startCourier(t, config)
		var group sync.WaitGroup
		group.Go(func() { posted.run(t.Context(), p, 16) })
		posted.awaitMore(t, 1+rand.IntN(200))
		p.kill(t)
		group.Wait()
	}
	p := startCourier(t, config)
	awaitDrained(t, p)
	if missing := gateway.missing(posted.acknowledged()); len(missing) > 0 {
		t.Errorf("%d of %d acknowledged messages never reached the gateway, e.g. %q",
			len(missing), len(posted.acknowledged()), missing[0])
	}
	if repeats := gateway.repeats(); repeats > kills*cutOff {
		t.Errorf("%d messages were repeated after %d kills, want at most %d", repeats, kills, kills*cutOff)
	}
	t.Logf("%d acknowledged, %d seen by the gateway, %d repeats after %d kills with %d in flight",
		len(posted.acknowledged()), gateway.seen(), gateway.repeats(), kills, inFlight)
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
}

// TestServe_TerminatedUnderLoad sends SIGTERM under load: nothing is repeated
// and nothing is left processing.
func TestServe_TerminatedUnderLoad(t *testing.T) {
	const terminations = 5
	gateway := newLedger(t, 20*time.Millisecond)
	config := writeConfig(t, gateway.url, fmt.Sprintf("dispatch: { max_in_flight: %d }", inFlight))
	posted := newLoad("terminated")
	for range terminations {
		p := startCourier(t, config)
		var group sync.WaitGroup
		group.Go(func() { posted.run(t.Context(), p, 16) })
		posted.awaitMore(t, 50+rand.IntN(100))
		if err := p.terminate(t); err != nil {
			t.Fatalf("end of the courier: %v\n%s", err, p.log)
		}
		group.Wait()
		if left := processingRows(t, config); left != 0 {
			t.Fatalf("%d messages are left processing after SIGTERM", left)
		}
	}
	p := startCourier(t, config)
	awaitDrained(t, p)
	if missing := gateway.missing(posted.acknowledged()); len(missing) > 0 {
		t.Errorf("%d of %d acknowledged messages never reached the gateway", len(missing), len(posted.acknowledged()))
	}
	if repeats := gateway.repeats(); repeats != 0 {
		t.Errorf("%d messages were repeated after SIGTERM, want none", repeats)
	}
	t.Logf("%d acknowledged, %d seen by the gateway, %d repeats after %d terminations",
		len(posted.acknowledged()), gateway.seen(), gateway.repeats(), terminations)
}
