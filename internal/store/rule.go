package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"courier"
)

// What an engine makes of a call is written here once, as far as it needs no
// database. The rest is in the statements of the engines.

// ReclaimText tells an operator about an attempt that a crash cut off.
const ReclaimText = "the courier ended while this attempt was under way, so nobody knows whether the gateway took the message; " +
	"look it up at the gateway before retrying it by hand"

// Floor rounds a time down to microseconds UTC, as every engine keeps times.
func Floor(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// Accept returns messages as they are stored: copies without a past, with times
// that are filled in and rounded, and with the token where a lease has none. A
// token may serve several messages, as a settlement names the message as well.
func Accept(messages []*courier.Message, now time.Time, token int64) ([]Row, error) {
	accepted := make([]Row, len(messages))
	for i, m := range messages {
		stored := *m
		stored.SendCount, stored.RetryCount, stored.LastError = 0, 0, nil
		stored.SentAt, stored.ScrubbedAt, stored.GatewayMessageID = time.Time{}, time.Time{}, ""
		stored.CreatedAt = Floor(cmp.Or(stored.CreatedAt, now))
		stored.UpdatedAt = Floor(cmp.Or(stored.UpdatedAt, stored.CreatedAt))
		stored.NextAttemptAt = Floor(cmp.Or(stored.NextAttemptAt, stored.CreatedAt))
		stored.ExpiresAt, stored.Lease.Until = Floor(stored.ExpiresAt), Floor(stored.Lease.Until)
		if stored.SendAt = (time.Time{}); stored.NextAttemptAt.After(stored.CreatedAt) {
			stored.SendAt = stored.NextAttemptAt
		}
		stored.Lane, stored.SupersededBy = cmp.Or(stored.Lane, courier.LaneNormal), courier.ID{}
		leased := stored.Lease.Node != "" && !stored.Lease.Until.IsZero()
		switch {
		case stored.ID.IsZero():
			return nil, fmt.Errorf("message %d: %w: it has no id", i, ErrInvalid)
		case stored.Status == courier.StatusProcessing && leased:
			stored.Lease.Token = cmp.Or(stored.Lease.Token, token)
		case stored.Status != courier.StatusQueued || stored.Lease != courier.Lease{}:
			return nil, fmt.Errorf("message %d: %w: status %q does not fit its lease", i, ErrInvalid, stored.Status)
		}
		if stored.Encoding == "" && stored.Segments == 0 {
			stored.Encoding, stored.Segments = courier.CountSegments(stored.Body)
		}
		holdUntil := Floor(stored.HoldUntil)
		stored.HoldUntil = time.Time{}
		row, err := newRow(&stored)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		row.holdUntil = holdUntil
		accepted[i] = row
	}
	return accepted, nil
}

// Repeat answers for a message whose idempotency key another had first.
func Repeat(m, first *courier.Message) Enqueued {
	if m.Fingerprint != first.Fingerprint {
		return Enqueued{Message: first, Err: ErrIdempotencyConflict}
	}
	return Enqueued{Message: first, Duplicate: true}
}

// CheckSettlements returns a *TransitionError for the first status that may not
// follow processing.
func CheckSettlements(settlements []Settlement) error {
	for _, s := range settlements {
		if !courier.StatusProcessing.CanBecome(s.Status) {
			return &TransitionError{ID: s.ID, From: courier.StatusProcessing, To: s.Status}
		}
	}
	return nil
}

// IsPlain reports whether the attempt of a settlement says nothing but that the
// message was accepted, so that an engine may keep it in the row of the message.
func (s *Settlement) IsPlain() bool {
	a := s.Attempt
	return s.Status == courier.StatusSent && a != nil && a.Outcome == courier.OutcomeAccepted &&
		a.Class == "" && a.Code == "" && a.Message == "" && a.Excerpt == "" && a.RetryAfter == 0 &&
		a.Warning == "" && len(a.GatewayMessageIDs) < 2
}

// Settled is what a settlement writes into the row of its message.
type Settled struct {
	// Gateway is empty where it stays.
	Gateway               string
	NextAttemptAt, SentAt time.Time
	// GatewayMessageID is that of an accepted attempt.
	GatewayMessageID string
}

// Settled returns what the settlement writes in addition to its status, count and attempt.
func (s *Settlement) Settled() Settled {
	var row Settled
	if s.Attempt != nil {
		row.Gateway = s.Attempt.Gateway
		if s.Attempt.Outcome == courier.OutcomeAccepted {
			row.GatewayMessageID = CleanID(s.Attempt.GatewayMessageID)
		}
	}
	if s.Status == courier.StatusSent {
		row.SentAt = Floor(s.At)
	}
	if s.Status == courier.StatusQueued {
		// A queued message goes where the settlement says, or stays where it was.
		row.Gateway, row.NextAttemptAt = s.Gateway, Floor(cmp.Or(s.NextAttemptAt, s.At))
	}
	return row
}

// Cancel withdraws a message, and reports whether that changes it.
func Cancel(m *courier.Message, now time.Time) (bool, error) {
	switch m.Status {
	case courier.StatusCanceled:
		return false, nil
	case courier.StatusQueued, courier.StatusUnknown:
		m.Status, m.NextAttemptAt, m.UpdatedAt = courier.StatusCanceled, time.Time{}, Floor(now)
		return true, nil
	case courier.StatusProcessing, courier.StatusSent, courier.StatusDelivered, courier.StatusUndelivered,
		courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned:
	}
	return false, &TransitionError{ID: m.ID, From: m.Status, To: courier.StatusCanceled}
}

// Apply queues a message by hand.
func (r *Requeue) Apply(m *courier.Message) error {
	// Processing leads back to queued too, but by the node that holds the lease alone.
	if m.Status == courier.StatusProcessing || !m.Status.CanBecome(courier.StatusQueued) {
		return &TransitionError{ID: m.ID, From: m.Status, To: courier.StatusQueued}
	}
	if !m.ScrubbedAt.IsZero() {
		return ErrScrubbed
	}
	now := Floor(r.Now)
	if !r.ExpiresAt.IsZero() {
		m.ExpiresAt = Floor(r.ExpiresAt)
	} else if m.Expired(now) {
		m.ExpiresAt = time.Time{}
	}
	m.Status, m.NextAttemptAt, m.UpdatedAt = courier.StatusQueued, now, now
	m.RetryCount, m.SentAt, m.GatewayMessageID, m.SupersededBy = 0, time.Time{}, "", courier.ID{}
	m.Gateway = cmp.Or(r.Gateway, m.Gateway)
	return nil
}

// Apply says what became of an unknown message.
func (r *Resolve) Apply(m *courier.Message) error {
	to := map[Resolution]courier.Status{
		ResolvedSent: courier.StatusSent, ResolvedFailed: courier.StatusUndelivered, ResolvedResend: courier.StatusQueued,
	}[r.As]
	switch {
	case to == "":
		return fmt.Errorf("%w: a message is resolved as sent, failed or resend, not as %q", ErrInvalid, r.As)
	case m.Status != courier.StatusUnknown:
		return &TransitionError{ID: m.ID, From: m.Status, To: to}
	case r.As == ResolvedResend:
		return (&Requeue{ID: r.ID, Now: r.Now, Gateway: r.Gateway}).Apply(m)
	case r.As == ResolvedSent && m.SentAt.IsZero():
		m.SentAt = Floor(r.Now)
	}
	m.Status, m.UpdatedAt = to, Floor(r.Now)
	return nil
}

// Ended reports whether retention takes messages of the status.
func Ended(status courier.Status) bool { return status == courier.StatusSent || status.Final() }

// Waiting is a gateway that queued messages of a lane wait for.
type Waiting struct {
	Gateway string
	Lane    courier.Lane
	// Due is when the first of them is due.
	Due time.Time
	// Count is how many they are, up to CountedMost.
	Count int
}

// CountedMost is up to how many messages of a queue are counted, which bounds what that
// costs.
const CountedMost = 10_000

// RerouteAll runs a reroute of one queue after the other, in batches of a size.
func RerouteAll(waiting []Waiting, known []string, to string, size int, reroute func(from Waiting) (int, error)) (int, error) {
	total := 0
	for _, w := range waiting {
		if w.Gateway == to || slices.Contains(known, w.Gateway) {
			continue
		}
		moved, err := InBatches(size, func() (int, error) { return reroute(w) })
		total += moved
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// InBatches runs a sweep until it finds fewer than a whole batch, and returns how
// many it found together.
func InBatches(size int, sweep func() (int, error)) (int, error) {
	for total := 0; ; {
		count, err := sweep()
		total += count
		if err != nil || count < size {
			return total, err
		}
	}
}

// Known reports whether an error says what it means in the words of the contract.
func Known(err error) bool {
	var transition *TransitionError
	return errors.As(err, &transition) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrClosed) ||
		errors.Is(err, ErrInvalid) || errors.Is(err, ErrDuplicateID) || errors.Is(err, ErrScrubbed)
}

// IsContext reports whether an error is that of a context which ended.
func IsContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
