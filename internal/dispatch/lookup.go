package dispatch

import (
	"context"
	"time"

	"courier"
)

// Inquirer is a Gateway that can be asked what became of a message. It is not found
// where the gateway says that it does not know it; an error leaves that open.
type Inquirer interface {
	Lookup(ctx context.Context, m *courier.Message) (receipt courier.Receipt, found bool, err error)
}

// lookupTimeout bounds a question: a message waits for its answer before it is sent again.
const lookupTimeout = 750 * time.Millisecond

// What an attempt says whose outcome the gateway told when it was asked.
const (
	warnFound = "no answer was read, but the gateway says that it has the message"
	warnKnown = "nothing was sent again: the gateway says that it has the message from an attempt before"
)

// ask asks the gateway for a message whose outcome is unknown, and turns the attempt
// into an accepted one if it has it. Otherwise the attempt stays as it is: that it is not
// known there yet does not prove that it will not be.
func (s *sender) ask(ctx context.Context, gateway Gateway, m *courier.Message, a *courier.Attempt, warning string) bool {
	inquirer, able := gateway.(Inquirer)
	if !able || ctx.Err() != nil {
		return false
	}
	lookupCtx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	receipt, found, err := inquirer.Lookup(lookupCtx, m)
	if err != nil || !found {
		return false
	}
	a.Outcome, a.Class, a.Scope, a.Message, a.Warning = courier.OutcomeAccepted, "", "", "", warning
	a.GatewayMessageID = receipt.GatewayMessageID
	if receipt.Status != "" && receipt.Status != courier.StatusSent {
		// It waits for the outcome of this attempt, which is written after it.
		receipt.Gateway, receipt.MessageID = s.name, m.ID
		_, _ = s.engine.Receipts(ctx, []courier.Receipt{receipt}) // the gateway reports it again by itself
	}
	return true
}
