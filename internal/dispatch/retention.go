package dispatch

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier/internal/store"
)

// The pace of retention. A batch may hold others up, so it is as large as takes
// batchTime; the pause after it is as long, so that whoever waited is served
// before the next.
const (
	batchTime  = 10 * time.Millisecond
	firstBatch = 100
	leastBatch = 50
	mostBatch  = 500
	// retentionBudget is how long the batches and pauses of one round of the keeper last.
	retentionBudget = 900 * time.Millisecond
	// retentionInterval is how long nothing is looked for after all that was old is gone.
	retentionInterval = 10 * time.Second
)

// Retention says how long messages are kept after their last change, once they
// are sent or final. 0 keeps them for ever.
type Retention struct {
	// ScrubAfter is when the content is taken out.
	ScrubAfter time.Duration
	// DeleteAfter is when the message is deleted. A scrub counts as a change.
	DeleteAfter time.Duration
}

// retention takes the content out of old messages, and deletes older ones.
type retention struct {
	engine *Engine
	// rules are those of the last round, and lookAt is when to look again by them.
	rules        Retention
	lookAt       time.Time
	scrub, purge *chore
}

// chore is one of the two things that happen to old messages.
type chore struct {
	do      func(ctx context.Context, sweep store.Sweep) (int, error)
	counter prometheus.Counter
	// name is what it is called in the log.
	name string
	// after is how old the messages are.
	after time.Duration
	// size is how many messages the next batch takes.
	size int
}

func newRetention(e *Engine) *retention {
	return &retention{
		engine: e,
		purge:  &chore{do: e.store.Purge, counter: e.metrics.purged, name: "delete", size: firstBatch},
		scrub:  &chore{do: e.store.Scrub, counter: e.metrics.scrubbed, name: "scrub", size: firstBatch},
	}
}

// run is one round: batches of the chores in turn until nothing old is left or
// the budget is spent, in which case the next round goes on.
func (r *retention) run(ctx context.Context) error {
	began := time.Now()
	rules := r.engine.route.Load().settings.Retention
	if rules == r.rules && began.Before(r.lookAt) {
		return nil
	}
	r.rules = rules
	for left := r.chores(); len(left) > 0; {
		start, next := time.Now(), left[0]
		more, err := r.batch(ctx, next)
		if err != nil {
			return err
		}
		if left = left[1:]; more {
			left = append(left, next)
		}
		took := time.Since(start)
		next.pace(took, more)
		if time.Since(began) > retentionBudget {
			return nil
		}
		if err := rest(ctx, took); err != nil {
			return err
		}
	}
	r.lookAt = time.Now().Add(retentionInterval)
	return nil
}

// chores returns what the rules ask for. Deletion comes first: what is deleted
// need not be scrubbed before.
func (r *retention) chores() []*chore {
	r.purge.after, r.scrub.after = r.rules.DeleteAfter, r.rules.ScrubAfter
	return slices.DeleteFunc([]*chore{r.purge, r.scrub}, func(c *chore) bool { return c.after == 0 })
}

// batch does a chore for the oldest messages and reports whether there may be more.
func (r *retention) batch(ctx context.Context, c *chore) (bool, error) {
	now := r.engine.now()
	count, err := c.do(ctx, store.Sweep{Now: now, Before: now.Add(-c.after), Limit: c.size})
	if count > 0 {
		c.counter.Add(float64(count))
		r.engine.logger.DebugContext(ctx, "forgot old messages", slog.String("chore", c.name), slog.Int("count", count))
	}
	return count == c.size, err
}

// pace fits the size of the next batch to how long the last one took, which a
// batch that was not full says little about.
func (c *chore) pace(took time.Duration, full bool) {
	switch {
	case took > batchTime:
		c.size = max(c.size/2, leastBatch)
	case full && took < batchTime/3:
		c.size = min(c.size*2, mostBatch)
	}
}

// rest waits until a time has passed or ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
