package sqlite

import (
	"cmp"
	"context"
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
		run: func(ctx context.Context, session *session) (change tally, err error) {
			// The token is given now, so that it is higher than that of every lease
			// which these messages had before.
			claimed, err = readMessages(ctx, session.statements, queryClaimMessages, claim.Gateway, claim.Now.UnixMicro(),
				int64(claim.Limit), claim.Node, s.token(), claim.LeaseUntil.UnixMicro())
			change.move(courier.StatusQueued, courier.StatusProcessing, int64(len(claimed)))
			return change, err
		},
	})
	if err != nil {
		return nil, s.fault("claim messages", err)
	}
	return inOrderOfDue(claimed), nil
}

// inOrderOfDue returns messages in the order of the queue, which RETURNING does not keep.
func inOrderOfDue(rows []messageRow) []*courier.Message {
	slices.SortFunc(rows, func(a, b messageRow) int {
		return cmp.Or(a.message.NextAttemptAt.Compare(b.message.NextAttemptAt), cmp.Compare(a.seq, b.seq))
	})
	messages := make([]*courier.Message, len(rows))
	for i, row := range rows {
		messages[i] = row.message
	}
	return messages
}
