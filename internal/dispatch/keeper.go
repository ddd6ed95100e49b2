package dispatch

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// The rhythm of the keeper.
const (
	keeperInterval = time.Second
	expireBatch    = 500
)

// keeper expires messages in time, gives those of removed gateways to another,
// takes back the leases of nodes that died while this one runs, and forgets what
// is old.
type keeper struct {
	engine    *Engine
	rerouting atomic.Bool
	wake      chan struct{}
	reclaimAt time.Time
	retention *retention
}

func newKeeper(e *Engine) *keeper {
	return &keeper{engine: e, wake: make(chan struct{}, 1), retention: newRetention(e)}
}

// requestReroute has queued messages of unknown gateways looked for soon.
func (k *keeper) requestReroute() {
	k.rerouting.Store(true)
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run keeps the queue until ctx ends.
func (k *keeper) run(ctx context.Context) {
	ticker := time.NewTicker(keeperInterval)
	defer ticker.Stop()
	k.reclaimAt = k.engine.now().Add(k.engine.leaseDuration / 2)
	for ctx.Err() == nil {
		k.keep(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-k.wake:
		}
	}
}

// keep does what is to be done now. A fault is logged, and the next round tries again.
func (k *keeper) keep(ctx context.Context) {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	k.do(ctx, opExpire, func() error { return k.expire(callCtx) })
	if k.rerouting.Swap(false) {
		failed := k.do(ctx, opReroute, func() error { return k.engine.reroute(callCtx) })
		k.rerouting.CompareAndSwap(false, failed)
	}
	if now := k.engine.now(); !now.Before(k.reclaimAt) {
		k.do(ctx, opReclaim, func() error { return k.engine.reclaim(callCtx) })
		k.reclaimAt = now.Add(k.engine.leaseDuration / 2)
	}
	k.do(ctx, opRetain, func() error { return k.retention.run(callCtx) })
}

// do runs a step and reports whether it failed for another reason than the end of ctx.
func (k *keeper) do(ctx context.Context, op operation, step func() error) bool {
	err := step()
	if ctx.Err() != nil {
		return err != nil
	}
	k.engine.faults.set(ctx, op, err)
	return err != nil
}

// expire moves what is past its expiry, in batches.
func (k *keeper) expire(ctx context.Context) error {
	total := 0
	for {
		count, err := k.engine.store.Expire(ctx, k.engine.now(), expireBatch)
		total += count
		if err == nil && count == expireBatch && ctx.Err() == nil {
			continue
		}
		if total > 0 {
			k.engine.metrics.expired.Add(float64(total))
			k.engine.logger.InfoContext(ctx, "expired messages that no gateway took in time", slog.Int("count", total))
		}
		return err
	}
}
