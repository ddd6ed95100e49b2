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
	// shared is true when several nodes share the database.
	shared bool
	// alive are the nodes whose beat holds, with their gateways, and keeper the
	// one that does the housekeeping.
	alive  map[string][]string
	keeper string
}

func newModel(shared bool) *model {
	return &model{
		shared: shared, attempts: map[courier.ID][]courier.Attempt{}, keys: map[string]*courier.Message{},
		alive: map[string][]string{},
	}
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
		if len(claimed) < claim.Limit && !row.NextAttemptAt.After(claim.Now) && !row.NextAttemptAt.Before(floor(claim.DueFrom)) {
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

// isLost reports whether a reclaim takes the lease of a message.
func (m *model) isLost(row *courier.Message, r store.Reclaim) bool {
	if row.Status != courier.StatusProcessing {
		return false
	}
	_, alive := m.alive[row.Lease.Node]
	kept := row.Lease.Node == r.Node || m.shared && alive
	return !kept || r.Lapsed && !row.Lease.Until.After(floor(r.Now))
}

// reclaim takes back leases. The text for the operator is the store's own.
func (m *model) reclaim(r store.Reclaim, text string) int {
	count := 0
	for _, row := range m.rows {
		if !m.isLost(row, r) {
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

// cancel returns the error of a message that may not be canceled.
func (m *model) cancel(row *courier.Message, now time.Time) error {
	switch row.Status {
	case courier.StatusCanceled:
		return nil
	case courier.StatusQueued, courier.StatusUnknown:
		row.Status, row.NextAttemptAt, row.UpdatedAt = courier.StatusCanceled, time.Time{}, floor(now)
		return nil
	case courier.StatusProcessing, courier.StatusSent, courier.StatusDelivered, courier.StatusUndelivered,
		courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned:
	}
	return &store.TransitionError{ID: row.ID, From: row.Status, To: courier.StatusCanceled}
}

// requeue returns the error of a message that may not be queued by hand.
func (m *model) requeue(row *courier.Message, r store.Requeue) error {
	if !slices.Contains(requeueable(), row.Status) {
		return &store.TransitionError{ID: row.ID, From: row.Status, To: courier.StatusQueued}
	}
	if !row.ScrubbedAt.IsZero() {
		return store.ErrScrubbed
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
	return nil
}

// scrub takes the content out of all that it finds.
func (m *model) scrub(s store.Sweep) int {
	count := 0
	for _, row := range m.rows {
		if ended(row.Status) && row.ScrubbedAt.IsZero() && row.UpdatedAt.Before(floor(s.Before)) {
			*row = *scrubbed(row, s.Now)
			count++
		}
	}
	return count
}

// purge deletes all that it finds.
func (m *model) purge(s store.Sweep) int {
	before := len(m.rows)
	m.rows = slices.DeleteFunc(m.rows, func(row *courier.Message) bool {
		changed := row.UpdatedAt
		if !row.ScrubbedAt.IsZero() {
			changed = row.ScrubbedAt
		}
		gone := ended(row.Status) && changed.Before(floor(s.Before))
		if gone {
			delete(m.attempts, row.ID)
			delete(m.keys, row.IdempotencyKey)
		}
		return gone
	})
	return before - len(m.rows)
}

// beat returns the standing of a node. Where nodes share a database it cannot
// say which of them keeps, only that the one which did goes on while it lives.
func (m *model) beat(beat store.Beat, keeps bool) store.Standing {
	if !m.shared {
		m.alive, m.keeper = map[string][]string{}, beat.Node
	}
	m.alive[beat.Node] = beat.Gateways
	if _, alive := m.alive[m.keeper]; keeps && !alive {
		m.keeper = beat.Node
	}
	standing := store.Standing{Keeper: m.keeper == beat.Node, Nodes: len(m.alive)}
	for _, gateways := range m.alive {
		standing.Gateways = append(standing.Gateways, gateways...)
	}
	slices.Sort(standing.Gateways)
	standing.Gateways = slices.Compact(standing.Gateways)
	return standing
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
