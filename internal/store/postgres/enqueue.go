package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"courier"
	"courier/internal/store"
)

// enqueueing is the state of one call of Enqueue.
type enqueueing struct {
	messages []*courier.Message
	answers  []store.Enqueued
}

// Enqueue implements store.Store.
func (s *Store) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	const operationName = "enqueue messages"
	if len(messages) == 0 {
		return nil, nil
	}
	e := &enqueueing{messages: make([]*courier.Message, len(messages)), answers: make([]store.Enqueued, len(messages))}
	// One token serves all of a call: a settlement names the message as well.
	token := newToken()
	for i, m := range messages {
		stored, err := s.accept(m, token)
		if err != nil {
			return nil, s.fault(fmt.Sprintf("%s: message %d", operationName, i), err)
		}
		e.messages[i] = stored
	}
	if err := s.queue.submit(ctx, &job{name: "enqueue", insert: e, abandon: func() { s.doubtLeases(e.messages) }}); err != nil {
		return nil, s.fault(operationName, err)
	}
	return e.answers, nil
}

// newToken returns a token that no lease had before on any node: a random
// positive number of 63 bits.
func newToken() int64 {
	for {
		var random [8]byte
		// It does not fail, as crypto/rand says.
		_, _ = rand.Read(random[:])
		if token := int64(binary.BigEndian.Uint64(random[:]) & math.MaxInt64); token > 0 {
			return token
		}
	}
}

// accept returns the message as it will be stored.
func (s *Store) accept(m *courier.Message, token int64) (*courier.Message, error) {
	stored := *m
	stored.SendCount, stored.RetryCount, stored.LastError = 0, 0, nil
	stored.SentAt, stored.GatewayMessageID, stored.ScrubbedAt = time.Time{}, "", time.Time{}
	if stored.CreatedAt.IsZero() {
		stored.CreatedAt = s.Now()
	}
	stored.CreatedAt, stored.UpdatedAt = floor(stored.CreatedAt), floor(stored.UpdatedAt)
	stored.ExpiresAt, stored.NextAttemptAt = floor(stored.ExpiresAt), floor(stored.NextAttemptAt)
	if stored.UpdatedAt.IsZero() {
		stored.UpdatedAt = stored.CreatedAt
	}
	if stored.NextAttemptAt.IsZero() {
		stored.NextAttemptAt = stored.CreatedAt
	}
	if err := acceptLease(&stored, token); err != nil {
		return nil, err
	}
	if stored.ID.IsZero() {
		return nil, fmt.Errorf("%w: it has no id", store.ErrInvalid)
	}
	return &stored, nil
}

func acceptLease(m *courier.Message, token int64) error {
	leased := m.Lease.Node != "" && !m.Lease.Until.IsZero()
	switch {
	case m.Status == courier.StatusQueued && m.Lease == courier.Lease{}:
		return nil
	case m.Status == courier.StatusProcessing && leased:
		if m.Lease.Token == 0 {
			m.Lease.Token = token
		}
		m.Lease.Until = floor(m.Lease.Until)
		return nil
	}
	return fmt.Errorf("%w: status %q does not fit its lease", store.ErrInvalid, m.Status)
}

// repeated answers for a message whose key was known.
func repeated(m, first *courier.Message) store.Enqueued {
	if m.Fingerprint != first.Fingerprint {
		return store.Enqueued{Message: first, Err: store.ErrIdempotencyConflict}
	}
	return store.Enqueued{Message: first, Duplicate: true}
}
