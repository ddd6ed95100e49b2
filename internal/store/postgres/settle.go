package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error) {
	const operationName = "settle messages"
	if len(settlements) == 0 {
		return nil, nil
	}
	if err := store.CheckSettlements(settlements); err != nil {
		return nil, s.fault(operationName, err)
	}
	// What is sent is taken out of the caller's slice now: it may use it again as
	// soon as its context ends, while the operation is still under way.
	n, at := newSettling(settlements), settlements[0].At
	run := func(ctx context.Context, on *session, again bool) error {
		if err := n.try(ctx, on, again); err != nil || len(n.newer) == 0 {
			return err
		}
		return s.releaseHeld(ctx, on, n.newer, at)
	}
	if err := s.queue.submit(ctx, &job{name: "settle", run: run}); err != nil {
		return nil, s.fault(operationName, err)
	}
	n.tallies.Settled(settlements, n.applied)
	s.tallies.Add(n.tallies.Take())
	return n.applied, nil
}

// settling is the state of one call of Settle.
type settling struct {
	statements []settled
	applied    []bool
	// ids are the messages, named what gateways call those that they took: receipts may
	// wait for both.
	ids   []courier.ID
	named []string
	// queues is true where messages are left to others, so that receipts which keep
	// them from being sent again are applied in the same transaction.
	queues  bool
	tallies store.Tallies
	// newer are those that took the places of messages that were settled.
	newer []courier.ID
}

// settled are the settlements of one statement: its arguments, which begin with
// the messages and the tokens, and where each stands in the call.
type settled struct {
	name      string
	arguments []any
	places    []int
}

// newSettling sorts settlements into those that one statement writes and the others.
func newSettling(settlements []store.Settlement) *settling {
	type lease struct {
		id    courier.ID
		token int64
	}
	seen := make(map[lease]struct{}, len(settlements))
	sent, other := settled{name: "SettleSent"}, settled{name: "SettleMessage"}
	var sentRows, otherRows []*store.Settlement
	n := &settling{applied: make([]bool, len(settlements))}
	for i := range settlements {
		t := &settlements[i]
		// The first with a token applies, and takes the lease away.
		if _, again := seen[lease{t.ID, t.Token}]; again {
			continue
		}
		seen[lease{t.ID, t.Token}] = struct{}{}
		n.ids, n.named = append(n.ids, t.ID), append(n.named, t.Names()...)
		n.queues = n.queues || t.Status == courier.StatusQueued
		if t.IsPlain() {
			sentRows, sent.places = append(sentRows, t), append(sent.places, i)
		} else {
			otherRows, other.places = append(otherRows, t), append(other.places, i)
		}
	}
	sent.arguments, other.arguments = sentArguments(sentRows), otherArguments(otherRows)
	n.statements = slices.DeleteFunc([]settled{sent, other}, func(s settled) bool { return len(s.places) == 0 })
	return n
}

// try writes the settlements in one transaction, and applies receipts that waited for
// them: in it where the messages are queued again, or else after it.
func (n *settling) try(ctx context.Context, on *session, again bool) error {
	clear(n.applied)
	n.newer = nil
	n.tallies.Take() // of an earlier try
	write := func(in *session) error {
		parked, err := n.write(ctx, in)
		if err != nil || !parked {
			return err
		}
		waiting, err := in.parked(ctx, "ParkedOf", uuids(n.ids), n.named)
		if err != nil || len(waiting) == 0 {
			return err
		}
		if n.queues {
			return in.unpark(ctx, waiting, &n.tallies)
		}
		return in.inTx(ctx, func(in *session) error { return in.unpark(ctx, waiting, &n.tallies) })
	}
	var err error
	if n.queues {
		err = on.inTx(ctx, write)
	} else {
		err = write(on)
	}
	if err != nil || !again {
		return err
	}
	for _, s := range n.statements {
		// What a try whose answer was lost has settled.
		if err := on.read(ctx, "SettledBefore", n.mark(s), s.arguments[0], s.arguments[1]); err != nil {
			return err
		}
	}
	return on.confirm(ctx)
}

