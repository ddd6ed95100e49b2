package cluster

import (
	"context"
	"log/slog"
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
	// retentionInterval is how long nothing is looked for after all that was old is gone.
	retentionInterval = 10 * time.Second
)

// retention takes the content out of old messages, and deletes older ones.
type retention struct {
	node         *Node
	scrub, purge *sweep
	// lookAt is when to look again, unless the rules change.
	lookAt time.Time
}

// sweep is one of the two things that happen to old messages.
type sweep struct {
	do      func(ctx context.Context, sweep store.Sweep) (int, error)
	counter prometheus.Counter
	// name is what it is called in the log.
	name string
	// after is how old the messages are, 0 for never.
	after time.Duration
	// size is how many messages the next batch takes.
	size int
}

func newRetention(n *Node) *retention {
	return &retention{
		node:  n,
		purge: &sweep{do: n.store.Purge, counter: n.metrics.purged, name: "delete", size: firstBatch},
		scrub: &sweep{do: n.store.Scrub, counter: n.metrics.scrubbed, name: "scrub", size: firstBatch},
	}
}

// round is one batch of each sweep. Deletion comes first: what is deleted need not
// be scrubbed before.
func (r *retention) round(ctx context.Context) (more bool, err error) {
	scrubAfter, deleteAfter := r.node.engine.Retention()
	changed := scrubAfter != r.scrub.after || deleteAfter != r.purge.after
	if !changed && time.Now().Before(r.lookAt) {
		return false, nil
	}
	r.scrub.after, r.purge.after = scrubAfter, deleteAfter
	for _, s := range []*sweep{r.purge, r.scrub} {
		if s.after == 0 {
			continue
		}
		if !r.node.OnDuty() {
			return false, nil
		}
		full, err := r.batch(ctx, s)
		if err != nil {
			return false, err
		}
		more = more || full
	}
	if !r.node.OnDuty() {
		return false, nil
	}
	count, _, err := call(ctx, func(ctx context.Context) (int, error) { return r.node.store.PurgeUsage(ctx, r.node.now(), mostBatch) })
	if err != nil {
		return false, err
	}
	if more = more || count == mostBatch; !more {
		r.lookAt = time.Now().Add(retentionInterval)
	}
	return more, nil
}

// batch sweeps the oldest messages, pauses, and reports whether there may be more.
func (r *retention) batch(ctx context.Context, s *sweep) (full bool, err error) {
	began, now := time.Now(), r.node.now()
	count, _, err := call(ctx, func(ctx context.Context) (int, error) {
		return s.do(ctx, store.Sweep{Now: now, Before: now.Add(-s.after), Limit: s.size})
	})
	if count > 0 {
		s.counter.Add(float64(count))
		r.node.logger.DebugContext(ctx, "forgot old messages", slog.String("chore", s.name), slog.Int("count", count))
	}
	if err != nil {
		return false, err
	}
	took, full := time.Since(began), count == s.size
	s.pace(took, full)
	select {
	case <-time.After(took):
	case <-ctx.Done():
		err = ctx.Err()
	}
	return full, err
}

// pace fits the size of the next batch to how long the last one took, which a
// batch that was not full says little about.
func (s *sweep) pace(took time.Duration, full bool) {
	switch {
	case took > batchTime:
		s.size = max(s.size/2, leastBatch)
	case full && took < batchTime/3:
		s.size = min(s.size*2, mostBatch)
	}
}
