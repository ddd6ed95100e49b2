package httpapi

import (
	"sync"
	"time"

	"courier"
)

// Who guesses at the text of a message under its idempotency key learns from the
// answer whether the guess was right. These bounds make that hopeless and are far
// from what a program does by mistake: so many different messages under one key,
// and so many conflicts of one caller over all its keys.
const (
	maxTried       = 10
	triedFor       = 10 * time.Minute
	maxConflicts   = 1000
	conflictWindow = 10 * time.Second
)

// conflicts counts the idempotency conflicts of callers.
type conflicts struct {
	mu      sync.Mutex
	tried   map[idempotency]tries
	callers map[string]window
	// swept is when what is over was last dropped.
	swept time.Time
}

type idempotency struct{ caller, key string }

// tries are the messages that were sent under one key, by their fingerprint:
// those under way and those that were in conflict.
type tries map[[32]byte]try

type try struct {
	underWay   int
	conflictAt time.Time
}

// window counts the conflicts of one caller.
type window struct {
	since time.Time
	count int
}

func newConflicts() *conflicts {
	return &conflicts{tried: make(map[idempotency]tries), callers: make(map[string]window)}
}

// begin returns for how long the message is not to be asked for, 0 when it may
// be now. Then end is to be called.
func (c *conflicts) begin(m *courier.Message) time.Duration {
	if m.IdempotencyKey == "" {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.sweep(now)
	if w := c.callers[m.Caller]; w.count >= maxConflicts && now.Sub(w.since) < conflictWindow {
		return conflictWindow - now.Sub(w.since)
	}
	key := idempotency{m.Caller, m.IdempotencyKey}
	under := c.tried[key]
	if under == nil {
		under = make(tries, 1)
		c.tried[key] = under
	}
	t, known := under[m.Fingerprint]
	if !known && len(under) >= maxTried {
		if wait := under.drop(now); wait > 0 {
			return wait
		}
	}
	t.underWay++
	under[m.Fingerprint] = t
	return 0
}

// end takes in whether the message was in conflict with an earlier one.
func (c *conflicts) end(m *courier.Message, conflict bool) {
	if m.IdempotencyKey == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := idempotency{m.Caller, m.IdempotencyKey}
	t := c.tried[key][m.Fingerprint]
	t.underWay--
	if conflict {
		t.conflictAt = time.Now()
		w := c.callers[m.Caller]
		if t.conflictAt.Sub(w.since) >= conflictWindow {
			w = window{since: t.conflictAt}
		}
		w.count++
		c.callers[m.Caller] = w
	}
	c.tried[key][m.Fingerprint] = t
	if t.underWay > 0 || !t.conflictAt.IsZero() {
		return
	}
	if delete(c.tried[key], m.Fingerprint); len(c.tried[key]) == 0 {
		delete(c.tried, key)
	}
}

// drop forgets the conflicts that are over. It returns how long until there is
// room for another message.
func (t tries) drop(now time.Time) time.Duration {
	wait := triedFor
	for fingerprint, one := range t {
		left := time.Second // of one under way
		if one.underWay == 0 {
			left = triedFor - now.Sub(one.conflictAt)
		}
		if left <= 0 {
			delete(t, fingerprint)
			continue
		}
		wait = min(wait, left)
	}
	if len(t) < maxTried {
		return 0
	}
	return wait
}

// sweep drops what is over, once in a while.
func (c *conflicts) sweep(now time.Time) {
	if now.Sub(c.swept) < triedFor {
		return
	}
	c.swept = now
	for key, under := range c.tried {
		if under.drop(now); len(under) == 0 {
			delete(c.tried, key)
		}
	}
}
