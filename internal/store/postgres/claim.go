package postgres

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// Claim implements store.Store.
func (s *Store) Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error) {
	if claim.Limit < 1 {
		return nil, nil
	}
	var claimed []*courier.Message
	lease := courier.Lease{Node: claim.Node, Until: floor(claim.LeaseUntil)}
	now := floor(claim.Now)
	dueFrom := pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	if !claim.DueFrom.IsZero() {
		dueFrom = stamp(claim.DueFrom)
	}
	err := s.queue.submit(ctx, &job{
		name: "claim", abandon: func() { s.doubts.add(lease) },
		run: func(ctx context.Context, on *session, again bool) (err error) {
			if again {
				// What the lost try leased, if anything, is nobody's.
				s.doubts.add(lease)
			}
			if err := s.returnDoubtful(ctx, on); err != nil {
				return err
			}
			lease.Token = newToken()
			claimed, err = readMessages(ctx, on, claimQuery(claim.Limit), on.tallied(
				claim.Gateway, now, int64(claim.Limit), claim.Node, lease.Token, lease.Until, dueFrom)...)
			return err
		},
	})
	if err != nil {
		return nil, s.fault("claim messages", err)
	}
	return inOrderOfDue(claimed), nil
}

// inOrderOfDue returns messages in the order of the queue, which RETURNING does not keep.
func inOrderOfDue(messages []*courier.Message) []*courier.Message {
	slices.SortFunc(messages, func(a, b *courier.Message) int {
		return cmp.Or(a.NextAttemptAt.Compare(b.NextAttemptAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return messages
}

// How long leases that may exist are looked for, and how often: a statement
// whose answer was lost may still be under way at the server.
const (
	doubtFor   = time.Minute
	doubtEvery = time.Second
)

// doubts are leases of this process that may exist though nobody was told of
// them: the answer of their claim or enqueue was lost. They are given back.
type doubts struct {
	mutex  sync.Mutex
	leases map[courier.Lease]doubt
	now    func() time.Time
}

// doubt says when a lease is looked for next, and until when at all.
type doubt struct{ next, until time.Time }

func newDoubts(now func() time.Time) *doubts {
	return &doubts{leases: map[courier.Lease]doubt{}, now: now}
}

func (d *doubts) add(lease courier.Lease) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	now := d.now()
	d.leases[lease] = doubt{next: now, until: now.Add(doubtFor)}
}

// due returns the leases to look for now, by node.
func (d *doubts) due() map[string][]int64 {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if len(d.leases) == 0 {
		return nil
	}
	now, tokens := d.now(), map[string][]int64{}
	for lease, doubt := range d.leases {
		if !doubt.next.After(now) {
			tokens[lease.Node] = append(tokens[lease.Node], lease.Token)
		}
	}
	return tokens
}

// looked notes that leases were looked for.
func (d *doubts) looked(tokens map[string][]int64) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	now := d.now()
	for lease, doubt := range d.leases {
		if !slices.Contains(tokens[lease.Node], lease.Token) {
			continue
		}
		doubt.next = now.Add(doubtEvery)
		if d.leases[lease] = doubt; now.After(doubt.until) {
			delete(d.leases, lease)
		}
	}
}

// returnDoubtful gives back leases that nobody was told of.
func (s *Store) returnDoubtful(ctx context.Context, on *session) error {
	tokens := s.doubts.due()
	for node, list := range tokens {
		if _, err := on.count(ctx, queryReturnLeases, on.tallied(node, list, floor(s.Now()))...); err != nil {
			return err
		}
	}
	if len(tokens) > 0 {
		s.doubts.looked(tokens)
	}
	return nil
}

// doubtLeases notes the leases of messages that may be stored though nobody was
// told so.
func (s *Store) doubtLeases(messages []*courier.Message) {
	for _, m := range messages {
		if m.Status == courier.StatusProcessing {
			s.doubts.add(m.Lease)
		}
	}
}
