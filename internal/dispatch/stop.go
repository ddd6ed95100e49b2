package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// forcedStop bounds what Stop does once the grace period is over: end the
// attempts that are left and write what they came to.
const forcedStop = 5 * time.Second

// Stop refuses new messages, lets attempts in flight finish within the grace
// period, ends those that are left, settles everything, gives back what was not
// attempted and signs off from the other nodes. The end of ctx ends the grace period early. It returns at most
// five seconds after that, with an error when outcomes could not be written:
// their messages may be repeated. Later calls wait for the first.
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

// reportLeft returns an error when messages are still leased.
func (e *Engine) reportLeft(ctx context.Context) error {
	left := e.InFlight()
	if left == 0 {
		return nil
	}
	e.logger.ErrorContext(ctx, "stopped before every outcome was written; these messages may be sent twice after the next start",
		slog.Int("count", left))
	return fmt.Errorf("stop dispatcher: the outcome of %d messages could not be written in time; they may be repeated", left)
}
