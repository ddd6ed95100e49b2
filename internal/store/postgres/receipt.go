package postgres

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"courier"
	"courier/internal/store"
)

// Receive implements store.Store. It waits for messages that somebody else holds, as a
// decision does.
func (s *Store) Receive(ctx context.Context, receipts []courier.Receipt) ([]store.Received, error) {
	if len(receipts) == 0 {
		return nil, nil
	}
	receipts = store.CleanReceipts(receipts, s.Now())
	var answers []store.Received
	tallies := &store.Tallies{}
	err := s.queue.submit(ctx, &job{name: "receive", decides: true, run: func(ctx context.Context, on *session, _ bool) error {
		tallies.Take() // of an earlier try
		return on.inTx(ctx, func(in *session) (err error) {
			var named []string
			if answers, named, err = in.judge(ctx, receipts, tallies); err != nil {
				return err
			}
			if err := in.park(ctx, receipts, answers); err != nil {
				return err
			}
			return in.unparkNamed(ctx, named, tallies)
		})
	}})
	if err != nil {
		return nil, s.fault("receive receipts", err)
	}
	s.tallies.Add(tallies.Take())
	return answers, nil
}

// judge applies receipts to their messages, which it locks, and returns the names that
// they told.
func (s *session) judge(ctx context.Context, receipts []courier.Receipt, tallies *store.Tallies) ([]store.Received, []string, error) {
	messages := make([]courier.ID, len(receipts))
	err := s.read(ctx, "MessagesOfReceipts", func(rows pgx.Rows) error {
		var place int
		var id pgtype.UUID
		err := rows.Scan(&place, &id)
		messages[place-1] = id.Bytes
		return err
	}, column(receipts, func(r courier.Receipt) string { return r.Gateway }),
		column(receipts, func(r courier.Receipt) string { return r.GatewayMessageID }),
		column(receipts, func(r courier.Receipt) pgtype.UUID { return uuid(r.MessageID) }),
		column(receipts, func(r courier.Receipt) int64 { return store.HashID(r.Gateway, r.GatewayMessageID) }))
	if err != nil {
		return nil, nil, err
	}
	known, err := s.deliveries(ctx, messages)
	if err != nil {
		return nil, nil, err
	}
	list := column(messages, func(id courier.ID) *store.Delivery { return known[id] })
	answers := store.Judge(receipts, list, tallies)
	return answers, store.Named(known), s.writeDeliveries(ctx, known)
}

// deliveries locks messages and reads what receipts are judged by.
func (s *session) deliveries(ctx context.Context, messages []courier.ID) (map[courier.ID]*store.Delivery, error) {
	known, found := map[courier.ID]*store.Delivery{}, map[courier.ID]*courier.Message{}
	attempts, receipts, accepted := map[courier.ID][]courier.Attempt{}, map[courier.ID][]courier.Receipt{}, map[courier.ID]*courier.Attempt{}
	messages = slices.SortedFunc(slices.Values(messages), func(a, b courier.ID) int { return bytes.Compare(a[:], b[:]) })
	messages = slices.DeleteFunc(slices.Compact(messages), courier.ID.IsZero)
	if len(messages) == 0 {
		return known, nil
	}
	row, attempted, named, ids := newMessageRow(), attemptRow{}, parts{}, uuids(messages)
	var id courier.ID
	err := s.readTogether(ctx, []query{
		// First: the others see what those did that it waited for.
		{"LockMessages", []any{ids}, func(rows pgx.Rows) error {
			m, err := row.scan(rows)
			if err == nil {
				found[m.ID], accepted[m.ID] = m, row.acceptedAttempt()
			}
			return err
		}},
		{"Attempts", []any{ids}, func(rows pgx.Rows) error {
			err := rows.Scan(append([]any{(*[16]byte)(&id)}, attempted.targets()...)...)
			attempts[id] = append(attempts[id], attempted.value())
			return err
		}},
		{"Parts", []any{ids}, named.read},
		receiptsOf(ids, receipts),
	}...)
	for id, m := range found {
		named.fill(id, attempts[id])
		if a := accepted[id]; a != nil {
			attempts[id] = append(attempts[id], *a)
		}
		known[id] = store.NewDelivery(m, attempts[id], receipts[id])
	}
	return known, err
}

