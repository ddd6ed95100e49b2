package dispatch

import (
	"context"
	"fmt"
	"time"
)

// forcedStop bounds what Stop does once the grace period is over: end the
// attempts that are left and write what they came to.
const forcedStop = 5 * time.Second

// Start makes this node known to the others, takes back the leases of crashed
// processes, gives the messages of gateways that are gone to the first one, and
// begins to dispatch. The context bounds the start alone. An error means that
// nothing runs; it tells what the store could not do. An engine starts once.
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
		e.lifetime.finish(nil)
	}
	return err
}

// launch begins the loops.
func (e *Engine) launch() {
	t := &e.lifetime
	go e.settler.run(t.storeCtx)
	t.duties.Go(func() { e.cluster.Run(t.dutyCtx) })
	t.loops.Go(func() { e.judgeDeliveries(t.loopCtx) })
	for _, l := range e.routing.Load().lines {
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

// Stop refuses new messages, lets attempts in flight finish within the grace
// period, ends those that are left, settles everything, gives back what was not
// attempted and signs off from the other nodes. The end of ctx ends the grace
// period early. It returns at most five seconds after that, with an error when
// outcomes could not be written: their messages may be repeated. Later calls wait
// for the first.
func (e *Engine) Stop(ctx context.Context) error {
	t := &e.lifetime
	if t.stopping() {
		err := e.shutDown(ctx)
		t.finish(err)
		return err
	}
	select {
	case <-t.stopped:
		return t.stopErr
	case <-ctx.Done():
		return fmt.Errorf("wait for the dispatcher to stop: %w", ctx.Err())
	}
}

// shutDown ends the loops, then the attempts, then the writes.
func (e *Engine) shutDown(ctx context.Context) error {
	t := &e.lifetime
	t.endLoops()
	for _, g := range e.gates() {
		g.sender.end()
	}
	idle := t.idle()
	graceCtx, endGrace := context.WithTimeout(ctx, t.grace)
	defer endGrace()
	await(graceCtx, idle)
	t.endAttempts()
	lastCtx, endLast := context.WithTimeout(context.WithoutCancel(ctx), forcedStop)
	defer endLast()
	await(lastCtx, idle)
	e.settler.close()
	await(lastCtx, e.settler.done)
	t.endDuties()
	offDuty := t.offDuty()
	await(lastCtx, offDuty)
	t.endLastWrite()
	return e.signOff(lastCtx, offDuty)
}

// signOff leaves the other nodes unless messages are still leased: then this one
// has to lapse before another may take them.
func (e *Engine) signOff(ctx context.Context, offDuty <-chan struct{}) error {
	if err := e.reportLeft(ctx); err != nil {
		return err
	}
	select {
	case <-offDuty:
		e.cluster.Leave(ctx)
	default: // a beat may still be under way, which would undo it
	}
	return nil
}

// await waits for done until ctx ends.
func await(ctx context.Context, done <-chan struct{}) {
	select {
	case <-done:
	case <-ctx.Done():
	}
}
