package dispatch

import (
	"context"
	"errors"
	"time"

	"courier"
	"courier/internal/store"
)

// Enqueue stores messages and answers for each in order, as store.Store does.
// The answer shows a message as it was accepted, queued, though it may be on its
// way already: when its gateway has a free slot and no older message waits, it
// is stored already leased and sent once it is on the disk.
// Its route says through which gateway each goes. An engine that does not run refuses with *courier.Error of courier.CodeShuttingDown, one
// without gateways with courier.CodeSMSDisabled; errors of the store are passed on.
func (e *Engine) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	if err := e.lifetime.enter(); err != nil {
		return nil, err
	}
	defer e.lifetime.leave()
	began := e.tick()
	defer func() { e.metrics.enqueue.Observe(e.tick().Sub(began).Seconds()) }()
	r := e.routing.Load()
	if len(r.all.hops) == 0 {
		return nil, &courier.Error{
			Code:    courier.CodeSMSDisabled,
			Message: "no SMS gateway is configured; add courier.channels or courier.sms to the configuration",
		}
	}
	return e.newIntake(ctx, r, messages).store(ctx)
}

// intake is one call of Enqueue.
type intake struct {
	engine   *Engine
	now      time.Time
	messages []*courier.Message
	// rows are what is stored: copies, so that the caller's messages stay as
	// they were accepted and nobody writes to what a worker reads.
	rows    []*courier.Message
	tickets []*ticket
}

// newIntake prepares the rows and leases each that can go at once.
func (e *Engine) newIntake(ctx context.Context, r *routing, messages []*courier.Message) *intake {
	in := &intake{
		engine:   e,
		now:      e.now(),
		messages: messages,
		rows:     make([]*courier.Message, len(messages)),
		tickets:  make([]*ticket, len(messages)),
	}
	copies := make([]courier.Message, len(messages))
	term, held := e.cluster.Term()
	for i, m := range messages {
		copies[i] = *m
		copies[i].HoldUntil = in.now.Add(r.settings.SupersedeWait)
		in.rows[i] = &copies[i]
		in.tickets[i] = e.newTicket(nil, &copies[i])
		route, before := r.routeOf(m), ""
		if len(messages) <= resendCall {
			before = e.before(ctx, route, m)
		}
		in.place(in.tickets[i], route, before, term, held)
	}
	return in
}

// place puts a row in its queue and, when it is due and there is room, leases it.
func (in *intake) place(t *ticket, r *route, before string, term uint64, held bool) {
	e, row := in.engine, t.message
	row.Status = courier.StatusQueued
	if row.NextAttemptAt.IsZero() {
		row.NextAttemptAt = in.now
	}
	var p permit
	t.queue, p = r.choose(row, before, held && !row.NextAttemptAt.After(in.now))
	row.Gateway = t.queue.key.gateway
	if p.count == 0 {
		return
	}
	t.admit(p, term)
	row.Status = courier.StatusProcessing
	row.Lease = courier.Lease{Node: e.node, Token: e.token(), Until: in.now.Add(p.gate.sender.leaseDuration())}
}

// store writes the rows and sends each on its way. A caller that leaves before the store has
// begun to write wants nothing sent any more.
func (in *intake) store(ctx context.Context) ([]store.Enqueued, error) {
	results, err := in.engine.store.Enqueue(ctx, in.rows)
	if err != nil {
		in.undo(err)
		return nil, err
	}
	for i := range results {
		in.forward(i, &results[i]) //nolint:contextcheck // an attempt outlives the call that brought its message
	}
	return results, nil
}

// forward sends a stored row or tells its queue of it. One that waits for an older one is
// stored without the lease that it came with, and one that lost its place at once canceled.
func (in *intake) forward(i int, result *store.Enqueued) {
	t, row, stored := in.tickets[i], in.rows[i], result.Message
	fresh := result.Err == nil && !result.Duplicate
	leased := fresh && t.gate != nil && stored.Status == courier.StatusProcessing
	if t.gate != nil && !leased {
		t.giveBack()
	}
	if refused, limited := errors.AsType[*courier.LimitError](result.Err); limited {
		in.engine.metrics.limited.WithLabelValues(string(refused.By)).Inc()
	}
	if leased {
		t.gate.sender.dispatch(t)
	}
	if !fresh {
		return
	}
	in.engine.metrics.superseded.Add(float64(result.Superseded))
	accepted := in.messages[i]
	accepted.Status, accepted.Gateway, accepted.NextAttemptAt = courier.StatusQueued, row.Gateway, stored.NextAttemptAt
	result.Message = accepted
	switch {
	case leased:
	case stored.Status == courier.StatusCanceled:
		accepted.Status, accepted.SupersededBy = stored.Status, stored.SupersededBy
	default:
		wait := stored.NextAttemptAt.Sub(in.now)
		t.queue.note(wait, wait <= 0)
		if stored.NextAttemptAt.After(row.NextAttemptAt) {
			in.engine.settler.holds.add(stored, t.queue)
		}
	}
}

// giveBack gives the room back of a message that is not stored.
func (t *ticket) giveBack() {
	permit{gate: t.gate, lane: t.lane, epoch: t.epoch, probe: t.probe}.release(1)
	t.gate.wake()
}

// undo gives the room back after a failed write. When the fault leaves open
// whether the rows were stored, their leases are given back too; of a row that
// is not there that changes nothing.
func (in *intake) undo(err error) {
	unchanged := errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrClosed)
	for _, t := range in.tickets {
		switch {
		case t.gate == nil:
		case unchanged:
			t.giveBack()
		default:
			t.gate.abandon(t)
			t.unattempted(in.engine.now(), courier.StatusQueued, 0)
			in.engine.settler.add(t)
		}
	}
}
