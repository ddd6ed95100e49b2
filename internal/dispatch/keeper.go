package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// The rhythm of the keeper.
const (
	keeperInterval  = time.Second
	rerouteInterval = 10 * time.Second
	expireBatch     = 500
)

// errOffDuty ends a piece of housekeeping that has become another node's.
var errOffDuty = errors.New("another node does the housekeeping now")

// keeper does the housekeeping while it is this node's: it takes back the leases
// of nodes that died, gives the messages of removed gateways to another, expires
// messages in time, and forgets what is old.
type keeper struct {
	engine    *Engine
	rerouting atomic.Bool
	wake      chan struct{}
	rerouteAt time.Time
	retention *retention
}

func newKeeper(e *Engine) *keeper {
	return &keeper{engine: e, wake: make(chan struct{}, 1), retention: newRetention(e)}
}

// poke has the keeper look at once.
func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// requestReroute has queued messages of unknown gateways looked for soon.
func (k *keeper) requestReroute() {
	k.rerouting.Store(true)
	k.poke()
}

// takeOver is the housekeeping of a start.
func (k *keeper) takeOver(ctx context.Context) error {
	if k.engine.member.mayReclaim() {
		if err := k.engine.reclaim(ctx); err != nil {
			return err
		}
	}
	k.rerouteAt = k.engine.now().Add(rerouteInterval)
	return k.engine.reroute(ctx, k.engine.route.Load())
}

// run keeps the queue until ctx ends.
func (k *keeper) run(ctx context.Context) {
	ticker := time.NewTicker(keeperInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		k.keep(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-k.wake:
		}
	}
}

// keep does what is to be done now, if it is this node's to do, first what others
// wait for. A fault is logged, and the next round tries again.
func (k *keeper) keep(ctx context.Context) {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	k.do(ctx, opReclaim, func() error {
		if !k.engine.member.mayReclaim() {
			return nil
		}
		return k.engine.reclaim(callCtx)
	})
	if k.rerouteIsDue() {
		k.do(ctx, opReroute, func() error { return k.reroute(callCtx) })
	}
	k.do(ctx, opExpire, func() error { return k.expire(callCtx) })
	k.do(ctx, opRetain, func() error { return k.retention.run(callCtx) })
}

// do runs a step unless it is another node's.
func (k *keeper) do(ctx context.Context, op operation, step func() error) {
	err := errOffDuty
	if k.engine.member.onDuty() {
		err = step()
	}
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, errOffDuty) {
		err = nil // what failed here is no longer this node's
	}
	k.engine.faults.set(ctx, op, err)
}

// rerouteIsDue reports whether to look for messages of unknown gateways: when
// asked to, and now and then, as other nodes come and go.
func (k *keeper) rerouteIsDue() bool {
	return k.rerouting.Load() || !k.engine.now().Before(k.rerouteAt)
}

// reroute looks once the other nodes know the gateways of this one, or each
// would give away the messages of the other's new gateways. The beat that tells
// them wakes the keeper.
func (k *keeper) reroute(ctx context.Context) error {
	r := k.engine.route.Load()
	if k.engine.member.presence.Load().told != r {
		return nil
	}
	k.rerouting.Store(false)
	if err := k.engine.reroute(ctx, r); err != nil {
		k.rerouting.Store(true)
		return err
	}
	k.rerouteAt = k.engine.now().Add(rerouteInterval)
	return nil
}

// expire moves what is past its expiry, in batches.
func (k *keeper) expire(ctx context.Context) error {
	total := 0
	for {
		count, err := k.engine.store.Expire(ctx, k.engine.now(), expireBatch)
		total += count
		if err == nil && count == expireBatch && ctx.Err() == nil {
			if k.engine.member.onDuty() {
				continue
			}
			err = errOffDuty
		}
		if total > 0 {
			k.engine.metrics.expired.Add(float64(total))
			k.engine.logger.InfoContext(ctx, "expired messages that no gateway took in time", slog.Int("count", total))
		}
		return err
	}
}
