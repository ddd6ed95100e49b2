package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// errInterrupted reports that the engine stopped before anything was sent.
var errInterrupted = errors.New("attempt was interrupted before anything was sent")

// handle brings one leased message to its settlement.
func (l *lane) handle(j job) {
	e := l.engine
	switch m := j.message; {
	case e.lifetime.closing() || !l.slots.mayAttempt(j.epoch) || !l.mayBegin(j):
		e.settler.end(l.unattempted(j, courier.StatusQueued))
	case m.Expired(e.now()):
		l.logExpired(m)
		e.metrics.expired.Inc()
		e.settler.end(l.unattempted(j, courier.StatusExpired))
	default:
		e.settler.end(l.attempt(j))
	}
}

// mayBegin reports whether the lease of a message is this node's for sure, and
// lasts long enough to attempt it and write what came of it.
func (l *lane) mayBegin(j job) bool {
	end := l.engine.now().Add(l.settings.Load().Timeout + settleMargin/2)
	return l.engine.member.holds(j.term) && !end.After(j.message.Lease.Until)
}

// unattempted ends a lease without an attempt. A message that is queued again
// keeps the time at which it was due, and so its place in the queue.
func (l *lane) unattempted(j job, status courier.Status) finished {
	m := j.message
	return finished{lane: l, epoch: j.epoch, settlement: store.Settlement{
		ID: m.ID, Token: m.Lease.Token, Status: status,
		RetryCount: m.RetryCount, NextAttemptAt: m.NextAttemptAt, At: l.engine.now(),
	}}
}

// attempt makes one attempt and decides what becomes of the message.
func (l *lane) attempt(j job) finished {
	e, m, options := l.engine, j.message, l.settings.Load()
	term := e.member.attemptCtx()
	ctx, cancel := context.WithTimeout(term, options.Timeout)
	defer cancel()
	ctx, span := e.tracer.start(ctx, m, l.name)
	result, reached, err := l.try(ctx, options.Gateway, j)
	if err != nil {
		finishSpan(span, result, courier.StatusQueued)
		return l.unattempted(j, courier.StatusQueued)
	}
	if term.Err() != nil && verdictOf(result, reached) == verdictFailing {
		// It was called off by the engine, which says nothing about the gateway.
		reached = false
	}
	settlement := l.conclude(j, result, reached)
	finishSpan(span, result, settlement.Status)
	l.metrics.attempts[result.Outcome].Inc()
	l.metrics.duration.Observe(result.Duration.Seconds())
	waited := result.StartedAt.Sub(dueSince(m))
	if m.SendCount == 0 {
		l.metrics.wait.Observe(waited.Seconds())
	}
	l.logAttempt(ctx, m, result, &settlement, waited)
	return finished{lane: l, epoch: j.epoch, settlement: settlement}
}

// dueSince returns when a message could first have been attempted.
func dueSince(m *courier.Message) time.Time {
	if m.NextAttemptAt.After(m.CreatedAt) {
		return m.NextAttemptAt
	}
	return m.CreatedAt
}

// try renders and sends. reached is false when nothing was sent. The error is
// errInterrupted when the attempt was called off before that, as the engine
// stops or this node is cut off from the others.
func (l *lane) try(ctx context.Context, gateway Gateway, j job) (result *courier.Attempt, reached bool, err error) {
	m, started := j.message, l.engine.now()
	result = &courier.Attempt{}
	defer func() {
		result.Number = m.SendCount + 1
		result.Gateway = l.name
		setDefault(&result.StartedAt, started)
		setDefault(&result.Duration, l.engine.now().Sub(started))
		normalize(result)
	}()
	defer func() {
		if fault := recover(); fault != nil {
			l.recovered(ctx, m, result, reached, fault)
		}
	}()
	request, fault := gateway.Render(ctx, m)
	if fault != nil {
		*result = judgeRender(fault)
		if calledOff(ctx) && result.Outcome == courier.OutcomeRetry {
			err = errInterrupted
		}
		return result, false, err
	}
	if !l.mayBegin(j) {
		return result, false, errInterrupted
	}
	reached = true
	*result = request.Send(ctx)
	if calledOff(ctx) && unsent(result) {
		return result, false, errInterrupted
	}
	return result, reached, nil
}

// calledOff reports whether an attempt was ended from outside, and not by its time-out.
func calledOff(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// unsent reports whether no request of an attempt was written.
func unsent(result *courier.Attempt) bool {
	return result.Unsent || result.Outcome == courier.OutcomeRetry && result.Class == courier.ClassNetworkError && result.HTTPStatus == 0
}

// normalize gives an attempt of no known outcome an unknown one.
func normalize(attempt *courier.Attempt) {
	if !slices.Contains(courier.Outcomes(), attempt.Outcome) {
		attempt.Outcome, attempt.Class = courier.OutcomeUnknown, courier.ClassOutcomeUnknown
	}
}

// judgeRender says what a request that could not be built comes to.
func judgeRender(err error) courier.Attempt {
	if errors.Is(err, courier.ErrTemplateCanceled) {
		return courier.Attempt{Outcome: courier.OutcomeCanceled, Message: "the template canceled the message"}
	}
	attempt := courier.Attempt{Outcome: courier.OutcomeRetry, Class: courier.ClassTemplateError, Message: err.Error()}
	var render *courier.RenderError
	if errors.As(err, &render) && !render.Temporary {
		attempt.Outcome = courier.OutcomeRejected
	}
	return attempt
}

// recovered turns a panic in a gateway into an outcome, so that one message
// cannot end the process. The value of the panic may hold a body and is not logged.
func (l *lane) recovered(ctx context.Context, m *courier.Message, result *courier.Attempt, reached bool, fault any) {
	*result = courier.Attempt{
		Outcome: courier.OutcomeRetry,
		Class:   courier.ClassTemplateError,
		Message: "building the request panicked; the log has the stack, please report it",
	}
	if reached {
		result.Outcome, result.Class = courier.OutcomeUnknown, courier.ClassOutcomeUnknown
		result.Message = "sending the request panicked; the log has the stack, please report it"
	}
	text := fmt.Sprintf("%T", fault)
	if runtimeError, ok := fault.(runtime.Error); ok {
		text = runtimeError.Error()
	}
	l.engine.logger.ErrorContext(ctx, "gateway panicked", slog.String("message_id", m.ID.String()),
		slog.String("gateway", l.name), slog.String("panic", text), slog.String("stack", string(debug.Stack())))
}

// conclude tells the breaker of an attempt and decides what becomes of the message.
func (l *lane) conclude(j job, attempt *courier.Attempt, reached bool) store.Settlement {
	e, m := l.engine, j.message
	now := e.now()
	settings := e.route.Load().settings
	resumeAt, changed := l.slots.report(j.epoch, reportOf(m.ID, attempt, reached), now, e.random())
	l.logBreaker(changed, attempt)
	d := decide(m, attempt, policy{
		retries: settings.MessageRetries, retry: settings.Retry, onUnknown: settings.OnUnknown,
		now: now, random: e.random(), resumeAt: resumeAt,
	})
	return store.Settlement{
		ID: m.ID, Token: m.Lease.Token, Status: d.status, Attempt: attempt,
		RetryCount: d.retryCount, NextAttemptAt: d.nextAttemptAt, At: now,
	}
}
