package dispatch_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"courier"
	"courier/internal/store"
)

// memory is a store of maps that honours the contract of store.Store, checks
// what the engine may not do, and fails on demand.
type memory struct {
	mu       sync.Mutex
	rows     map[courier.ID]*courier.Message
	attempts map[courier.ID][]courier.Attempt
	keys     map[string]courier.ID
	tokens   int64
	// late counts settlements whose lease was gone.
	late int
	// batches are the sizes of the settle transactions.
	batches []int
	// calls counts the calls of each operation.
	calls map[string]int
	// nodes are the beats, by node, and keeper is the one on duty.
	nodes  map[string]beat
	keeper string
	// wakes is nil when the store has one node.
	wakes chan string
	// faultFunc returns the error of an operation, before or after it was done.
	faultFunc func(op string, after bool) error
}

func newMemory() *memory {
	return &memory{
		rows:     make(map[courier.ID]*courier.Message),
		attempts: make(map[courier.ID][]courier.Attempt),
		keys:     make(map[string]courier.ID),
		calls:    make(map[string]int),

		nodes: make(map[string]beat),
	}
}

// call runs an operation between its faults. One whose context has ended is
// done all the same, and the caller is not told.
func (s *memory) call(ctx context.Context, op string, run func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
	if s.faultFunc != nil {
		if err := s.faultFunc(op, false); err != nil {
			return err
		}
	}
	run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if s.faultFunc != nil {
		return s.faultFunc(op, true)
	}
	return nil
}

// fail sets the faults of all operations from now on, nil for none.
func (s *memory) fail(faultFunc func(op string, after bool) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultFunc = faultFunc
}