// receiptsOf reads the receipts of messages.
func receiptsOf(messages []pgtype.UUID, found map[courier.ID][]courier.Receipt) query {
	var r courier.Receipt
	return query{"Receipts", []any{messages}, func(rows pgx.Rows) error {
		err := rows.Scan(append([]any{(*[16]byte)(&r.MessageID)}, receiptTargets(&r)...)...)
		found[r.MessageID] = append(found[r.MessageID], inUTC(r))
		return err
	}}
}

// receiptTargets takes apart the columns "receipt".
func receiptTargets(r *courier.Receipt) []any {
	return []any{
		&r.Gateway, &r.GatewayMessageID, (*string)(&r.Status), (*zeronull.Text)(&r.Class), text(&r.Code), text(&r.Message),
		at(&r.At), &r.ReceivedAt,
	}
}

func inUTC(r courier.Receipt) courier.Receipt {
	r.At, r.ReceivedAt = r.At.UTC(), r.ReceivedAt.UTC()
	return r
}

// receiptArguments returns the columns "receipt" of several.
func receiptArguments(list []courier.Receipt) []any {
	type row = courier.Receipt
	return []any{
		column(list, func(r row) string { return r.Gateway }), column(list, func(r row) string { return r.GatewayMessageID }),
		column(list, func(r row) string { return string(r.Status) }), column(list, func(r row) string { return string(r.Class) }),
		column(list, func(r row) string { return r.Code }), column(list, func(r row) string { return r.Message }),
		column(list, func(r row) pgtype.Timestamptz { return stamp(r.At) }), column(list, func(r row) pgtype.Timestamptz { return stamp(r.ReceivedAt) }),
	}
}

// writeDeliveries writes what receipts made of messages. The counts are written also
// when nothing changed, see confirm.
func (s *session) writeDeliveries(ctx context.Context, known map[courier.ID]*store.Delivery) error {
	var news []courier.Receipt
	var numbers []int32
	// A message takes two steps where one would not be legal.
	type change struct {
		*store.Delivery
		store.Step
	}
	var changes [2][]change
	var counts store.Counts
	for _, d := range known {
		for i, r := range d.News() {
			news, numbers = append(news, r), append(numbers, small(d.Known+i+1))
		}
		for i, step := range d.Steps() {
			changes[i] = append(changes[i], change{d, step})
			counts.Move(step.From, step.To, 1)
		}
	}
	var queries []query
	if len(news) > 0 {
		ids := column(news, func(r courier.Receipt) pgtype.UUID { return uuid(r.MessageID) })
		queries = append(queries, query{name: "InsertReceipt", arguments: append([]any{ids, numbers}, receiptArguments(news)...)})
	}
	for _, list := range changes {
		if len(list) == 0 {
			continue
		}
		segment, err := s.segment(ctx, 0)
		if err != nil {
			return err
		}
		queries = append(queries, query{name: "ApplyReceipts", arguments: []any{
			column(list, func(c change) pgtype.UUID { return uuid(c.ID) }),
			column(list, func(c change) string { return string(c.Step.From) }), column(list, func(c change) string { return string(c.To) }),
			column(list, func(c change) pgtype.Timestamptz { return stamp(c.UpdatedAt) }),
			column(list, func(c change) pgtype.Timestamptz { return stamp(c.SentAt) }),
			column(list, func(c change) string { return c.Gateway }), column(list, func(c change) string { return c.GatewayMessageID }),
			column(list, func(c change) string { return store.EncodeFailure(c.LastError) }),
			column(list, func(c change) int64 {
				if !c.Named {
					return 0
				}
				return store.KeyOf(segment, c.Gateway, c.GatewayMessageID)
			}),
		}})
	}
	return s.readTogether(ctx, append(queries, s.adding(counts))...)
}

