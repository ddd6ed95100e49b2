package dispatch

import (
	"context"

	"courier"
	"courier/internal/store"
)

// Reject stores a message that can never be sent as rejected, with the reason. A repeat
// by its idempotency key is the first one.
func (e *Engine) Reject(ctx context.Context, m *courier.Message, reason *courier.Attempt) (store.Enqueued, error) {
	if err := e.lifetime.enter(); err != nil {
		return store.Enqueued{}, err
	}
	defer e.lifetime.leave()
	ctx, now := context.WithoutCancel(ctx), e.now()
	row, attempt := *m, *reason
	row.Status, row.NextAttemptAt = courier.StatusProcessing, now
	row.Lease = courier.Lease{Node: e.node, Token: e.token(), Until: now.Add(e.leaseDuration)}
	stored, err := e.store.Enqueue(ctx, []*courier.Message{&row})
	switch {
	case err != nil:
		return store.Enqueued{}, err
	case stored[0].Err != nil || stored[0].Duplicate:
		return stored[0], stored[0].Err
	}
	attempt.Number, attempt.Gateway, attempt.StartedAt = 1, row.Gateway, now
	_, err = e.store.Settle(ctx, []store.Settlement{{
		ID: row.ID, Token: row.Lease.Token, Status: courier.StatusRejected, Attempt: &attempt, At: now,
	}})
	return stored[0], err
}
