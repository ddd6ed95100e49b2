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
	var claimed []messageRow
	err := s.writer.submit(ctx, &operation{
		name: "claim", rows: claim.Limit,
		// A loss of power ends the one process that could hold the leases, too. The
		// messages are then queued again, which is what becomes of them anyway unless
		// their attempts must not be repeated.
		early: !claim.Durable,
		run: func(ctx context.Context, session *session) (err error) {
			// The token is given now, so that it is higher than that of every lease
			// which these messages had before.
			lease := courier.Lease{Node: claim.Node, Token: s.token(), Until: store.Floor(claim.LeaseUntil)}
			claimed, err = session.claim(ctx, claim, lease)
			return err
		},
	})
	if err != nil {
		return nil, s.fault("claim messages", err)
	}
	// Here, as others wait for the writer.
	return decode(claimed), nil
}

// claim leases what is due and returns it in the order of the queue.
func (s *session) claim(ctx context.Context, claim store.Claim, lease courier.Lease) ([]messageRow, error) {
	now, from := store.Floor(claim.Now), int64(math.MinInt64)
	if !claim.DueFrom.IsZero() {
		from = claim.DueFrom.UnixMicro()
	}
	statement := "DueMessages"
	if claim.NewestFirst {
		statement = "NewestMessages"
	}
	due, err := s.rows(ctx, statement, claim.Gateway, laneOf(claim.Lane), from, now.UnixMicro(), int64(claim.Limit))
	if err != nil {
		return nil, err
	}
	for _, row := range due {
		m := row.message
		m.Status, m.Lease, m.UpdatedAt = courier.StatusProcessing, lease, now
	}
	for _, r := range runs(due) {
		leased, err := s.move(ctx, courier.StatusQueued, courier.StatusProcessing, "LeaseMessages",
			lease.Node, lease.Token, lease.Until.UnixMicro(), now.UnixMicro(), r.first, r.last)
		if err != nil {
			return nil, err
		}
		if leased != r.last-r.first+1 {
			return nil, fmt.Errorf("lease rows %d to %d: %d were queued", r.first, r.last, leased)
		}
	}
	return due, nil
}

// run is a range of rows without a gap.
type run struct{ first, last int64 }

// runs returns the rows as few ranges. Messages that were stored together are
// due together as a rule, so there are few.
func runs(rows []messageRow) []run {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b messageRow) int { return cmp.Compare(a.seq, b.seq) })
	var found []run
	for _, row := range rows {
		if last := len(found) - 1; last >= 0 && found[last].last+1 == row.seq {
			found[last].last = row.seq
			continue
		}
		found = append(found, run{first: row.seq, last: row.seq})
	}
	return found
}
