package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"courier"
	"courier/internal/store"
)

// laterMax bounds how long a message waits for attempts of its recipient to end.
const laterMax = 10 * time.Second

// errInterrupted reports that the engine stopped before anything was sent.
var errInterrupted = errors.New("attempt was interrupted before anything was sent")

// ticket is a message on its way: out of its queue, through a gate, rendered, sent
// and settled.
type ticket struct {
	message *courier.Message
	queue   *queue

	// What it was leased with. A ticket without a gate is not leased.
	gate      *gate
	lane      lane
	epoch     uint64
	probe     bool
	term      uint64
	recipient digest

	// settlement is what becomes of the message.
	settlement store.Settlement
}

func (e *Engine) newTicket(q *queue, m *courier.Message) *ticket {
	return &ticket{message: m, queue: q}
}

// admit notes what a ticket was leased with. What another gateway said of the message
// is no news of this one.
func (t *ticket) admit(p permit, term uint64) {
	t.gate, t.lane, t.epoch, t.probe, t.term = p.gate, p.lane, p.epoch, p.probe, term
	t.recipient = p.gate.digest(t.message.To)
	if last := t.message.LastError; last != nil && last.Gateway != "" && last.Gateway != p.gate.name {
		t.message.LastError = nil
	}
}

// isDoubtful reports whether an attempt may take its whole time-out, as the one
// before did.
func (t *ticket) isDoubtful() bool {
	last := t.message.LastError
	return t.message.RetryCount > 0 && last != nil && last.Outcome == courier.OutcomeUnknown
}

// sender makes the attempts of one gate: the gateway and its workers.
type sender struct {
	engine  *Engine
	gate    *gate
	name    string
	metrics gatewayMetrics
	// settings are swapped by Reconfigure; an attempt keeps those it began with.
	settings atomic.Pointer[GatewayOptions]

	// tickets hands over to workers that wait for one; they wait no more once done
	// is closed.
	tickets chan *ticket
	done    chan struct{}
	ended   sync.Once
}

func newSender(e *Engine, g *gate) *sender {
	return &sender{
		engine: e, gate: g, name: g.name, metrics: e.metrics.gateway(g.name),
		tickets: make(chan *ticket), done: make(chan struct{}),
	}
}

func (s *sender) configure(options GatewayOptions) { s.settings.Store(&options) }

// rules are what decides about messages.
func (s *sender) rules() rules {
	options := s.settings.Load()
	return rules{
		retries: s.engine.routing.Load().settings.MessageRetries, retry: options.Retry, hold: options.OnUnknown == HoldUnknown,
	}
}

// end lets the workers go that have nothing to do.
func (s *sender) end() {
	s.ended.Do(func() { close(s.done) })
	s.flush()
}

// flush gives back what is claimed and waits for a slot.
func (s *sender) flush() {
	for _, t := range s.gate.flush() {
		s.leaveElsewhere(t)
		s.engine.settler.add(t)
	}
}

// leaseDuration outlasts an attempt with room to settle it.
func (s *sender) leaseDuration() time.Duration {
	return max(s.engine.leaseDuration, s.settings.Load().Timeout+settleMargin)
}

// dispatch takes a leased ticket in. Its attempt begins at once if there is a slot.
func (s *sender) dispatch(t *ticket) {
	if !s.gate.enter(t) {
		return
	}
	select {
	case s.tickets <- t:
	default:
		s.engine.lifetime.workers.Go(func() { s.work(t) })
	}
}

// work attempts tickets until no more follow. A worker is kept between tickets, as
// its stack has grown to what rendering and sending need.
func (s *sender) work(t *ticket) {
	for {
		for t != nil {
			s.handle(t)
			s.engine.settler.add(t)
			t = s.gate.next(t)
		}
		s.gate.wake()
		select {
		case t = <-s.tickets:
		case <-s.done:
			return
		}
	}
}

// handle brings a leased message to what becomes of it.
func (s *sender) handle(t *ticket) {
	e, m := s.engine, t.message
	r := s.rules()
	switch now := e.now(); {
	case e.lifetime.closing() || !s.holds(t):
		s.leave(t, 0)
	case e.routing.Load().misplaced(t):
		s.leaveElsewhere(t)
	case m.Expired(now) || m.TooLate(now):
		s.logExpired(m)
		e.metrics.expired.Inc()
		s.skip(t, courier.StatusExpired, 0)
	case r.isUsedUp(m):
		s.decideUsedUp(t, r, now)
	default:
		s.begin(t, r)
	}
}

// holds reports whether the lease of a message is this node's for sure, and lasts
// long enough to attempt it and write what came of it.
func (s *sender) holds(t *ticket) bool {
	end := s.engine.now().Add(s.settings.Load().Timeout + settleMargin/2)
	return s.engine.cluster.Holds(t.term) && !end.After(t.message.Lease.Until)
}

