package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"courier/internal/store"
)

// The rhythm of the housekeeping.
const (
	choreInterval   = time.Second
	rerouteInterval = 10 * time.Second
	// callTimeout bounds one call of the store.
	callTimeout = 30 * time.Second
	// expireBatch is the most messages of one call, and expireRound how long a round
	// of calls lasts at most before it is reported and the next begins.
	expireBatch = 500
	expireRound = time.Second
	// A node on which a chore fails for dutyPatience leaves the housekeeping to another
	// for asideFor.
	dutyPatience = 10 * time.Second
	asideFor     = time.Minute
)

// chore is one piece of the housekeeping. Each has a goroutine and time-outs of
// its own, so that none waits for another: the leases of a dead node come back
// while a million messages expire.
type chore struct {
	// name is what the chore does, for the log.
	name string
	// round does a bounded piece of work and reports whether there is more.
	round func(ctx context.Context) (more bool, err error)
	wake  chan struct{}
	// failingSince is when the first of the last rounds failed, zero if the last did not.
	failingSince time.Time
}

func newChore(name string, round func(context.Context) (bool, error)) *chore {
	return &chore{name: name, round: round, wake: make(chan struct{}, 1)}
}

func (n *Node) chores() []*chore {
	return []*chore{n.reclaiming, n.rerouting, n.expiring, n.forgetting}
}

// keepDoing does a chore until ctx ends, while it is this node's to do. A fault is
// logged, and the next round tries again.
func (n *Node) keepDoing(ctx context.Context, c *chore) {
	ticker := time.NewTicker(choreInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		more, err := false, error(nil)
		if n.OnDuty() {
			more, err = c.round(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		n.health.Set(ctx, c.name, err)
		n.judgeDuty(ctx, c, err)
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-c.wake:
		}
	}
}

// judgeDuty gives the housekeeping to another node when a chore keeps failing on
// this one. When none takes it, this one tries again after a while.
func (n *Node) judgeDuty(ctx context.Context, c *chore, err error) {
	now := n.options.TickFunc()
	switch {
	case err == nil:
		c.failingSince = time.Time{}
	case c.failingSince.IsZero():
		c.failingSince = now
	case now.Sub(c.failingSince) >= dutyPatience && n.Nodes() > 1:
		c.failingSince = time.Time{}
		until := now.Add(asideFor)
		n.aside.Store(&until)
		wake(n.beatNow)
		n.logger.WarnContext(ctx, "this node cannot do the housekeeping; another one is to do it",
			slog.String("operation", c.name), slog.String("error", err.Error()))
	}
}

// reclaimRound takes back the leases of nodes that are no more. Those that lapsed
// are taken back too unless what this node came to may be waiting to be written:
// that would be overtaken. A sole node leaves them: it knows of each, and the clock
// of its machine may be set while an attempt is under way.
func (n *Node) reclaimRound(ctx context.Context) (bool, error) {
	// A node that was cut off waits for a lapse before it judges who is dead: what cut
	// it off may have cut off the others too, and those that are alive beat again by then.
	if !n.alone && n.options.TickFunc().Sub(n.last.Load().termAt) < n.options.Lapse {
		return false, nil
	}
	hold, except := n.engine.HoldUnknown()
	more, err := n.reclaim(ctx, store.Reclaim{Hold: hold, Gateways: except, Except: true})
	if err == nil && len(except) > 0 {
		var others bool
		others, err = n.reclaim(ctx, store.Reclaim{Hold: !hold, Gateways: except})
		more = more || others
	}
	return more, err
}

// reclaim is reclaimRound for some gateways, whose messages become the same.
func (n *Node) reclaim(ctx context.Context, r store.Reclaim) (bool, error) {
	r.Node, r.Now, r.Lapsed = n.options.Node, n.now(), !n.alone && !n.engine.Behind()
	count, more, err := call(ctx, func(ctx context.Context) (int, error) { return n.store.Reclaim(ctx, r) })
	if count > 0 {
		n.metrics.reclaimed.Add(float64(count))
		n.logger.WarnContext(ctx, "reclaimed messages whose attempt was cut short; with on_unknown resend a recipient may get one twice",
			slog.Int("count", count), slog.String("on_unknown", map[bool]string{true: "hold", false: "resend"}[r.Hold]))
		n.engine.Wake()
	}
	if err != nil {
		return false, fmt.Errorf("reclaim messages of a crashed process: %w", err)
	}
	return more, nil
}

// call makes one bounded call of the store. One that changed something until its
// time was over did not fail: there is more.
func call(ctx context.Context, do func(context.Context) (int, error)) (count int, more bool, err error) {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	count, err = do(callCtx)
	if count > 0 && errors.Is(err, context.DeadlineExceeded) {
		return count, true, nil
	}
	return count, false, err
}

// askReroute has messages rerouted as soon as it can be.
func (n *Node) askReroute() {
	n.rerouteAsked.Store(true)
	wake(n.rerouting.wake)
}

// rerouteRound looks once the other nodes know the gateways of this one, or each
// would give away the messages of the other's new gateways. The beat that tells
// them wakes this chore.
func (n *Node) rerouteRound(ctx context.Context) (bool, error) {
	if n.rerouteAt.IsZero() {
		n.rerouteAt = n.options.TickFunc().Add(rerouteInterval) // a start has just looked
	}
	due := n.rerouteAsked.Load() || !n.options.TickFunc().Before(n.rerouteAt)
	if !due || !slices.Equal(n.last.Load().gateways, n.engine.Gateways()) {
		return false, nil
	}
	return n.reroute(ctx)
}

// reroute gives the queued messages of gateways that no node has to the first of
// this node's.
func (n *Node) reroute(ctx context.Context) (more bool, err error) {
	n.rerouteAsked.Store(false)
	last := n.last.Load()
	own := last.gateways
	count := 0
	if len(own) > 0 {
		known := slices.Sorted(slices.Values(slices.Concat(own, last.standing.Gateways)))
		count, more, err = call(ctx, func(ctx context.Context) (int, error) {
			return n.store.Reroute(ctx, slices.Compact(known), own[0], n.now())
		})
	}
	if count > 0 {
		n.logger.WarnContext(ctx, "gave the messages of gateways that are no longer configured to the first one",
			slog.Int("count", count), slog.String("gateway", own[0]))
		n.engine.Rerouted(own[0])
	}
	if err != nil || more {
		n.rerouteAsked.Store(true)
	}
	n.rerouteAt = n.options.TickFunc().Add(rerouteInterval)
	if err != nil {
		return false, fmt.Errorf("reroute messages of removed gateways: %w", err)
	}
	return more, nil
}

// expireRound moves what is past its expiry, in batches, while that is this node's to do.
func (n *Node) expireRound(ctx context.Context) (more bool, err error) {
	began, total, count := time.Now(), 0, expireBatch
	for err == nil && count == expireBatch && n.OnDuty() && time.Since(began) < expireRound {
		count, _, err = call(ctx, func(ctx context.Context) (int, error) { return n.store.Expire(ctx, n.now(), expireBatch) })
		total += count
	}
	if total > 0 {
		n.engine.CountExpired(total)
		n.logger.InfoContext(ctx, "expired messages that no gateway took in time", slog.Int("count", total))
	}
	return count == expireBatch, err
}