// park keeps those receipts that wait, and forgets what waited too long.
func (s *session) park(ctx context.Context, receipts []courier.Receipt, answers []store.Received) error {
	waiting, newest := store.ToPark(receipts, answers)
	if len(waiting) == 0 {
		return nil
	}
	ids := column(waiting, func(r courier.Receipt) pgtype.UUID { return uuid(r.MessageID) })
	return s.readTogether(ctx, []query{
		{name: "InsertParked", arguments: append([]any{ids}, receiptArguments(waiting)...)},
		{name: "ForgetParked", arguments: []any{newest.Add(-store.ParkedFor)}},
		{name: "BoundParked", arguments: []any{int64(store.MaxParked)}},
	}...)
}

// parked returns the receipts that a statement finds, in the order in which they came.
func (s *session) parked(ctx context.Context, name string, arguments ...any) ([]store.Parked, error) {
	var found []store.Parked
	var p store.Parked
	err := s.read(ctx, name, func(rows pgx.Rows) error {
		err := rows.Scan(append([]any{&p.Seq, (*[16]byte)(&p.MessageID)}, receiptTargets(&p.Receipt)...)...)
		found = append(found, store.Parked{Seq: p.Seq, Receipt: inUTC(p.Receipt)})
		return err
	}, arguments...)
	slices.SortFunc(found, func(a, b store.Parked) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(found, func(a, b store.Parked) bool { return a.Seq == b.Seq }), err
}

// unpark applies receipts that waited; those that go on waiting stay.
func (s *session) unpark(ctx context.Context, parked []store.Parked, tallies *store.Tallies) error {
	if len(parked) == 0 {
		return nil
	}
	answers, named, err := s.judge(ctx, column(parked, func(p store.Parked) courier.Receipt { return p.Receipt }), tallies)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "DeleteParked", store.Done(parked, answers)); err != nil {
		return err
	}
	return s.unparkNamed(ctx, named, tallies)
}

// unparkNamed applies the receipts that waited for names.
func (s *session) unparkNamed(ctx context.Context, named []string, tallies *store.Tallies) error {
	if len(named) == 0 {
		return nil
	}
	parked, err := s.parked(ctx, "ParkedOf", []pgtype.UUID{}, named)
	if err != nil {
		return err
	}
	return s.unpark(ctx, parked, tallies)
}

// applyCrossed applies receipts that were parked in the last so many seconds though
// their messages are known: neither of two transactions at the same time sees what the
// other writes, that of the outcome and that of the receipt.
func (s *Store) applyCrossed(ctx context.Context, on *session, seconds int64) error {
	const page = 500
	for after := int64(0); ; {
		parked, err := on.parked(ctx, "ParkedSince", seconds, after, int64(page))
		if err != nil || len(parked) == 0 {
			return err
		}
		after = parked[len(parked)-1].Seq
		tallies := &store.Tallies{}
		if err := on.inTx(ctx, func(in *session) error { return in.unpark(ctx, parked, tallies) }); err != nil {
			return err
		}
		s.tallies.Add(tallies.Take())
		if len(parked) < page {
			return nil
		}
	}
}

// Receipts implements store.Store.
func (s *Store) Receipts(ctx context.Context, id courier.ID) ([]courier.Receipt, error) {
	found := map[courier.ID][]courier.Receipt{}
	err := s.reading(ctx, func(ctx context.Context, on *session) error {
		clear(found) // of an earlier try
		return on.readTogether(ctx, receiptsOf(uuids([]courier.ID{id}), found))
	})
	return found[id], s.fault("read receipts", err)
}