// decideUsedUp ends a message whose tries are used up, tries it again after all, or
// has it wait until it is known whether others are accepted.
func (s *sender) decideUsedUp(t *ticket, r rules, now time.Time) {
	switch s.gate.usedUp(t, s.engine.cluster.Nodes(), s.engine.tick()) { //nolint:exhaustive // usedUp always finds something
	case faultMessage:
		s.logUsedUp(t.message)
		s.skip(t, courier.StatusRejected, 0)
	case faultGateway:
		s.begin(t, r)
	default:
		waited := now.Sub(endOf(t.message.LastError))
		s.skip(t, courier.StatusQueued, min(max(waited, shortWaitInitial), DefaultRetryMax))
	}
}

// begin attempts a message if the gate lets it.
func (s *sender) begin(t *ticket, r rules) {
	switch s.gate.begin(t) {
	case beginNow:
		s.attempt(t, r)
	case beginNever:
		s.leaveElsewhere(t)
	case beginLater:
		waited := s.engine.now().Sub(dueSince(t.message))
		s.leave(t, min(max(waited, claimPauseInitial), laterMax))
	}
}

// leave gives a lease back without an attempt.
func (s *sender) leave(t *ticket, wait time.Duration) { s.skip(t, courier.StatusQueued, wait) }

// leaveElsewhere gives a lease back, to another gateway of the route when this one
// takes no messages.
func (s *sender) leaveElsewhere(t *ticket) {
	s.leave(t, 0)
	r := s.engine.routing.Load()
	serves := r.serves(t)
	if s.engine.lifetime.closing() || serves && t.queue.takes(t.message) || len(r.all.hops) == 0 {
		return
	}
	route := r.routeOf(t.message)
	to := route.onward(t.message, t.queue)
	if to == nil && !serves {
		to = route.hops[0].of(t.message)
	}
	if to != nil {
		t.settlement.Gateway = to.key.gateway
	}
}

// skip ends a lease without an attempt.
func (s *sender) skip(t *ticket, status courier.Status, wait time.Duration) {
	s.gate.skip(t)
	t.unattempted(s.engine.now(), status, wait)
}

// unattempted settles a message without an attempt. One that is queued again keeps
// the time at which it was due, and so its place in the queue, unless it has to wait.
func (t *ticket) unattempted(now time.Time, status courier.Status, wait time.Duration) {
	m := t.message
	t.settlement = store.Settlement{
		ID: m.ID, Token: m.Lease.Token, Status: status, RetryCount: m.RetryCount, NextAttemptAt: m.NextAttemptAt, At: now,
	}
	if status.Final() {
		t.settlement.Gateway = m.Gateway
	}
	if wait > 0 {
		t.settlement.NextAttemptAt = notAfterExpiry(m, now.Add(wait))
	}
}

// attempt makes one attempt and decides what becomes of the message.
func (s *sender) attempt(t *ticket, r rules) {
	e, m, options := s.engine, t.message, s.settings.Load()
	term := e.cluster.Attempts()
	ctx, cancel := context.WithTimeout(term, options.Timeout)
	defer cancel()
	ctx, span := e.tracer.start(ctx, m, s.name)
	result, err := s.try(ctx, options.Gateway, t)
	if err != nil {
		s.gate.judge(t, &courier.Attempt{Outcome: courier.OutcomeCanceled}, true, e.tick(), e.now(), 0)
		t.unattempted(e.now(), courier.StatusQueued, 0)
		finishSpan(span, result, courier.StatusQueued)
		return
	}
	if result.Outcome == courier.OutcomeUnknown {
		s.ask(term, options.Gateway, m, result, warnFound)
	}
	s.conclude(t, result, r, term.Err() != nil)
	finishSpan(span, result, t.settlement.Status)
	s.metrics.attempts[result.Outcome].Inc()
	s.metrics.duration.Observe(result.Duration.Seconds())
	waited := max(result.StartedAt.Sub(dueSince(m)), 0)
	if m.SendCount == 0 {
		s.metrics.wait.Observe(waited.Seconds())
	}
	s.logAttempt(ctx, t, result, waited)
}

// dueSince returns when a message could first have been attempted.
func dueSince(m *courier.Message) time.Time { return later(m.CreatedAt, m.NextAttemptAt) }

// try renders and sends. The error is errInterrupted when the attempt was called off
// before anything was sent, as the engine stops or this node is cut off from the others.
func (s *sender) try(ctx context.Context, gateway Gateway, t *ticket) (result *courier.Attempt, err error) {
	m, started, began := t.message, s.engine.now(), s.engine.tick()
	result = &courier.Attempt{}
	sending := false
	defer func() {
		result.Number, result.Gateway = m.SendCount+1, s.name
		result.StartedAt, result.Duration = started, s.engine.tick().Sub(began)
		normalize(result)
	}()
	defer func() {
		if fault := recover(); fault != nil {
			s.recovered(ctx, m, result, sending, fault)
		}
	}()
	if last := m.LastError; last != nil && last.Outcome == courier.OutcomeUnknown && s.ask(ctx, gateway, m, result, warnKnown) {
		return result, nil
	}
	request, fault := gateway.Render(ctx, m)
	if fault != nil {
		*result = judgeRender(fault)
		if calledOff(ctx) && result.Outcome == courier.OutcomeRetry {
			err = errInterrupted
		}
		return result, err
	}
	if !s.holds(t) || s.isSuperseded(ctx, m) {
		return result, errInterrupted
	}
	sending = true
	*result = request.Send(ctx)
	if calledOff(ctx) && result.Unsent {
		err = errInterrupted
	}
	return result, err
}

