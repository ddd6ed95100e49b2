package dispatch

import (
	"context"
	"errors"
	"time"

	"courier"
	"courier/internal/store"
)

// intake is one call of Enqueue.
type intake struct {
	engine   *Engine
	now      time.Time
	messages []*courier.Message
	// rows are what is stored: copies, so that the caller's messages stay as
	// they were accepted and nobody writes to what a worker reads.
	rows  []*courier.Message
	seats []seat
}

// seat is where a row goes: to a lane, and if leased with a slot of it.
type seat struct {
	lane   *lane
	epoch  uint64
	term   uint64
	leased bool
}

// newIntake prepares the rows and takes a slot for each that can go at once.
func (e *Engine) newIntake(r *route, messages []*courier.Message) *intake {
	in := &intake{
		engine:   e,
		now:      e.now(),
		messages: messages,
		rows:     make([]*courier.Message, len(messages)),
		seats:    make([]seat, len(messages)),
	}
	copies := make([]courier.Message, len(messages))
	for i, m := range messages {
		copies[i] = *m
		in.rows[i] = &copies[i]
		in.seats[i] = in.place(&copies[i], r)
	}
	return in
}

// place gives a row its lane and, when it is due and there is a slot, a lease.
func (in *intake) place(row *courier.Message, r *route) seat {
	l := r.lane(row.Gateway)
	row.Gateway = l.name
	row.Status = courier.StatusQueued
	if row.NextAttemptAt.IsZero() {
		row.NextAttemptAt = in.now
	}
	if row.NextAttemptAt.After(in.now) {
		return seat{lane: l}
	}
	taken, leased := l.takeForNew(in.now)
	if leased {
		row.Status = courier.StatusProcessing
		row.Lease = courier.Lease{
			Node:  in.engine.node,
			Token: in.engine.token(),
			Until: in.now.Add(l.leaseDuration()),
		}
	}
	return taken
}

// store writes the rows and sends each on its way. A write with leases is not
// cut short by the caller, as its outcome would not be known.
func (in *intake) store(ctx context.Context) ([]store.Enqueued, error) {
	if in.anyLeased() {
		ctx = context.WithoutCancel(ctx)
	}
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

func (in *intake) anyLeased() bool {
	for i := range in.seats {
		if in.seats[i].leased {
			return true
		}
	}
	return false
}

// forward hands a stored row to a worker or tells its lane of it.
func (in *intake) forward(i int, result *store.Enqueued) {
	to, row := in.seats[i], in.rows[i]
	fresh := result.Err == nil && !result.Duplicate
	switch {
	case fresh && to.leased:
		to.lane.dispatch(job{message: row, epoch: to.epoch, term: to.term})
	case fresh:
		to.lane.note(row.NextAttemptAt, !row.NextAttemptAt.After(in.now))
	case to.leased:
		to.lane.giveBack(to.epoch)
	}
	if fresh {
		accepted := in.messages[i]
		accepted.Status, accepted.Gateway, accepted.NextAttemptAt = courier.StatusQueued, row.Gateway, row.NextAttemptAt
		result.Message = accepted
	}
}

// undo gives the slots back after a failed write. When the fault leaves open
// whether the rows were stored, their leases are given back too; of a row that
// is not there that changes nothing.
func (in *intake) undo(err error) {
	unchanged := errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrClosed)
	for i, to := range in.seats {
		switch {
		case !to.leased:
		case unchanged:
			to.lane.giveBack(to.epoch)
		default:
			in.engine.settler.add(to.lane.unattempted(job{message: in.rows[i], epoch: to.epoch}, courier.StatusQueued))
		}
	}
}
