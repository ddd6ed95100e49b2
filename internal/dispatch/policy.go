package dispatch

import (
	"time"

	"courier"
)

// kind is what an attempt says by itself, before anybody asks what happened to others.
type kind int

const (
	// kindNone says nothing about the gateway.
	kindNone kind = iota
	// kindAccepted: the gateway took the message.
	kindAccepted
	// kindJudged: the gateway works, and said what is wrong with this message.
	kindJudged
	// kindRefused is a refusal that may be about the message or about the gateway.
	kindRefused
	// kindGuessed is a refusal that looks as if it were about the message, by its
	// HTTP status alone.
	kindGuessed
	// kindUnrendered: the template gave no request.
	kindUnrendered
	// kindTrouble: overload, a timeout, a connection that was cut.
	kindTrouble
	// kindUnsent: it is certain that nothing was processed.
	kindUnsent
	// kindThrottled: the gateway takes less for now.
	kindThrottled
)

// isRefusal reports whether somebody was refused, whoever is at fault.
func (k kind) isRefusal() bool {
	return k == kindRefused || k == kindGuessed || k == kindUnrendered
}

// kindOf is the table of what an attempt says.
func kindOf(a *courier.Attempt) kind {
	switch a.Outcome {
	case courier.OutcomeAccepted:
		return kindAccepted
	case courier.OutcomeCanceled:
		return kindNone
	case courier.OutcomeRejected:
		switch {
		case a.Class == courier.ClassTemplateError:
			return kindUnrendered
		case a.Known:
			return kindJudged
		}
		return kindGuessed
	case courier.OutcomeGatewayDown:
		if a.Unsent {
			return kindUnsent
		}
		return kindRefused
	case courier.OutcomeRetry:
		return kindOfRetry(a)
	case courier.OutcomeUnknown:
		return kindTrouble
	}
	return kindTrouble
}

func kindOfRetry(a *courier.Attempt) kind {
	if a.Unsent {
		return kindUnsent
	}
	switch a.Class { //nolint:exhaustive // the classes that say more than that this recipient is to be tried later
	case courier.ClassThrottled, courier.ClassQueueFull:
		return kindThrottled
	case courier.ClassTemplateError: // the evaluation ran out of time or its process died
		return kindNone
	case courier.ClassGatewayError, courier.ClassNetworkError, courier.ClassTimeout:
		return kindTrouble
	}
	return kindJudged
}

// fault is whose a failed attempt is, by what others met at that time.
type fault int

const (
	// faultNone: there is nothing to find out.
	faultNone fault = iota
	faultMessage
	faultGateway
	// faultUndecided: few were refused, and nobody was accepted since who would tell.
	faultUndecided
)

// finding is what the gate found out about a failed attempt.
type finding struct {
	fault fault
	// final is true when an undecided message need not wait for more evidence: it is
	// alone, or others were accepted shortly before and nothing changed for a while.
	final bool
	// open is true when the gateway is at fault and nothing more should be sent.
	open bool
}

// rules are the settings that decide what becomes of a message.
type rules struct {
	retries int
	retry   Retry
	hold    bool
}

// decision is what becomes of a message after an attempt, and what is kept of it.
type decision struct {
	status     courier.Status
	retryCount int
	// wait is how long a queued message waits.
	wait    time.Duration
	outcome courier.Outcome
	class   courier.Class
	// advice replaces the message of the attempt unless it is empty.
	advice string
}

// What an attempt says once it is known whose fault it was.
const (
	adviceMessage = "the gateway refuses this message while it takes others: read the excerpt, check the number " +
		"and what the account may send to it, then retry the message by hand"
	adviceUsedUp = "the gateway refused this message and its tries are used up: it ends unless the gateway turns out " +
		"to refuse everybody; read the excerpt, check the number and what the account may send to it"
	adviceGateway = "the gateway refuses one message after the other in this way and takes none, so this one waits: " +
		"read the excerpt, check the account, and request_config with its template"
	adviceElsewhere = "the gateway refuses this message: another one is asked whether it takes it"
	adviceTemplate  = "the template fails for one message after the other, so this one waits: correct the template"
)

// decide is the one table of what an attempt does to a message. random is a number
// in [0, 1) for the jitter of waits.
func (r rules) decide(m *courier.Message, a *courier.Attempt, f finding, random float64) decision {
	d := decision{status: courier.StatusQueued, retryCount: m.RetryCount, outcome: a.Outcome, class: a.Class}
	k := kindOf(a)
	switch {
	case k == kindAccepted:
		d.status = courier.StatusSent
	case a.Outcome == courier.OutcomeCanceled:
		d.status = courier.StatusCanceled
	case k == kindUnsent || k.isRefusal() && f.fault == faultGateway:
		d.waitForGateway(m, a, k, random)
	case k == kindThrottled:
		d.wait = r.throttledWait(m, a, f, random)
	case a.Outcome == courier.OutcomeRejected:
		d.status = courier.StatusRejected
	case k == kindRefused:
		r.countRefusal(&d, m, a, f, random)
	case a.Outcome == courier.OutcomeUnknown && r.hold:
		d.status = courier.StatusUnknown
	default:
		r.retryOrAbandon(&d, a, random)
	}
	return d
}