// calledOff reports whether an attempt was ended from outside, and not by its time-out.
func calledOff(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// normalize gives an attempt of no known outcome an unknown one, and one of no scope
// that of its class.
func normalize(a *courier.Attempt) {
	if !slices.Contains(courier.Outcomes(), a.Outcome) {
		a.Outcome, a.Class = courier.OutcomeUnknown, courier.ClassOutcomeUnknown
	}
	if a.Scope == "" {
		_, a.Scope = a.Class.Verdict()
	}
}

// judgeRender says what a request that could not be built comes to.
func judgeRender(err error) courier.Attempt {
	if errors.Is(err, courier.ErrTemplateCanceled) {
		return courier.Attempt{Outcome: courier.OutcomeCanceled, Message: "the template canceled the message"}
	}
	attempt := courier.Attempt{Outcome: courier.OutcomeRetry, Class: courier.ClassTemplateError, Message: err.Error()}
	var render *courier.RenderError
	switch {
	case !errors.As(err, &render):
	case !render.Temporary:
		attempt.Outcome = courier.OutcomeRejected
	case render.Scope == courier.ScopeGateway: // its template is still to be fetched
		attempt.Outcome, attempt.Scope, attempt.Unsent = courier.OutcomeGatewayDown, courier.ScopeGateway, true
	}
	return attempt
}

// recovered turns a panic in a gateway into an outcome, so that one message
// cannot end the process. The value of the panic may hold a body and is not logged.
func (s *sender) recovered(ctx context.Context, m *courier.Message, result *courier.Attempt, sending bool, fault any) {
	*result = courier.Attempt{
		Outcome: courier.OutcomeRetry,
		Class:   courier.ClassTemplateError,
		Message: "building the request panicked; the log has the stack, please report it",
	}
	if sending {
		result.Outcome, result.Class = courier.OutcomeUnknown, courier.ClassOutcomeUnknown
		result.Message = "sending the request panicked; the log has the stack, please report it"
	}
	text := fmt.Sprintf("%T", fault)
	if runtimeError, ok := fault.(runtime.Error); ok {
		text = runtimeError.Error()
	}
	s.engine.logger.ErrorContext(ctx, "gateway panicked", slog.String("message_id", m.ID.String()),
		slog.String("gateway", s.name), slog.String("panic", text), slog.String("stack", string(debug.Stack())))
}

// conclude tells the gate of an attempt and decides what becomes of the message.
func (s *sender) conclude(t *ticket, a *courier.Attempt, r rules, calledOff bool) {
	e, m, now := s.engine, t.message, s.engine.now()
	found, changed := s.gate.judge(t, a, calledOff, e.tick(), now, e.random())
	d := r.decide(m, a, found, e.random())
	s.logBreaker(changed, a)
	switch {
	case changed.opened, changed.slowed:
		s.flush()
		t.queue.mover.poke()
	case changed.closed:
		s.gate.wake()
		e.wakeMovers()
	}
	to := s.goOn(t, a, r, &d)
	a.Outcome, a.Class = d.outcome, d.class
	if d.advice != "" {
		a.Message = d.advice
	}
	t.settlement = store.Settlement{
		ID: m.ID, Token: m.Lease.Token, Status: d.status, Attempt: a,
		RetryCount: d.retryCount, NextAttemptAt: notAfterExpiry(m, now.Add(d.wait)), Gateway: to, Country: m.Country,
		NoReceipts: !s.settings.Load().Receipts, DueAt: store.DueAt(m), At: now,
	}
}

// goOn returns the gateway to which a message goes on after an attempt, "" when it stays.
func (s *sender) goOn(t *ticket, a *courier.Attempt, r rules, d *decision) string {
	route := s.engine.routing.Load().routeOf(t.message)
	if len(route.hops) < 2 {
		return ""
	}
	a.Warning = cmp.Or(a.Warning, route.passedOver(t.queue))
	to := route.onward(t.message, t.queue)
	if to == nil || !r.elsewhere(d, t.message, a, len(route.hops), t.queue.takes(t.message)) {
		return ""
	}
	return to.key.gateway
}

// notAfterExpiry bounds the time of the next attempt. A message that cannot be
// attempted before it expires stays queued until then, as its expiry has not
// passed and an operator can still act on it; at its time it is expired.
func notAfterExpiry(m *courier.Message, next time.Time) time.Time {
	if !m.ExpiresAt.IsZero() && next.After(m.ExpiresAt) {
		return m.ExpiresAt
	}
	return next
}
