package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"courier"
	"courier/internal/store"
)

// The keys that are remembered: more are read anew, and of more than mostKeys that wait
// none is remembered. A segment of keys has so few that those of the messages of a moment
// are in some pages of the index.
const (
	someKeys      = 1 << 17
	mostKeys      = 1 << 20
	placesSegment = 1024
)

// places is what the process that holds the database remembers of keys, which saves most
// messages a look for others that have theirs. Only the goroutine of the writer uses it.
type places struct {
	// seen has the low bits of the keys of all messages that are not final or were stored
	// shortly before, and of others; before are those of the time before since.
	seen, before map[int64]struct{}
	since        time.Time
	limit        int
	segments     store.Segments
	newest       int64
	// held are messages in flight by which newer ones wait for them, at most until heldUntil.
	held      map[courier.ID]courier.ID
	heldUntil time.Time
}

// lowOf returns the low bits of the key of a message.
func lowOf(m *courier.Message) int64 { return store.HashID(m.Caller, m.SupersedeKey) }

// keyOf returns a key for a message that is stored.
func (p *places) keyOf(m *courier.Message) int64 {
	p.segments.Length = placesSegment
	// It cannot fail.
	segment, _ := p.segments.Take(1, func() (int64, error) { p.newest++; return p.newest, nil })
	return segment<<store.KeyBits | lowOf(m)
}

// remember notes the key of a new message, and reports whether another may have it.
func (p *places) remember(ctx context.Context, s *session, m *courier.Message, now time.Time) (bool, error) {
	if p.seen == nil || len(p.seen) > p.limit && now.Sub(p.since) > store.RepeatWithin {
		if err := p.renew(ctx, s, store.Latest(m).Least, now); err != nil {
			return false, err
		}
	}
	low := lowOf(m)
	_, known := p.seen[low]
	_, knownBefore := p.before[low]
	p.seen[low] = struct{}{}
	return known || knownBefore || p.limit == 0, nil
}

// renew forgets the keys of messages that are final and were stored a while ago. At first
// it reads those from an id on too.
func (p *places) renew(ctx context.Context, s *session, from courier.ID, now time.Time) error {
	if p.seen != nil {
		from = courier.ID(bytes.Repeat([]byte{0xff}, len(from)))
	}
	fresh, read := make(map[int64]struct{}), 0
	var key int64
	err := s.read(ctx, "PlaceKeys", func(rows *sql.Rows) error {
		err := rows.Scan(&key)
		read++
		fresh[key&(1<<store.KeyBits-1)] = struct{}{}
		p.newest = max(p.newest, key>>store.KeyBits)
		return err
	}, int64(mostKeys), from[:])
	if err != nil {
		return err
	}
	p.before, p.seen, p.since = p.seen, fresh, now
	p.limit = max(someKeys, 2*len(fresh))
	if read >= mostKeys { // there may be more
		p.limit = 0
	}
	return nil
}

// hold notes that a message waits for those in flight whose place it takes.
func (p *places) hold(row *store.Row, taken []store.Place) {
	if p.held == nil || row.CreatedAt.After(p.heldUntil) {
		p.held = map[courier.ID]courier.ID{}
	}
	if row.NextAttemptAt.After(p.heldUntil) {
		p.heldUntil = row.NextAttemptAt
	}
	for _, t := range taken {
		if t.InFlight && t.By == row.ID {
			p.held[t.ID] = row.ID
		}
	}
}

// release has the message due that waits for one whose attempt is over.
func (p *places) release(ctx context.Context, s *session, t *store.Settlement, applied bool) error {
	by, waits := p.held[t.ID]
	if !waits || !applied {
		return nil
	}
	_, err := s.exec(ctx, "ReleaseHeld", by[:], t.At.UnixMicro())
	return err
}

