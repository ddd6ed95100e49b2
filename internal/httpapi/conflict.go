package httpapi

import (
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"courier"
)

// Who guesses at the text of a message under its idempotency key learns from the
// answer whether the guess was right. These bounds make that hopeless and are far
// from what a program does by mistake: different messages under one key, and
// conflicts of one caller over all its keys.
const (
	maxTried       = 10
	triedFor       = 10 * time.Minute
	maxConflicts   = 1000
	conflictWindow = 10 * time.Second
)

// conflicts counts the idempotency conflicts of callers. The zero value has none.
type conflicts struct {
	mu    sync.Mutex
	tried map[idempotency]*tries
	// callers has the conflicts of each caller since the window began.
	callers map[string]int
	window  time.Time
	// swept is when keys were last forgotten that nobody tries any more.
	swept time.Time
}

type idempotency struct{ caller, key string }

// tries are the messages sent under one key, by their fingerprint: those under way
// are counted, and those that were in conflict stay counted.
type tries struct {
	count map[[32]byte]int
	until time.Time
}

// begin returns a function to call with whether the message was in conflict with an
// earlier one, nil for none, or an error when there were too many.
func (c *conflicts) begin(m *courier.Message) (end func(conflict bool), err error) {
	if m.IdempotencyKey == "" {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.forget(now)
	if c.callers[m.Caller] >= maxConflicts {
		return nil, tooManyConflicts(conflictWindow-now.Sub(c.window), "too many messages were sent under idempotency keys that others have")
	}
	key := idempotency{m.Caller, m.IdempotencyKey}
	under := c.tried[key]
	if under == nil || !under.until.After(now) {
		under = &tries{count: make(map[[32]byte]int, 1), until: now.Add(triedFor)}
		c.tried[key] = under
	}
	if under.count[m.Fingerprint] == 0 && len(under.count) >= maxTried {
		return nil, tooManyConflicts(under.until.Sub(now), "too many different messages were sent under this idempotency key; use a new key for another message, or repeat the first one")
	}
	under.count[m.Fingerprint]++
	return func(conflict bool) { c.end(m, under, conflict) }, nil
}

func tooManyConflicts(wait time.Duration, text string) error {
	seconds := strconv.Itoa(int((wait + time.Second - 1) / time.Second))
	return &courier.Error{
		Code: courier.CodeRateLimited, Field: fieldKey, Err: &headerError{"Retry-After", seconds},
		Message: fmt.Sprintf("%s; the courier takes it again in %s", text, max(wait.Round(time.Second), time.Second)),
	}
}

func (c *conflicts) end(m *courier.Message, under *tries, conflict bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conflict {
		c.callers[m.Caller]++
		under.until = time.Now().Add(triedFor)
		return
	}
	if under.count[m.Fingerprint]--; under.count[m.Fingerprint] > 0 {
		return
	}
	delete(under.count, m.Fingerprint)
	if key := (idempotency{m.Caller, m.IdempotencyKey}); len(under.count) == 0 && c.tried[key] == under {
		delete(c.tried, key)
	}
}

// forget drops what is over.
func (c *conflicts) forget(now time.Time) {
	if now.Sub(c.window) >= conflictWindow {
		c.window, c.callers = now, make(map[string]int)
	}
	if c.tried == nil {
		c.tried = make(map[idempotency]*tries)
	}
	if now.Sub(c.swept) >= triedFor {
		c.swept = now
		maps.DeleteFunc(c.tried, func(_ idempotency, t *tries) bool { return !t.until.After(now) })
	}
}
