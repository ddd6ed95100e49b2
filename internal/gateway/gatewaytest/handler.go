package gatewaytest

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Options describes a fake gateway.
type Options struct {
	// Default is the behavior when the script has ended.
	Default Behavior
	// BehaviorFunc decides for each request instead of Default, when it is set.
	BehaviorFunc func(*http.Request) Behavior
	// NoteFunc makes what is kept in Request.Note, nil for nothing. It sees the whole body.
	NoteFunc func(*Request) any
	// OnRequestFunc sees every recorded request before it is answered.
	OnRequestFunc func(Request)
	// MaxBody is the largest body that is taken, 0 is 16 MiB; a larger one is answered with 413.
	MaxBody int64
	// KeepBody is how much of a body is kept, 0 is 64 KiB.
	KeepBody int
	// Keep is the number of requests that are kept, 0 is 100,000.
	Keep int
	// KeepBytes bounds what they occupy, 0 is 256 MiB.
	KeepBytes int64
	// NowFunc is the clock, nil is time.Now.
	NowFunc func() time.Time
}

func (o *Options) setDefaults() {
	if o.MaxBody <= 0 {
		o.MaxBody = 16 << 20
	}
	if o.KeepBody <= 0 {
		o.KeepBody = 64 << 10
	}
	if o.Keep <= 0 {
		o.Keep = 100_000
	}
	if o.KeepBytes <= 0 {
		o.KeepBytes = 256 << 20
	}
	if o.NowFunc == nil {
		o.NowFunc = time.Now
	}
}

// Handler is the fake gateway. It is safe for concurrent use.
type Handler struct {
	options Options
	log     requestLog
	done    chan struct{}
	once    sync.Once

	mu       sync.Mutex
	script   []Behavior
	override *Behavior
}

// New returns a gateway that treats requests as Options says.
func New(options Options) *Handler {
	options.setDefaults()
	return &Handler{
		options: options,
		log:     requestLog{maxKept: options.Keep, maxBytes: options.KeepBytes},
		done:    make(chan struct{}),
	}
}

// Close releases the requests that wait or hang. It is idempotent.
func (h *Handler) Close() { h.once.Do(func() { close(h.done) }) }

// Script appends behaviors, one for each request to come.
func (h *Handler) Script(behaviors ...Behavior) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.script = append(h.script, behaviors...)
}

// Override has every request treated in one way, but for those that Script is for. Nil
// ends it.
func (h *Handler) Override(with *Behavior) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.override = with
}

// Requests returns the requests that are kept, the oldest first.
func (h *Handler) Requests() []Request { return h.log.all() }

// Count returns how many requests were received since the last Clear.
func (h *Handler) Count() int { return h.log.count() }

// Clear forgets the requests. The script goes on.
func (h *Handler) Clear() { h.log.clear() }

// WaitFor returns when n requests were received since the last Clear, or with
// the context's error.
func (h *Handler) WaitFor(ctx context.Context, n int) error { return h.log.wait(ctx, n) }