// write writes all in one go. It reports whether any receipt waits.
func (n *settling) write(ctx context.Context, on *session) (parked bool, err error) {
	segment, err := on.segment(ctx, len(n.named))
	if err != nil {
		return false, err
	}
	var queries []query
	for _, s := range n.statements {
		queries = append(queries, query{s.name, append(on.counted(s.arguments...), segment), n.mark(s)})
	}
	queries = append(queries, query{name: "AnyParked", read: func(rows pgx.Rows) error { return rows.Scan(&parked) }})
	err = on.readTogether(ctx, queries...)
	return parked, err
}

// mark returns a function that reads the place of a settlement that applied.
func (n *settling) mark(s settled) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var place int32
		var newer pgtype.UUID
		if err := rows.Scan(&place, &newer); err != nil {
			return err
		}
		if n.applied[s.places[place-1]] = true; newer.Valid {
			n.newer = append(n.newer, newer.Bytes)
		}
		return nil
	}
}

// sentArguments returns the arguments of SettleSent after those of the counts.
func sentArguments(list []*store.Settlement) []any {
	type row = *store.Settlement
	return []any{
		column(list, func(t row) pgtype.UUID { return uuid(t.ID) }),
		column(list, func(t row) int64 { return t.Token }),
		column(list, func(t row) int32 { return small(t.RetryCount) }),
		column(list, func(t row) pgtype.Timestamptz { return stamp(t.At) }),
		column(list, func(t row) int32 { return small(t.Attempt.Number) }),
		column(list, func(t row) string { return t.Attempt.Gateway }),
		column(list, func(t row) string { return store.CleanID(t.Attempt.GatewayMessageID) }),
		column(list, func(t row) int32 { return small(t.Attempt.HTTPStatus) }),
		column(list, func(t row) pgtype.Timestamptz { return stamp(t.Attempt.StartedAt) }),
		column(list, func(t row) int64 { return t.Attempt.Duration.Microseconds() }),
		column(list, row.LowKey),
	}
}

// otherArguments returns the arguments of SettleMessage after those of the counts.
// A gateway may answer with anything, which must not spoil the others' settlements.
func otherArguments(list []*store.Settlement) []any {
	type row = *store.Settlement
	type try = *courier.Attempt
	settled := column(list, row.Settled)
	attempts := column(list, func(t row) try {
		if t.Attempt == nil {
			return &courier.Attempt{}
		}
		return t.Attempt
	})
	places, ids := []int32{}, []string{}
	for i, a := range attempts {
		for _, id := range store.PartIDs(a) {
			places, ids = append(places, small(i+1)), append(ids, id)
		}
	}
	return []any{
		column(list, func(t row) pgtype.UUID { return uuid(t.ID) }),
		column(list, func(t row) int64 { return t.Token }),
		column(list, func(t row) string { return string(t.Status) }),
		column(list, func(t row) int32 { return small(t.RetryCount) }),
		column(list, func(t row) pgtype.Timestamptz { return stamp(t.At) }),
		column(settled, func(s store.Settled) pgtype.Timestamptz { return stamp(s.NextAttemptAt) }),
		column(settled, func(s store.Settled) string { return s.Gateway }),
		column(settled, func(s store.Settled) pgtype.Timestamptz { return stamp(s.SentAt) }),
		column(attempts, func(a try) int32 { return small(a.Number) }),
		column(attempts, func(a try) string { return a.Gateway }),
		column(attempts, func(a try) string { return string(a.Outcome) }),
		column(attempts, func(a try) string { return string(a.Class) }),
		column(attempts, func(a try) string { return store.CleanText(a.Code) }),
		column(attempts, func(a try) string { return store.CleanText(a.Message) }),
		column(attempts, func(a try) int32 { return small(a.HTTPStatus) }),
		column(attempts, func(a try) string { return store.CleanText(a.Excerpt) }),
		column(attempts, func(a try) string { return store.CleanID(a.GatewayMessageID) }),
		column(attempts, func(a try) int64 { return a.RetryAfter.Microseconds() }),
		column(attempts, func(a try) pgtype.Timestamptz { return stamp(a.StartedAt) }),
		column(attempts, func(a try) int64 { return a.Duration.Microseconds() }),
		column(attempts, func(a try) string { return store.CleanText(a.Warning) }),
		column(list, row.LowKey),
		places, ids,
	}
}
