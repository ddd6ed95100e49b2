package dispatch

import (
	"context"
	"maps"
	"sync"
	"time"

	"courier"
	"courier/internal/store"
)

// holds are the queues of messages that wait for older ones with their keys, which this
// node has in flight. The messages of other nodes are told of by the store.
type holds struct {
	mu   sync.Mutex
	held map[store.PlaceKey]hold
	// limit is how many are kept before those that wait no more are looked for.
	limit int
}

// hold is a message that waits in a queue until a time, if not for shorter.
type hold struct {
	id    courier.ID
	queue *queue
	until time.Time
}

const leastHolds = 1000

// add notes a message that waits.
func (h *holds) add(m *courier.Message, q *queue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.held) >= h.limit {
		maps.DeleteFunc(h.held, func(_ store.PlaceKey, other hold) bool { return other.until.Before(m.CreatedAt) })
		h.limit = max(leastHolds, 2*len(h.held))
	}
	if h.held == nil {
		h.held = make(map[store.PlaceKey]hold)
	}
	h.held[store.PlaceKeyOf(m)] = hold{m.ID, q, m.NextAttemptAt}
}

// end returns the queue in which a message may be due now that an older one is settled, or nil.
func (h *holds) end(m *courier.Message) *queue {
	if m.SupersedeKey == "" {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := store.PlaceKeyOf(m)
	waiting := h.held[key]
	if waiting.id == m.ID {
		delete(h.held, key)
		return nil
	}
	return waiting.queue
}

// isSuperseded reports whether a newer message may go out before this one, whose attempt
// was held up on its way to the gateway for longer than the newer one waits.
func (s *sender) isSuperseded(ctx context.Context, m *courier.Message) bool {
	wait := s.engine.routing.Load().settings.SupersedeWait
	if m.SupersedeKey == "" || wait == 0 || s.engine.now().Sub(later(m.CreatedAt, m.UpdatedAt)) < wait/2 {
		return false
	}
	now, _, err := s.engine.store.Message(ctx, m.ID)
	return err != nil || !now.SupersededBy.IsZero()
}
