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
	lease := courier.Lease{Node: claim.Node, Until: store.Floor(claim.LeaseUntil)}
	dueFrom := stamp(claim.DueFrom)
	if claim.DueFrom.IsZero() {
		dueFrom = pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	err := s.queue.submit(ctx, &job{
		name: "claim", abandon: func() { s.lost.add(lease) },
		run: func(ctx context.Context, on *session, again bool) (err error) {
			if again {
				// What the try before leased, if anything, is nobody's.
				s.lost.add(lease)
			}
			if err := s.returnLostLeases(ctx, on); err != nil {
				return err
			}
			lease.Token = newToken()
			claimed, err = on.messages(ctx, claimQuery(claim.Limit, claim.NewestFirst), on.counted(
				claim.Gateway, store.Floor(claim.Now), int64(claim.Limit), claim.Node, lease.Token, lease.Until, dueFrom, laneOf(claim.Lane))...)
			return err
		},
	})
	if err != nil {
		return nil, s.fault("claim messages", err)
	}
	// RETURNING does not keep the order of the queue.
	slices.SortFunc(claimed, func(a, b *courier.Message) int {
		if claim.NewestFirst {
			a, b = b, a
		}
		return cmp.Or(a.NextAttemptAt.Compare(b.NextAttemptAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return claimed, nil
}

// How long lost leases are looked for, and how often: a statement whose answer
// was lost may still be under way at the server.
const (
	lostFor   = time.Minute
	lostEvery = time.Second
)

// lostLeases are leases of this process that may exist though nobody knows of
// them: the answer of their claim or enqueue was lost. They are given back.
type lostLeases struct {
	mutex  sync.Mutex
	leases map[courier.Lease]search
	now    func() time.Time
}

// search says when a lease is looked for next, and until when at all.
type search struct{ next, until time.Time }

func (l *lostLeases) add(lease courier.Lease) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.now()
	l.leases[lease] = search{next: now, until: now.Add(lostFor)}
}

// addAll adds the leases of messages that may be stored.
func (l *lostLeases) addAll(rows []store.Row) {
	for _, row := range rows {
		if row.Status == courier.StatusProcessing {
			l.add(row.Lease)
		}
	}
}

// due returns the leases to look for now, by node.
func (l *lostLeases) due() map[string][]int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now, tokens := l.now(), map[string][]int64{}
	for lease, search := range l.leases {
		if !search.next.After(now) {
			tokens[lease.Node] = append(tokens[lease.Node], lease.Token)
		}
	}
	return tokens
}

// looked notes that leases were looked for.
func (l *lostLeases) looked(tokens map[string][]int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.now()
	for lease, search := range l.leases {
		if !slices.Contains(tokens[lease.Node], lease.Token) {
			continue
		}
		search.next = now.Add(lostEvery)
		if l.leases[lease] = search; now.After(search.until) {
			delete(l.leases, lease)
		}
	}
}

// returnLostLeases gives back leases that nobody knows of.
func (s *Store) returnLostLeases(ctx context.Context, on *session) error {
	tokens := s.lost.due()
	for node, list := range tokens {
		if _, err := on.count(ctx, "ReturnLeases", on.counted(node, list, store.Floor(s.Now()))...); err != nil {
			return err
		}
	}
	s.lost.looked(tokens)
	return nil
}
