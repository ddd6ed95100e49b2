package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"courier/internal/store"
)

// Start makes this node known to the others, takes back the leases of crashed
// processes, gives the messages of gateways that are gone to the first one, and
// begins to dispatch. The context
// bounds the start alone. An error means that nothing runs; it tells what the
// store could not do. An engine starts once.
func (e *Engine) Start(ctx context.Context) error {
	ctx, err := e.lifetime.begin(ctx)
	if err != nil {
		return err
	}
	defer e.lifetime.endStart()
	err = e.recover(ctx)
	if err == nil {
		err = e.lifetime.started(e.launch)
	}
	if err != nil {
		e.member.leaveAfterFault(ctx)
		e.lifetime.abort()
	}
	return err
}

// launch begins the loops.
func (e *Engine) launch() {
	t := &e.lifetime
	go e.settler.run(t.storeCtx)
	t.duties.Go(func() { e.member.run(t.dutyCtx) })
	t.duties.Go(func() { e.keeper.run(t.dutyCtx) })
	if wakes := e.store.Wakes(); wakes != nil {
		t.loops.Go(func() { e.heed(t.loopCtx, wakes) })
	}
	for _, l := range e.route.Load().lanes {
		l.start(t.loopCtx, &t.loops)
	}
}

// recover makes this node known, before it leases anything, and brings the queue
// that the processes before left behind in order, unless another node does.
func (e *Engine) recover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := e.member.join(ctx)
	if err == nil && e.member.onDuty() {
		err = e.keeper.takeOver(ctx)
	}
	if err != nil {
		return fmt.Errorf("start dispatcher: %w; check store.dsn, and the disk or the server it is on", err)
	}
	return nil
}

// reclaim takes back the leases of nodes that are no more. Those that lapsed are
// taken back too unless what this node came to may be waiting to be written: that
// would be overtaken. A sole node leaves them: it knows of each, and the clock of
// its machine may be set while an attempt is under way.
func (e *Engine) reclaim(ctx context.Context) error {
	policy := e.route.Load().settings.OnUnknown
	count, err := e.store.Reclaim(ctx, store.Reclaim{
		Node: e.node, Now: e.now(), Hold: policy == HoldUnknown, Lapsed: !e.member.alone && !e.settler.behind(),
	})
	if err != nil {
		return fmt.Errorf("reclaim messages of a crashed process: %w", err)
	}
	if count > 0 {
		e.metrics.reclaimed.Add(float64(count))
		e.logger.WarnContext(ctx, "reclaimed messages whose attempt was cut short; with on_unknown resend a recipient may get one twice",
			slog.Int("count", count), slog.String("on_unknown", string(policy)))
		e.Wake()
	}
	return nil
}

// reroute gives the queued messages of gateways that no node has to the first one.
func (e *Engine) reroute(ctx context.Context, r *route) error {
	if r.fallback == nil {
		return nil
	}
	known := append(r.names(), e.member.presence.Load().standing.Gateways...)
	slices.Sort(known)
	count, err := e.store.Reroute(ctx, slices.Compact(known), r.fallback.name, e.now())
	if err != nil {
		return fmt.Errorf("reroute messages of removed gateways: %w", err)
	}
	if count > 0 {
		e.logger.WarnContext(ctx, "gave the messages of gateways that are no longer configured to the first one",
			slog.Int("count", count), slog.String("gateway", r.fallback.name))
		r.fallback.note(e.now(), true)
	}
	return nil
}
