package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// ledger is a gateway that notes how often, and when, it was handed each text.
type ledger struct {
	mu      sync.Mutex
	entries map[string]*entry
	// overlaps counts the requests that came while another of their text was open.
	overlaps int
	arrivals []time.Time
	url      string
}

// entry is what the ledger knows of a text.
type entry struct{ count, open int }

// newLedger serves a gateway whose answers take the given time.
func newLedger(t *testing.T, latency time.Duration) *ledger {
	t.Helper()
	l := &ledger{entries: map[string]*entry{}}
	listener := listen(t, "127.0.0.1:0")
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: l.handler(latency)}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		served.Wait()
	})
	l.url = "http://" + listener.Addr().String() + "/send"
	return l
}

func (l *ledger) handler(latency time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Body string }
		if json.NewDecoder(r.Body).Decode(&sent) == nil {
			l.begin(sent.Body)
			defer l.end(sent.Body)
		}
		if latency > 0 {
			timer := time.NewTimer(latency)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
			}
		}
		w.WriteHeader(http.StatusCreated)
	}
}

func (l *ledger) begin(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.entries[text]
	if of == nil {
		of = &entry{}
		l.entries[text] = of
	}
	if of.open > 0 {
		l.overlaps++
	}
	of.count++
	of.open++
	l.arrivals = append(l.arrivals, time.Now())
}

func (l *ledger) end(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[text].open--
}

// repeats returns how many requests were more than the first of their text,
// but for texts that were meant to be sent more than once.
func (l *ledger) repeats(meant ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	repeats := 0
	for text, of := range l.entries {
		if !slices.Contains(meant, text) {
			repeats += of.count - 1
		}
	}
	return repeats
}

// missing returns the texts of the list that the gateway never saw.
func (l *ledger) missing(texts []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for _, text := range texts {
		if l.entries[text] == nil {
			missing = append(missing, text)
		}
	}
	return missing
}

func (l *ledger) seen() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// overlapping returns how many requests came while another of their text was
// open: the message was attempted twice at one time.
func (l *ledger) overlapping() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.overlaps
}

// times returns when each request came, in order.
func (l *ledger) times() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.arrivals)
}