// elsewhere reports whether a message goes on to another gateway of its route of so
// many, after a decision that it changes: at once until each may have had it, and then after
// its wait. A message whose own gateway takes none does so in any case. One that was refused
// as often as it may be, by an answer that may be about the gateway, is decided by the
// gateways that were not asked. What is about the pace or about the handset is no reason.
func (r rules) elsewhere(d *decision, m *courier.Message, a *courier.Attempt, gateways int, takes bool) bool {
	attempts, k := m.SendCount+1, kindOf(a)
	switch waits := d.status == courier.StatusQueued; {
	case waits && !takes:
	case waits && d.retryCount <= r.retries && k != kindThrottled && a.Class != courier.ClassAbsentSubscriber:
	case k == kindRefused && attempts < gateways:
		d.status, d.outcome, d.advice = courier.StatusQueued, courier.OutcomeRetry, adviceElsewhere
	default:
		return false
	}
	if attempts%gateways != 0 {
		d.wait = 0
	}
	return true
}

// waitForGateway queues a message without holding the attempt against it, for as long as
// the gateway asks for.
func (d *decision) waitForGateway(m *courier.Message, a *courier.Attempt, k kind, random float64) {
	d.outcome = courier.OutcomeGatewayDown
	d.wait = max(shortWait(m.SendCount+1, random), min(a.RetryAfter, maxRetryAfter))
	switch k { //nolint:exhaustive // the kinds whose attempts say that the message is at fault
	case kindGuessed:
		d.advice = adviceGateway
	case kindUnrendered:
		d.advice = adviceTemplate
	}
}

// countRefusal holds a refusal against the message that was refused. One whose
// tries are used up is ended when it is clear that others are taken; otherwise it
// waits, with a count that is one beyond its tries, until that is known.
func (r rules) countRefusal(d *decision, m *courier.Message, a *courier.Attempt, f finding, random float64) {
	if f.fault == faultUndecided && a.Scope != courier.ScopeAmbiguous {
		d.waitForGateway(m, a, kindRefused, random)
		return
	}
	d.outcome = courier.OutcomeRetry
	d.retryCount = min(m.RetryCount, r.retries) + 1
	if f.fault == faultMessage && wasRefused(m.LastError) {
		// What did not count while the gateway was suspected counts after all.
		d.retryCount = min(m.SendCount, r.retries) + 1
	}
	usedUp := d.retryCount > r.retries
	if f.fault == faultMessage || usedUp {
		d.class = a.Class.OfMessage()
	}
	switch {
	case !usedUp:
		d.wait = max(r.retry.delay(d.retryCount, random), min(a.RetryAfter, maxRetryAfter), growing(m, a))
	case f.fault == faultMessage || f.final:
		d.status, d.outcome, d.advice = courier.StatusRejected, courier.OutcomeRejected, adviceMessage
	default:
		d.wait, d.advice = shortWait(m.SendCount+1, random), adviceUsedUp
	}
	if f.fault == faultMessage {
		d.advice = adviceMessage
	}
}

// growing returns the least wait after a refusal, so that waits grow though those
// which did not count were longer: a good half of the wait before, if that was short.
func growing(m *courier.Message, a *courier.Attempt) time.Duration {
	if m.LastError == nil {
		return 0
	}
	return min(a.StartedAt.Sub(endOf(m.LastError))*6/10, shortWaitMax)
}

// retryOrAbandon queues the message again, after the longer of its backoff and
// what the gateway asked for, or gives up on it when its retries are used up.
func (r rules) retryOrAbandon(d *decision, a *courier.Attempt, random float64) {
	d.retryCount++
	if d.retryCount > r.retries {
		d.status = courier.StatusAbandoned
		return
	}
	d.wait = max(r.retry.delay(d.retryCount, random), min(a.RetryAfter, maxRetryAfter))
}

// throttledWait is short when the gateway has less room for everybody, as the gate
// then keeps the pace, and grows when it is about this recipient alone.
func (r rules) throttledWait(m *courier.Message, a *courier.Attempt, f finding, random float64) time.Duration {
	if f.fault == faultGateway {
		return shortWait(1, random)
	}
	return max(r.retry.delay(m.SendCount+1, random), min(a.RetryAfter, maxRetryAfter))
}

// isUsedUp reports whether a message was refused as often as it may be tried. What
// happened to others since shows whose fault that was. One that was queued again by
// hand, which shows in when it is due, is tried in any case.
func (r rules) isUsedUp(m *courier.Message) bool {
	last := m.LastError
	if wasBlamed(last) {
		return m.RetryCount > r.retries
	}
	return m.SendCount > r.retries && wasRefused(last) && last.Class.OfMessage() != last.Class &&
		!m.NextAttemptAt.After(endOf(last).Add(shortWait(m.SendCount, 0)+time.Second))
}

// wasBlamed reports whether the last attempt was a refusal that was found to be the
// message's own fault.
func wasBlamed(last *courier.Attempt) bool {
	if last == nil || last.Outcome != courier.OutcomeRetry || last.Class == courier.ClassTemplateError {
		return false
	}
	outcome, _ := last.Class.Verdict()
	return outcome == courier.OutcomeRejected || outcome == courier.OutcomeGatewayDown && last.Class.OfMessage() == last.Class
}

// wasRefused reports whether the last attempt was refused, whoever was at fault.
func wasRefused(last *courier.Attempt) bool {
	if last == nil || last.Class == courier.ClassNetworkError {
		return false
	}
	outcome, _ := last.Class.Verdict()
	return last.Outcome == courier.OutcomeGatewayDown || last.Outcome == courier.OutcomeRetry && outcome == courier.OutcomeGatewayDown ||
		wasBlamed(last)
}

// endOf is when an attempt was over.
func endOf(a *courier.Attempt) time.Time { return a.StartedAt.Add(a.Duration) }
