package storetest

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// model is the store as simply as it can be told: what a store holds must be
// equal to it after any history.
type model struct {
	// rows are the messages in the order in which they were stored.
	rows     []*courier.Message
	attempts map[courier.ID][]courier.Attempt
	keys     map[string]*courier.Message
}

func newModel() *model {
	return &model{attempts: map[courier.ID][]courier.Attempt{}, keys: map[string]*courier.Message{}}
}

func (m *model) find(id courier.ID) *courier.Message {
	for _, row := range m.rows {
		if row.ID == id {
			return row
		}
	}
	return nil
}

// enqueue stores messages, and returns for each the row that answers for it.
func (m *model) enqueue(messages []*courier.Message) []store.Enqueued {
	answers := make([]store.Enqueued, len(messages))
	for i, given := range messages {
		first, known := m.keys[given.IdempotencyKey]
		switch {
		case given.IdempotencyKey == "" || !known:
			row := *given
			row.CreatedAt, row.UpdatedAt = floor(row.CreatedAt), floor(row.UpdatedAt)
			row.ExpiresAt, row.NextAttemptAt = floor(row.ExpiresAt), floor(row.NextAttemptAt)
			row.Lease.Until = floor(row.Lease.Until)
			m.rows, m.keys[row.IdempotencyKey] = append(m.rows, &row), &row
			answers[i].Message = &row
		case first.Fingerprint == given.Fingerprint:
			answers[i] = store.Enqueued{Message: first, Duplicate: true}
		default:
			answers[i] = store.Enqueued{Message: first, Err: store.ErrIdempotencyConflict}
		}
	}
	return answers
}

// queued returns the queued messages of a gateway by when they are due.
func (m *model) queued(gateway string) []*courier.Message {
	var found []*courier.Message
	for _, row := range m.rows {
		if row.Status == courier.StatusQueued && row.Gateway == gateway {
			found = append(found, row)
		}
	}
	slices.SortStableFunc(found, func(a, b *courier.Message) int { return a.NextAttemptAt.Compare(b.NextAttemptAt) })
	return found
}

// claim leases messages without a token, which the store alone chooses.
func (m *model) claim(claim store.Claim) []*courier.Message {
	var claimed []*courier.Message
	for _, row := range m.queued(claim.Gateway) {
		if len(claimed) < claim.Limit && !row.NextAttemptAt.After(claim.Now) {
			row.Status, row.UpdatedAt = courier.StatusProcessing, floor(claim.Now)
			row.Lease = courier.Lease{Node: claim.Node, Until: floor(claim.LeaseUntil)}
			claimed = append(claimed, row)
		}
	}
	return claimed
}

func (m *model) settle(s store.Settlement) bool {
	row := m.find(s.ID)
	if row == nil || row.Status != courier.StatusProcessing || row.Lease.Token != s.Token {
		return false
	}
	after, attempts := settled(row, m.attempts[s.ID], s)
	*row, m.attempts[s.ID] = *after, attempts
	return true
}

// reclaim takes back the leases of all other nodes. The text for the operator
// is the store's own.
func (m *model) reclaim(r store.Reclaim, text string) int {
	count := 0
	for _, row := range m.rows {
		if row.Status != courier.StatusProcessing || row.Lease.Node == r.Node {
			continue
		}
		count++
		attempt := courier.Attempt{
			Number: row.SendCount + 1, Gateway: row.Gateway, Outcome: courier.OutcomeUnknown,
			Class: courier.ClassOutcomeUnknown, Message: text, StartedAt: row.UpdatedAt,
		}
		m.attempts[row.ID] = append(m.attempts[row.ID], attempt)
		row.SendCount, row.LastError, row.Lease, row.UpdatedAt = attempt.Number, &attempt, courier.Lease{}, floor(r.Now)
		row.Status, row.NextAttemptAt = courier.StatusQueued, floor(r.Now)
		if r.Hold {
			row.Status, row.NextAttemptAt = courier.StatusUnknown, time.Time{}
		}
	}
	return count
}

func (m *model) expire(now time.Time) int {
	count := 0
	for _, row := range m.rows {
		if row.Status == courier.StatusQueued && row.Expired(now) {
			row.Status, row.NextAttemptAt, row.UpdatedAt = courier.StatusExpired, time.Time{}, floor(now)
			count++
		}
	}
	return count
}

func (m *model) reroute(known []string, to string, now time.Time) int {
	count := 0
	for _, row := range m.rows {
		if row.Status == courier.StatusQueued && row.Gateway != to && !slices.Contains(known, row.Gateway) {
			row.Gateway, row.UpdatedAt = to, floor(now)
			count++
		}
	}
	return count
}

// cancel reports whether the message may be canceled.
func (m *model) cancel(row *courier.Message, now time.Time) bool {
	switch row.Status {
	case courier.StatusCanceled:
		return true
	case courier.StatusQueued, courier.StatusUnknown:
		row.Status, row.NextAttemptAt, row.UpdatedAt = courier.StatusCanceled, time.Time{}, floor(now)
		return true
	case courier.StatusProcessing, courier.StatusSent, courier.StatusDelivered, courier.StatusUndelivered,
		courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned:
		return false
	}
	return false
}

// requeue reports whether the message may be queued by hand.
func (m *model) requeue(row *courier.Message, r store.Requeue) bool {
	if !slices.Contains(requeueable(), row.Status) {
		return false
	}
	row.Status, row.NextAttemptAt, row.UpdatedAt = courier.StatusQueued, floor(r.Now), floor(r.Now)
	row.RetryCount, row.SentAt, row.GatewayMessageID = 0, time.Time{}, ""
	row.Gateway = cmp.Or(r.Gateway, row.Gateway)
	switch {
	case !r.ExpiresAt.IsZero():
		row.ExpiresAt = floor(r.ExpiresAt)
	case row.Expired(floor(r.Now)):
		row.ExpiresAt = time.Time{}
	}
	return true
}

func (m *model) stats(now time.Time) store.Stats {
	var stats store.Stats
	for _, row := range m.rows {
		switch row.Status {
		case courier.StatusQueued:
			stats.Queued++
			due := row.NextAttemptAt
			if !due.After(now) && (stats.OldestDueAt.IsZero() || due.Before(stats.OldestDueAt)) {
				stats.OldestDueAt = due
			}
		case courier.StatusProcessing:
			stats.Processing++
		case courier.StatusUnknown:
			stats.Unknown++
		case courier.StatusSent, courier.StatusDelivered, courier.StatusUndelivered, courier.StatusRejected,
			courier.StatusExpired, courier.StatusAbandoned, courier.StatusCanceled:
		}
	}
	return stats
}

// list returns all messages, newest first.
func (m *model) list() []*courier.Message {
	all := slices.Clone(m.rows)
	slices.SortFunc(all, func(a, b *courier.Message) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return all
}
