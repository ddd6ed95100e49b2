package gatewaytest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Request is one request that the gateway received.
type Request struct {
	// ID is the id that the answer gives.
	ID         string
	Method     string
	Target     string
	Host       string
	Header     http.Header
	Body       []byte
	ReceivedAt time.Time
	// Status is the status of the answer, 0 for none.
	Status int
	// Truncated is true when only the beginning of the body is kept.
	Truncated bool
	// Taken is the message that an emulator took, nil for none.
	Taken *Message
	// Note is what Options.NoteFunc made of the request.
	Note any
}

// requestLog keeps the latest requests within a number and a total of bytes.
type requestLog struct {
	mu       sync.Mutex
	kept     []Request
	first    int
	bytes    int64
	total    int
	changed  chan struct{}
	maxKept  int
	maxBytes int64
}

func (l *requestLog) add(request Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, request)
	l.bytes += size(&request)
	l.total++
	for len(l.kept)-l.first > l.maxKept || l.bytes > l.maxBytes && len(l.kept)-l.first > 1 {
		l.bytes -= size(&l.kept[l.first])
		l.kept[l.first] = Request{}
		l.first++
	}
	if l.first > len(l.kept)/2 && l.first > 64 { // amortised: each request moves once
		l.kept = append(make([]Request, 0, len(l.kept)), l.kept[l.first:]...)
		l.first = 0
	}
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// size estimates what a request occupies.
func size(request *Request) int64 {
	const overhead = 512
	bytes := overhead + len(request.Body) + len(request.Target)
	for name, values := range request.Header {
		for _, value := range values {
			bytes += len(name) + len(value) + 32
		}
	}
	return int64(bytes)
}

func (l *requestLog) all() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Request(nil), l.kept[l.first:]...)
}

func (l *requestLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

func (l *requestLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept, l.first, l.bytes, l.total = nil, 0, 0, 0
}

// wait returns when n requests were received since the last clear.
func (l *requestLog) wait(ctx context.Context, n int) error {
	for {
		l.mu.Lock()
		total := l.total
		if total >= n {
			l.mu.Unlock()
			return nil
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d requests, %d came: %w", n, total, ctx.Err())
		}
	}
}