// runKeyed is run where messages may take the place of others. All are looked at before
// any is stored, as the last of a call takes the place of the others in it.
func (e *enqueueing) runKeyed(ctx context.Context, s *session) error {
	taking := store.NewSuperseding()
	rows, firsts := make([]*store.Row, len(e.messages)), map[[2]string]*courier.Message{}
	for i := range e.messages {
		row, message := e.messages[i], *e.messages[i].Message
		row.Message = &message // it may run again
		idempotency := [2]string{row.Caller, row.IdempotencyKey}
		if first := firsts[idempotency]; first != nil {
			e.answers[i] = store.Repeat(row.Message, first)
			continue
		}
		if known, err := e.isKnown(ctx, s, i); known || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		answer, err := e.places.add(ctx, s, taking, &row, e.now)
		if err != nil {
			return err
		}
		if e.answers[i] = answer; answer.Duplicate || answer.Err != nil {
			continue
		}
		if rows[i] = &row; row.IdempotencyKey != "" {
			firsts[idempotency] = row.Message
		}
	}
	for i, row := range rows {
		if row == nil {
			continue
		}
		arguments := e.arguments[i]
		if special := !row.HeldDueAt.IsZero() || !row.SupersededBy.IsZero(); special {
			arguments = insertArguments(*row)
		}
		if row.SupersedeKey != "" {
			arguments[len(arguments)-1] = e.places.keyOf(row.Message)
		}
		if err := s.insert(ctx, *row, arguments); err != nil {
			return err
		}
		if err := e.places.note(ctx, s, row, taking.Places); err != nil {
			return err
		}
	}
	for i := range e.answers {
		e.answers[i].Superseded = taking.Taken(&e.answers[i])
	}
	if err := s.setUsages(ctx, &taking.Usages); err != nil {
		return err
	}
	return s.takePlaces(ctx, taking.Places)
}

// note writes what is special about a message that was stored with a key.
func (p *places) note(ctx context.Context, s *session, row *store.Row, taken []store.Place) error {
	if row.HeldDueAt.IsZero() && row.SupersededBy.IsZero() {
		return nil
	}
	if !row.HeldDueAt.IsZero() {
		p.hold(row, taken)
	}
	_, err := s.exec(ctx, "NotePlaces", row.ID[:], optionalID(row.SupersededBy), micros(row.HeldDueAt))
	return err
}

// add lets a new message take its place, and answers for it.
func (p *places) add(ctx context.Context, s *session, taking *store.Superseding, row *store.Row, now time.Time) (store.Enqueued, error) {
	if err := s.usages(ctx, &taking.Usages, row.Limits); err != nil {
		return store.Enqueued{}, err
	}
	key := store.PlaceKeyOf(row.Message)
	if key.Key == "" {
		return taking.Add(row, now), nil
	}
	mayHave, err := p.remember(ctx, s, row.Message, now)
	if err != nil {
		return store.Enqueued{}, err
	}
	if !taking.Knows(key) {
		var rivals []store.Rival
		if mayHave {
			rivals, err = s.rivals(ctx, row.Message)
		}
		taking.Hold(key, rivals)
	}
	if mayHave && err == nil {
		var latest *courier.Message
		of := store.Latest(row.Message)
		latest, err = s.message(ctx, "LatestOf", of.To, of.Least[:], of.Caller, of.Key, of.Since.UnixMicro())
		taking.SetLatest(latest)
	}
	if err != nil {
		return store.Enqueued{}, err
	}
	return taking.Add(row, now), nil
}

// rivals returns the messages of a key that no gateway took yet.
func (s *session) rivals(ctx context.Context, m *courier.Message) ([]store.Rival, error) {
	var rivals []store.Rival
	var id []byte
	var status string
	var r store.Rival
	err := s.read(ctx, "Rivals", func(rows *sql.Rows) error {
		err := rows.Scan(&id, &status, &r.Marked)
		copy(r.ID[:], id)
		r.InFlight = status == string(courier.StatusProcessing)
		rivals = append(rivals, r)
		return err
	}, m.Caller, m.SupersedeKey, lowOf(m))
	return rivals, err
}

// takePlaces writes which stored messages lose their places.
func (s *session) takePlaces(ctx context.Context, places []store.Place) error {
	for _, p := range places {
		if _, err := s.exec(ctx, "TakePlaces", p.ID[:], p.By[:], p.At.UnixMicro()); err != nil {
			return err
		}
		if !p.InFlight {
			s.change.Move(courier.StatusQueued, courier.StatusCanceled, 1)
		}
	}
	return nil
}
