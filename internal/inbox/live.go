package inbox

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// bell tells those that wait of changes.
type bell struct {
	mu     sync.Mutex
	next   chan struct{}
	closed bool
}

// wait returns a channel that is closed at the next change, and whether there can be one.
func (b *bell) wait() (change <-chan struct{}, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next, !b.closed
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// close rings for the last time.
func (b *bell) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.ring()
}

const (
	// eventPause is the shortest time between two events: a load of messages is one change.
	eventPause = 150 * time.Millisecond
	// keepAlive is the longest, so that what stands between does not close the connection.
	keepAlive = 15 * time.Second
)

// stayOpen takes the limits of a request off the connection.
func stayOpen(w http.ResponseWriter) *http.ResponseController {
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Time{}) // one that has none has no deadline either
	return controller
}

// events tells a page, as server-sent events, that something is new: it asks what.
func (i *Inbox) events(w http.ResponseWriter, r *http.Request) {
	controller := stayOpen(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for first := true; ; first = false {
		change, open := i.changes.wait()
		text := "data: change\n\n"
		if first {
			text = "retry: 1000\ndata: hello\n\n"
		}
		if _, err := io.WriteString(w, text); err != nil || controller.Flush() != nil || !open {
			return
		}
		if !i.sleep(r, change) {
			return
		}
	}
}

// sleep waits for a change, and keeps the connection alive meanwhile. It is false when
// the client or the inbox is gone.
func (i *Inbox) sleep(r *http.Request, change <-chan struct{}) bool {
	pause := time.NewTimer(eventPause)
	defer pause.Stop()
	alive := time.NewTimer(keepAlive)
	defer alive.Stop()
	select {
	case <-pause.C:
	case <-r.Context().Done():
		return false
	case <-i.reporter.done:
		return false
	}
	select {
	case <-change:
	case <-alive.C:
	case <-r.Context().Done():
		return false
	}
	return true
}
