package sqlite

import (
	"context"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// Cancel implements store.Store.
func (s *Store) Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error) {
	canceled, err := s.decide(ctx, "cancel", id, func(ctx context.Context, session *session, before *courier.Message) (tally, error) {
		var change tally
		switch from := before.Status; from {
		case courier.StatusCanceled:
			return change, nil
		case courier.StatusQueued, courier.StatusUnknown:
			change.move(from, courier.StatusCanceled, 1)
			_, err := session.exec(ctx, queryCancelMessage, id[:], now.UnixMicro())
			return change, err
		case courier.StatusProcessing, courier.StatusSent, courier.StatusDelivered, courier.StatusUndelivered,
			courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned:
		}
		return change, refusal{&store.TransitionError{ID: id, From: before.Status, To: courier.StatusCanceled}}
	})
	return canceled, s.fault("cancel message", err)
}

// requeueable are the statuses that a retry by hand leaves; processing leads
// back to queued too, but by the node that holds the lease alone.
func requeueable() []courier.Status {
	return slices.DeleteFunc(courier.StatusQueued.Before(), func(from courier.Status) bool {
		return from == courier.StatusProcessing
	})
}

// Requeue implements store.Store.
func (s *Store) Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error) {
	id := requeue.ID
	queued, err := s.decide(ctx, "requeue", id, func(ctx context.Context, session *session, before *courier.Message) (tally, error) {
		var change tally
		if !slices.Contains(requeueable(), before.Status) {
			return change, refusal{&store.TransitionError{ID: id, From: before.Status, To: courier.StatusQueued}}
		}
		if !before.ScrubbedAt.IsZero() {
			return change, refusal{store.ErrScrubbed}
		}
		if _, err := session.exec(ctx, queryKeepAccepted, id[:]); err != nil {
			return change, err
		}
		change.move(before.Status, courier.StatusQueued, 1)
		_, err := session.exec(ctx, queryRequeueMessage,
			id[:], requeue.Now.UnixMicro(), optional(requeue.Gateway), micros(requeue.ExpiresAt))
		return change, err
	})
	return queued, s.fault("requeue message", err)
}

// decide runs a change that depends on the status of one message, and returns
// the message after it.
func (s *Store) decide(
	ctx context.Context, name string, id courier.ID,
	change func(ctx context.Context, session *session, before *courier.Message) (tally, error),
) (*courier.Message, error) {
	var after *courier.Message
	err := s.writer.submit(ctx, &operation{
		name: name, rows: 1,
		run: func(ctx context.Context, session *session) (tally, error) {
			before, err := session.message(ctx, queryMessage, id[:])
			if err != nil {
				return tally{}, err
			}
			if before == nil {
				return tally{}, refusal{store.ErrNotFound}
			}
			changed, err := change(ctx, session, before)
			if err != nil {
				return tally{}, err
			}
			after, err = session.message(ctx, queryMessage, id[:])
			return changed, err
		},
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}
