package dispatch

import (
	"context"
	"fmt"
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
	err = e.join(ctx)
	if err == nil {
		err = e.lifetime.started(e.launch)
	}
	if err != nil {
		e.lifetime.abort()
	}
	return err
}

// launch begins the loops.
func (e *Engine) launch() {
	t := &e.lifetime
	go e.settler.run(t.storeCtx)
	t.duties.Go(func() { e.cluster.Run(t.dutyCtx) })
	for _, l := range e.route.Load().lanes {
		l.start(t.loopCtx, &t.loops)
	}
}

// join makes this node known, before it leases anything, and has the queue that
// the processes before left behind brought in order.
func (e *Engine) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := e.cluster.Join(ctx, e.lifetime.attemptCtx); err != nil {
		return fmt.Errorf("start dispatcher: %w; check store.dsn, and the disk or the server it is on", err)
	}
	return nil
}
