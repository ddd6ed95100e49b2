package postgres

import (
	"context"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// Cancel implements store.Store.
func (s *Store) Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error) {
	canceled, err := s.decide(ctx, "cancel", id, func(ctx context.Context, in *session, before *courier.Message, _ bool) (tally, error) {
		var change tally
		switch from := before.Status; from {
		case courier.StatusCanceled:
			return change, nil
		case courier.StatusQueued, courier.StatusUnknown:
			change.move(from, courier.StatusCanceled)
			return change, in.exec(ctx, queryCancelMessage, uuids([]courier.ID{id})[0], floor(now))
		case courier.StatusProcessing, courier.StatusSent, courier.StatusDelivered, courier.StatusUndelivered,
			courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned:
		}
		return change, &store.TransitionError{ID: id, From: before.Status, To: courier.StatusCanceled}
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
	id, now := requeue.ID, floor(requeue.Now)
	queued, err := s.decide(ctx, "requeue", id, func(ctx context.Context, in *session, before *courier.Message, again bool) (tally, error) {
		var change tally
		if again && before.Status == courier.StatusQueued && before.UpdatedAt.Equal(now) && before.NextAttemptAt.Equal(now) {
			return change, nil // by the try whose answer was lost
		}
		if !slices.Contains(requeueable(), before.Status) {
			return change, &store.TransitionError{ID: id, From: before.Status, To: courier.StatusQueued}
		}
		if !before.ScrubbedAt.IsZero() {
			return change, store.ErrScrubbed
		}
		if err := in.exec(ctx, queryKeepAccepted, uuids([]courier.ID{id})[0]); err != nil {
			return change, err
		}
		change.move(before.Status, courier.StatusQueued)
		return change, in.exec(ctx, queryRequeueMessage,
			uuids([]courier.ID{id})[0], now, requeue.Gateway, stamp(requeue.ExpiresAt))
	})
	if err == nil {
		s.notifier.add(queued.Gateway)
	}
	return queued, s.fault("requeue message", err)
}

// decide runs a change that depends on the status of one message, and returns
// the message after it.
func (s *Store) decide(
	ctx context.Context, name string, id courier.ID,
	change func(ctx context.Context, in *session, before *courier.Message, again bool) (tally, error),
) (*courier.Message, error) {
	var after *courier.Message
	err := s.queue.submit(ctx, &job{
		name: name, decides: true,
		run: func(ctx context.Context, on *session, again bool) error {
			return on.inTx(ctx, func(in *session) error {
				before, err := in.lock(ctx, id)
				if err != nil {
					return err
				}
				changed, err := change(ctx, in, before, again)
				if err == nil {
					// Also when there is no difference, see confirm.
					err = in.add(ctx, changed)
				}
				if err == nil {
					after, err = in.lock(ctx, id)
				}
				return err
			})
		},
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

// lock returns a message that nobody else changes until the transaction ends.
func (s *session) lock(ctx context.Context, id courier.ID) (*courier.Message, error) {
	found, err := readMessages(ctx, s, queryLockMessage, uuids([]courier.ID{id})[0])
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, store.ErrNotFound
	}
	return found[0], nil
}

// tally holds differences of the numbers of messages in the statuses that are watched.
type tally struct{ queued, processing, unknown int64 }

// add counts n messages in a status.
func (t *tally) add(status courier.Status, n int64) {
	switch status {
	case courier.StatusQueued:
		t.queued += n
	case courier.StatusProcessing:
		t.processing += n
	case courier.StatusUnknown:
		t.unknown += n
	case courier.StatusSent, courier.StatusDelivered, courier.StatusUndelivered, courier.StatusRejected,
		courier.StatusExpired, courier.StatusAbandoned, courier.StatusCanceled:
	}
}

// move counts one message from one status to another.
func (t *tally) move(from, to courier.Status) {
	t.add(from, -1)
	t.add(to, 1)
}

// add writes a difference to the row of the session.
func (s *session) add(ctx context.Context, change tally) error {
	return s.exec(ctx, queryAddTally, s.tallied(change.queued, change.processing, change.unknown)...)
}
