package sqlite

import (
	"context"
	"database/sql"
	"hash/maphash"
	"time"

	"courier"
	"courier/internal/store"
)

// The keys that are remembered: more are read anew, and of more than mostKeys that wait
// none is remembered.
const (
	someKeys = 1 << 17
	mostKeys = 1 << 20
)

// places is what the process that holds the database remembers of keys, which saves most
// messages a look for others that have theirs. Only the goroutine of the writer uses it.
type places struct {
	seed maphash.Seed
	// seen are all keys of messages that are not final or were stored shortly before, and
	// others; before are those of the time before since.
	seen, before map[uint64]struct{}
	since        time.Time
	limit        int
	// held are messages in flight by which newer ones wait for them, at most until heldUntil.
	held      map[courier.ID]courier.ID
	heldUntil time.Time
}

// remember notes the key of a new message, and reports whether another may have it.
func (p *places) remember(ctx context.Context, s *session, key store.PlaceKey, now time.Time) (bool, error) {
	if p.seen == nil || len(p.seen) > p.limit && now.Sub(p.since) > store.RepeatWithin {
		if err := p.renew(ctx, s, now); err != nil {
			return false, err
		}
	}
	hash := maphash.Comparable(p.seed, key)
	_, known := p.seen[hash]
	_, knownBefore := p.before[hash]
	p.seen[hash] = struct{}{}
	return known || knownBefore || p.limit == 0, nil
}

// renew forgets the keys of messages that are final and were stored a while ago.
func (p *places) renew(ctx context.Context, s *session, now time.Time) error {
	if p.seen == nil {
		// What was stored shortly before the start is looked for until it is a while ago.
		p.seed = maphash.MakeSeed()
	}
	fresh := make(map[uint64]struct{})
	var key store.PlaceKey
	err := s.read(ctx, "RivalKeys", func(rows *sql.Rows) error {
		err := rows.Scan(&key.Caller, &key.Key)
		fresh[maphash.Comparable(p.seed, key)] = struct{}{}
		return err
	}, int64(mostKeys))
	if err != nil {
		return err
	}
	first := p.seen == nil
	p.before, p.seen, p.since = p.seen, fresh, now
	p.limit = max(someKeys, 2*len(fresh))
	if first || len(fresh) >= mostKeys {
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
	mayHave, err := p.remember(ctx, s, key, now)
	if err != nil {
		return store.Enqueued{}, err
	}
	if !taking.Knows(key) {
		var rivals []store.Rival
		if mayHave {
			rivals, err = s.rivals(ctx, key)
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
func (s *session) rivals(ctx context.Context, key store.PlaceKey) ([]store.Rival, error) {
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
	}, key.Caller, key.Key)
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
