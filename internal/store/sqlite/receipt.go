package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"slices"

	"courier"
	"courier/internal/store"
)

// Receive implements store.Store.
func (s *Store) Receive(ctx context.Context, receipts []courier.Receipt) ([]store.Received, error) {
	if len(receipts) == 0 {
		return nil, nil
	}
	receipts = store.CleanReceipts(receipts, s.nowFunc())
	var answers []store.Received
	tallies := &store.Tallies{}
	err := s.promise(ctx, &operation{name: "receive", rows: 2 * len(receipts), run: func(ctx context.Context, session *session) (err error) {
		tallies.Take() // of an earlier run
		var named []string
		if answers, named, err = session.judge(ctx, receipts, tallies); err != nil {
			return err
		}
		if err := session.park(ctx, receipts, answers); err != nil {
			return err
		}
		return session.unparkNamed(ctx, named, tallies)
	}})
	if err != nil {
		return nil, s.fault("receive receipts", err)
	}
	s.tallies.Add(tallies.Take())
	return answers, nil
}

// judge applies receipts to their messages, and returns the names that they told.
func (s *session) judge(ctx context.Context, receipts []courier.Receipt, tallies *store.Tallies) ([]store.Received, []string, error) {
	deliveries, known, seqs := make([]*store.Delivery, len(receipts)), map[courier.ID]*store.Delivery{}, map[courier.ID]int64{}
	segments, err := s.segments(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range receipts {
		row, err := s.rowOf(ctx, &receipts[i], segments)
		if err != nil {
			return nil, nil, err
		}
		if row == nil {
			continue
		}
		id := row.message.ID
		if known[id] == nil {
			attempts, err := s.allAttempts(ctx, *row)
			if err != nil {
				return nil, nil, err
			}
			before, err := s.receipts(ctx, id)
			if err != nil {
				return nil, nil, err
			}
			decode([]messageRow{*row})
			known[id], seqs[id] = store.NewDelivery(row.message, attempts, before), row.seq
		}
		deliveries[i] = known[id]
	}
	answers := store.Judge(receipts, deliveries, tallies)
	for id, d := range known {
		if err := s.writeDelivery(ctx, seqs[id], d); err != nil {
			return nil, nil, err
		}
	}
	return answers, store.Named(known), nil
}

// span are the segments of keys that there are, see store.KeyOf.
type span struct{ newest, oldest int64 }

func (s *session) segments(ctx context.Context) (span, error) {
	var newest, oldest sql.NullInt64
	err := s.read(ctx, "NewestKey", func(rows *sql.Rows) error { return rows.Scan(&newest) })
	if err == nil {
		err = s.read(ctx, "OldestKey", func(rows *sql.Rows) error { return rows.Scan(&oldest) })
	}
	return span{newest.Int64 >> store.KeyBits, oldest.Int64 >> store.KeyBits}, err
}

// rowOf returns the message that a receipt belongs to, or nil.
func (s *session) rowOf(ctx context.Context, r *courier.Receipt, in span) (*messageRow, error) {
	if id := r.GatewayMessageID; id != "" {
		found, err := s.rows(ctx, "MessageByGatewayID", id, r.Gateway, in.newest, in.oldest, store.HashID(r.Gateway, id))
		if err == nil && len(found) == 0 {
			found, err = s.rows(ctx, "MessageByPart", id, r.Gateway)
		}
		if err != nil || len(found) > 0 {
			return first(found), err
		}
	}
	if r.MessageID.IsZero() {
		return nil, nil //nolint:nilnil // none is no fault
	}
	found, err := s.rows(ctx, "Message", r.MessageID[:])
	return first(found), err
}

func first(rows []messageRow) *messageRow {
	if len(rows) == 0 {
		return nil
	}
	return &rows[0]
}

// writeDelivery writes what receipts made of a message.
func (s *session) writeDelivery(ctx context.Context, seq int64, d *store.Delivery) error {
	for i, r := range d.News() {
		if _, err := s.exec(ctx, "InsertReceipt", receiptArguments(&r, seq, int64(d.Known+i+1))...); err != nil {
			return err
		}
	}
	var key any
	if d.Named {
		segments, err := s.segments(ctx)
		if err != nil {
			return err
		}
		key = store.KeyOf(max(segments.newest, 1), d.Gateway, d.GatewayMessageID)
	}
	for _, step := range d.Steps() {
		if _, err := s.move(ctx, step.From, step.To, "ApplyReceipts", d.ID[:], string(step.From), string(step.To), d.UpdatedAt.UnixMicro(),
			micros(d.SentAt), d.Gateway, optional(d.GatewayMessageID), optional(store.EncodeFailure(d.LastError)), key); err != nil {
			return err
		}
	}
	return nil
}

// park keeps those receipts that wait, and forgets what waited too long.
func (s *session) park(ctx context.Context, receipts []courier.Receipt, answers []store.Received) error {
	waiting, newest := store.ToPark(receipts, answers)
	if len(waiting) == 0 {
		return nil
	}
	for _, r := range waiting {
		id := r.MessageID[:]
		if r.MessageID.IsZero() {
			id = []byte{}
		}
		if _, err := s.exec(ctx, "InsertParked", receiptArguments(&r, id)...); err != nil {
			return err
		}
	}
	_, err := s.exec(ctx, "ForgetParked", newest.Add(-store.ParkedFor).UnixMicro())
	if err == nil {
		_, err = s.exec(ctx, "BoundParked", int64(store.MaxParked))
	}
	return err
}

// unparkSettled applies the receipts that waited for settlements.
func (s *session) unparkSettled(ctx context.Context, settlements []store.Settlement, applied []bool, tallies *store.Tallies) error {
	var last int64
	err := s.read(ctx, "AnyParked", func(rows *sql.Rows) error { return rows.Scan(&last) })
	if err != nil || last == 0 {
		return err
	}
	var ids, named []string
	for i := range settlements {
		t := &settlements[i]
		if !applied[i] {
			continue
		}
		ids = append(ids, hex.EncodeToString(t.ID[:]))
		named = append(named, t.Names()...)
	}
	idList, _ := json.Marshal(ids) // texts can be encoded
	namedList, _ := json.Marshal(named)
	parked, err := s.parked(ctx, "ParkedOf", string(idList), string(namedList))
	if err != nil {
		return err
	}
	return s.unpark(ctx, parked, tallies)
}

// parked returns the receipts that a statement finds, in the order in which they came.
func (s *session) parked(ctx context.Context, name string, arguments ...any) ([]store.Parked, error) {
	var found []store.Parked
	scanner := newRowScanner(2 + receiptColumns)
	err := s.read(ctx, name, func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		p := store.Parked{Seq: scanner.integer(0), Receipt: scanner.receipt(2)}
		copy(p.MessageID[:], scanner.blob(1))
		found = append(found, p)
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
	receipts := make([]courier.Receipt, len(parked))
	for i, p := range parked {
		receipts[i] = p.Receipt
	}
	answers, named, err := s.judge(ctx, receipts, tallies)
	if err != nil {
		return err
	}
	for _, seq := range store.Done(parked, answers) {
		if _, err := s.exec(ctx, "DeleteParked", seq); err != nil {
			return err
		}
	}
	return s.unparkNamed(ctx, named, tallies)
}

// unparkNamed applies the receipts that waited for names.
func (s *session) unparkNamed(ctx context.Context, named []string, tallies *store.Tallies) error {
	if len(named) == 0 {
		return nil
	}
	list, _ := json.Marshal(named) // texts can be encoded
	parked, err := s.parked(ctx, "ParkedOf", "[]", string(list))
	if err != nil {
		return err
	}
	return s.unpark(ctx, parked, tallies)
}

// Receipts implements store.Store.
func (s *Store) Receipts(ctx context.Context, id courier.ID) ([]courier.Receipt, error) {
	receipts, err := s.readers.receipts(ctx, id)
	return receipts, s.fault("read receipts", err)
}

func (s statements) receipts(ctx context.Context, id courier.ID) ([]courier.Receipt, error) {
	var found []courier.Receipt
	scanner := newRowScanner(receiptColumns)
	err := s.read(ctx, "Receipts", func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		r := scanner.receipt(0)
		r.MessageID = id
		found = append(found, r)
		return err
	}, bytes.Clone(id[:]))
	return found, err
}
