package dispatch

import (
	"slices"
	"time"
)

// The operations of the engine on the store, as they are named to who looks after
// its health.
const (
	opClaim   = "claim messages"
	opNextDue = "look for due messages"
	opSettle  = "record outcomes"
	opReserve = "reserve attempts of a rate"
)

// Gateways names the gateways: the one that takes the messages of unknown gateways
// first, the others in order.
func (e *Engine) Gateways() []string {
	r := e.route.Load()
	if r.fallback == nil {
		return nil
	}
	others := slices.DeleteFunc(r.names(), func(name string) bool { return name == r.fallback.name })
	return append([]string{r.fallback.name}, others...)
}

// InFlight counts the messages that are leased and not yet settled.
func (e *Engine) InFlight() int {
	inFlight := 0
	for _, l := range e.lanes() {
		inFlight += l.slots.snapshot(e.now()).inUse
	}
	return inFlight
}

// Behind reports whether outcomes wait to be written for longer than they should.
func (e *Engine) Behind() bool { return e.settler.behind() }

// HoldUnknown reports whether a message of unknown outcome is left to an operator.
func (e *Engine) HoldUnknown() bool { return e.route.Load().settings.OnUnknown == HoldUnknown }

// Retention says how long after their last change messages are scrubbed and deleted.
func (e *Engine) Retention() (scrubAfter, deleteAfter time.Duration) {
	rules := e.route.Load().settings.Retention
	return rules.ScrubAfter, rules.DeleteAfter
}

// CountExpired counts messages that expired in the queue.
func (e *Engine) CountExpired(count int) { e.metrics.expired.Add(float64(count)) }

// WakeGateway makes the engine look for due messages of a gateway. One that it does
// not have is another node's.
func (e *Engine) WakeGateway(gateway string) {
	if l, known := e.route.Load().lanes[gateway]; known {
		l.note(e.now(), false)
	}
}
