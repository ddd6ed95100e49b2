package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"courier"
)

// What Ready and a second Start report.
var (
	errNotStarted = errors.New("dispatcher is not started")
	errStopping   = errors.New("dispatcher is stopping")
	errRestarted  = errors.New("start dispatcher: it was started or stopped before; make a new one")
)

// phase is where an engine stands between New and the end of Stop.
type phase int

const (
	phaseNew phase = iota
	phaseStarting
	phaseRunning
	phaseStopping
)

// lifetime keeps the phase of an engine and who is at work in it.
type lifetime struct {
	grace time.Duration

	mu    sync.Mutex
	phase phase
	// retired are gates that are gone from the configuration and may still have
	// messages out.
	retired []*gate
	// stopped is closed when Stop is done, with stopErr.
	stopped chan struct{}
	stopErr error
	// callers are calls of Enqueue under way, loops those of the queues. Workers are
	// begun by both.
	callers, loops, workers sync.WaitGroup
	// duties are the beats and the housekeeping, which go on until nothing is in
	// flight any more.
	duties sync.WaitGroup
	// startCtx ends with the start, loopCtx ends the loops, attemptCtx the
	// attempts, storeCtx the last writes, dutyCtx the duties.
	loopCtx, attemptCtx, storeCtx, dutyCtx                   context.Context
	endStart, endLoops, endAttempts, endLastWrite, endDuties context.CancelFunc
}

// begin enters the start and returns its context. The other contexts keep the
// values of ctx and outlive it.
func (t *lifetime) begin(ctx context.Context) (context.Context, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != phaseNew {
		return nil, errRestarted
	}
	t.phase = phaseStarting
	base := context.WithoutCancel(ctx)
	t.loopCtx, t.endLoops = context.WithCancel(base)
	t.attemptCtx, t.endAttempts = context.WithCancel(base)
	t.storeCtx, t.endLastWrite = context.WithCancel(base)
	t.dutyCtx, t.endDuties = context.WithCancel(base)
	ctx, t.endStart = context.WithCancel(ctx)
	return ctx, nil
}

// started runs launch and enters the running phase, unless Stop came between.
func (t *lifetime) started(launch func()) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != phaseStarting {
		return errStopping
	}
	launch()
	t.phase = phaseRunning
	return nil
}

// finish closes what is open, with what the stop came to.
func (t *lifetime) finish(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finishLocked(err)
}

// finishLocked is finish with the lock held.
func (t *lifetime) finishLocked(err error) {
	t.phase = phaseStopping
	for _, end := range []context.CancelFunc{t.endLoops, t.endAttempts, t.endLastWrite, t.endDuties} {
		if end != nil {
			end()
		}
	}
	t.stopErr = err
	close(t.stopped)
}

// stopping enters the last phase. It returns true to the one caller that has to
// stop a running engine.
func (t *lifetime) stopping() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.phase
	t.phase = phaseStopping
	switch before {
	case phaseNew:
		t.finishLocked(nil)
	case phaseStarting:
		t.endStart() // the start sees the phase and gives up
	case phaseRunning:
		return true
	case phaseStopping:
	}
	return false
}

// running returns nil while the engine takes messages.
func (t *lifetime) running() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase < phaseRunning {
		return errNotStarted
	}
	if t.phase == phaseStopping {
		return errStopping
	}
	return nil
}

// enter registers a caller of a running engine, who must leave.
func (t *lifetime) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase == phaseRunning {
		t.callers.Add(1)
		return nil
	}
	return &courier.Error{
		Code:    courier.CodeShuttingDown,
		Message: "the courier is starting or stopping and takes no messages now; try again",
	}
}

func (t *lifetime) leave() { t.callers.Done() }

// closing reports whether Stop has begun.
func (t *lifetime) closing() bool { return t.loopCtx.Err() != nil }

// idle returns a channel that is closed when nobody is at work any more. Those
// who begin workers are waited for first.
func (t *lifetime) idle() <-chan struct{} { return ended(&t.loops, &t.callers, &t.workers) }

// offDuty returns a channel that is closed when the duties have ended.
func (t *lifetime) offDuty() <-chan struct{} { return ended(&t.duties) }

// ended returns a channel that is closed when groups have ended one after the other.
func ended(groups ...*sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, group := range groups {
			group.Wait()
		}
	}()
	return done
}
