package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"courier"
	"courier/internal/store"
)

// Claim implements store.Store.
func (s *Store) Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error) {
	if claim.Limit < 1 {
		return nil, nil
	}
	var claimed []*courier.Message
	err := s.writer.submit(ctx, &operation{
		name: "claim", rows: claim.Limit,
		run: func(ctx context.Context, session *session) (change tally, err error) {
			// The token is given now, so that it is higher than that of every lease
			// which these messages had before.
			lease := courier.Lease{Node: claim.Node, Token: s.token(), Until: floor(claim.LeaseUntil)}
			claimed, err = session.claim(ctx, claim, lease)
			change.move(courier.StatusQueued, courier.StatusProcessing, int64(len(claimed)))
			return change, err
		},
	})
	if err != nil {
		return nil, s.fault("claim messages", err)
	}
	return claimed, nil
}

// claim leases what is due and returns it in the order of the queue.
func (s *session) claim(ctx context.Context, claim store.Claim, lease courier.Lease) ([]*courier.Message, error) {
	now := floor(claim.Now)
	from := int64(math.MinInt64)
	if !claim.DueFrom.IsZero() {
		from = floor(claim.DueFrom).UnixMicro()
	}
	due, err := readMessages(ctx, s.statements, queryDueMessages, claim.Gateway, from, now.UnixMicro(), int64(claim.Limit))
	if err != nil {
		return nil, err
	}
	claimed := make([]*courier.Message, len(due))
	for i, row := range due {
		m := row.message
		m.Status, m.Lease, m.UpdatedAt = courier.StatusProcessing, lease, now
		claimed[i] = m
	}
	for _, r := range runs(due) {
		changed, err := s.exec(ctx, queryLeaseMessages,
			lease.Node, lease.Token, lease.Until.UnixMicro(), now.UnixMicro(), r.first, r.last)
		if err != nil {
			return nil, err
		}
		if changed != r.last-r.first+1 {
			return nil, fmt.Errorf("lease rows %d to %d: %d were queued", r.first, r.last, changed)
		}
	}
	return claimed, nil
}

// run is a range of rows without a gap.
type run struct{ first, last int64 }

// runs returns the rows as few ranges. Messages that were stored together are
// due together as a rule, so there are few.
func runs(rows []messageRow) []run {
	order := make([]int64, len(rows))
	for i, row := range rows {
		order[i] = row.seq
	}
	slices.SortFunc(order, cmp.Compare[int64])
	var found []run
	for _, seq := range order {
		if last := len(found) - 1; last >= 0 && found[last].last+1 == seq {
			found[last].last = seq
			continue
		}
		found = append(found, run{first: seq, last: seq})
	}
	return found
}
