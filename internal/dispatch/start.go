package dispatch

import (
	"context"
	"fmt"
	"log/slog"

	"courier/internal/store"
)

// Start takes back the leases of crashed processes, gives the messages of
// gateways that are gone to the first one, and begins to dispatch. The context
// bounds the start alone. An error means that nothing runs; it tells what the
// store could not do. An engine starts once.
func (e *Engine) Start(ctx context.Context) error {
	ctx, err := e.lifetime.begin(ctx)
	if err != nil {
		return err
	}
	defer e.lifetime.endStart()
	if err := e.recover(ctx); err != nil {
		e.lifetime.abort()
		return err
	}
	if err := e.lifetime.started(e.launch); err != nil {
		e.lifetime.abort()
		return err
	}
	return nil
}

// launch begins the loops.
func (e *Engine) launch() {
	t := &e.lifetime
	go e.settler.run(t.storeCtx)
	t.loops.Go(func() { e.keeper.run(t.loopCtx) })
	for _, l := range e.route.Load().lanes {
		l.start(t.loopCtx, &t.loops)
	}
}

// recover brings the queue that the process before left behind in order.
func (e *Engine) recover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := e.reclaim(ctx); err != nil {
		return fmt.Errorf("start dispatcher: %w; check store.dsn and the disk it is on", err)
	}
	if err := e.reroute(ctx); err != nil {
		return fmt.Errorf("start dispatcher: %w; check store.dsn and the disk it is on", err)
	}
	return nil
}

// reclaim takes back the leases of nodes that are no more.
func (e *Engine) reclaim(ctx context.Context) error {
	policy := e.route.Load().settings.OnUnknown
	count, err := e.store.Reclaim(ctx, store.Reclaim{Node: e.node, Now: e.now(), Hold: policy == HoldUnknown})
	if err != nil {
		return fmt.Errorf("reclaim messages of a crashed process: %w", err)
	}
	if count > 0 {
		e.logger.WarnContext(ctx, "reclaimed messages whose attempt was cut short; with on_unknown resend a recipient may get one twice",
			slog.Int("count", count), slog.String("on_unknown", string(policy)))
		e.Wake()
	}
	return nil
}

// reroute gives the queued messages of gateways that are gone to the first one.
func (e *Engine) reroute(ctx context.Context) error {
	r := e.route.Load()
	if r.fallback == nil {
		return nil
	}
	count, err := e.store.Reroute(ctx, r.names(), r.fallback.name, e.now())
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