func (s *memory) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	results := make([]store.Enqueued, len(messages))
	err := s.call(ctx, "enqueue", func() {
		for i, m := range messages {
			results[i] = s.enqueue(m)
		}
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

func (s *memory) enqueue(m *courier.Message) store.Enqueued {
	if first, known := s.keys[m.IdempotencyKey]; known && m.IdempotencyKey != "" {
		row := *s.rows[first]
		if row.Fingerprint != m.Fingerprint {
			return store.Enqueued{Err: store.ErrIdempotencyConflict}
		}
		return store.Enqueued{Message: &row, Duplicate: true}
	}
	row := *m
	s.rows[m.ID] = &row
	if m.IdempotencyKey != "" {
		s.keys[m.IdempotencyKey] = m.ID
	}
	return store.Enqueued{Message: m}
}

func (s *memory) Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error) {
	var claimed []*courier.Message
	err := s.call(ctx, "claim", func() {
		due := s.queued(func(m *courier.Message) bool {
			return m.Gateway == claim.Gateway && !m.NextAttemptAt.After(claim.Now) && !m.NextAttemptAt.Before(claim.DueFrom)
		})
		for _, m := range due[:min(len(due), claim.Limit)] {
			s.tokens++
			m.Status = courier.StatusProcessing
			m.Lease = courier.Lease{Node: claim.Node, Token: s.tokens, Until: claim.LeaseUntil}
			row := *m
			claimed = append(claimed, &row)
		}
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// queued returns the queued messages that match, the earliest due first.
func (s *memory) queued(match func(*courier.Message) bool) []*courier.Message {
	var found []*courier.Message
	for _, m := range s.rows {
		if m.Status == courier.StatusQueued && match(m) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b *courier.Message) int {
		if order := a.NextAttemptAt.Compare(b.NextAttemptAt); order != 0 {
			return order
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return found
}

func (s *memory) Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error) {
	applied := make([]bool, len(settlements))
	err := s.call(ctx, "settle", func() {
		s.batches = append(s.batches, len(settlements))
		for i := range settlements {
			applied[i] = s.settle(&settlements[i])
		}
	})
	if err != nil {
		return nil, err
	}
	return applied, nil
}

func (s *memory) settle(settlement *store.Settlement) bool {
	row, known := s.rows[settlement.ID]
	if !known || row.Status != courier.StatusProcessing || row.Lease.Token != settlement.Token {
		s.late++
		return false
	}
	row.Status = settlement.Status
	row.Lease = courier.Lease{}
	row.RetryCount = settlement.RetryCount
	row.UpdatedAt = settlement.At
	if settlement.Status == courier.StatusQueued {
		row.NextAttemptAt = settlement.NextAttemptAt
	}
	if settlement.Gateway != "" {
		row.Gateway = settlement.Gateway
	}
	if attempt := settlement.Attempt; attempt != nil {
		row.SendCount = attempt.Number
		row.LastError = attempt
		if attempt.Outcome == courier.OutcomeAccepted {
			row.LastError = nil
		}
		s.attempts[row.ID] = append(s.attempts[row.ID], *attempt)
	}
	return true
}

func (s *memory) Reclaim(ctx context.Context, reclaim store.Reclaim) (int, error) {
	count := 0
	err := s.call(ctx, "reclaim", func() {
		for _, row := range s.rows {
			if row.Status != courier.StatusProcessing || !s.lost(row.Lease, reclaim) {
				continue
			}
			row.Status, row.NextAttemptAt = courier.StatusQueued, reclaim.Now
			if reclaim.Hold {
				row.Status = courier.StatusUnknown
			}
			row.Lease = courier.Lease{}
			row.SendCount++
			s.attempts[row.ID] = append(s.attempts[row.ID], courier.Attempt{Number: row.SendCount, Outcome: courier.OutcomeUnknown})
			count++
		}
	})
	return count, err
}

func (s *memory) Expire(ctx context.Context, now time.Time, limit int) (int, error) {
	count := 0
	err := s.call(ctx, "expire", func() {
		expired := s.queued(func(m *courier.Message) bool { return m.Expired(now) })
		for _, m := range expired[:min(len(expired), limit)] {
			m.Status = courier.StatusExpired
			count++
		}
	})
	return count, err
}

func (s *memory) Reroute(ctx context.Context, known []string, to string, _ time.Time) (int, error) {
	count := 0
	err := s.call(ctx, "reroute", func() {
		for _, m := range s.queued(func(m *courier.Message) bool { return !slices.Contains(known, m.Gateway) }) {
			m.Gateway = to
			count++
		}
	})
	return count, err
}

func (s *memory) NextDue(ctx context.Context, gateway string) (time.Time, error) {
	var due time.Time
	err := s.call(ctx, "next_due", func() {
		for _, m := range s.rows {
			if m.Status == courier.StatusQueued && m.Gateway == gateway && (due.IsZero() || m.NextAttemptAt.Before(due)) {
				due = m.NextAttemptAt
			}
		}
	})
	return due, err
}

func (s *memory) Check(ctx context.Context) error { return s.call(ctx, "check", func() {}) }

func (s *memory) Stats(ctx context.Context, now time.Time) (store.Stats, error) {
	var stats store.Stats
	err := s.call(ctx, "stats", func() {
		due := s.queued(func(m *courier.Message) bool { return !m.NextAttemptAt.After(now) })
		if len(due) > 0 {
			stats.OldestDueAt = due[0].NextAttemptAt
		}
		stats.Queued = int64(len(s.queued(func(*courier.Message) bool { return true })))
	})
	return stats, err
}

// message returns a copy of a row.
func (s *memory) message(id courier.ID) courier.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.rows[id]
}

// tried returns the attempts of a message.
func (s *memory) tried(id courier.ID) []courier.Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.attempts[id])
}

// put changes the store from outside, as another process would.
func (s *memory) put(messages ...*courier.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		row := *m
		s.rows[m.ID] = &row
	}
}

// statuses counts the messages in each status.
func (s *memory) statuses() map[courier.Status]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[courier.Status]int)
	for row := range maps.Values(s.rows) {
		counts[row.Status]++
	}
	return counts
}

// count returns how often an operation was called.
func (s *memory) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}
