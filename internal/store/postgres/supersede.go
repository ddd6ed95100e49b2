package postgres

import (
	"bytes"
	"cmp"
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

func nothing(pgx.Rows) error { return nil }

// messagesOf returns a statement that finds messages, and adds them to a list.
func messagesOf(found *[]*courier.Message, name string, arguments ...any) query {
	row := newMessageRow()
	return query{name, arguments, func(rows pgx.Rows) error {
		m, err := row.scan(rows)
		*found = append(*found, m)
		return err
	}}
}

// take is try where messages may take the place of others, in a transaction: it sees what
// all before it with the same keys have stored, as they follow each other.
func (n *inserting) take(ctx context.Context, in *session) error {
	taking, firsts, stored, err := n.look(ctx, in)
	if err != nil {
		return err
	}
	var fresh []store.Row
	now := n.nowFunc()
	for _, p := range n.places {
		row, message := p.Row, *p.Message
		row.Message = &message // it may be tried again
		k := keyOf(p.Message)
		if m := stored[p.ID]; m != nil && m.CreatedAt.Equal(p.CreatedAt) {
			*p.answer, firsts[k] = store.Enqueued{Message: m}, m // by the try whose answer was lost
		} else if first := firsts[k]; k.name != "" && first != nil {
			*p.answer = store.Repeat(p.Message, first)
		} else if *p.answer = taking.Add(&row, now); !p.answer.Duplicate && p.answer.Err == nil {
			fresh, firsts[k] = append(fresh, row), row.Message
		}
	}
	for _, p := range n.places {
		p.answer.Superseded = taking.Taken(p.answer)
	}
	if len(fresh) == 0 {
		return in.confirm(ctx) // what others wrote, or an earlier try
	}
	return n.write(ctx, in, fresh, taking)
}

// look waits for those who store messages with the same keys, and reads what is stored.
func (n *inserting) look(ctx context.Context, in *session) (
	taking *store.Superseding, firsts map[key]*courier.Message, stored map[courier.ID]*courier.Message, err error,
) {
	taking, firsts, stored = store.NewSuperseding(), map[key]*courier.Message{}, map[courier.ID]*courier.Message{}
	locks, given := map[int64]bool{}, []string{}
	var limits []courier.Limit
	var latest []store.LatestOf
	var names []key
	for _, p := range n.places {
		if k := keyOf(p.Message); k.name != "" {
			names = append(names, k)
		}
		limits = append(limits, p.Limits...)
		k := store.PlaceKeyOf(p.Message)
		if k.Key == "" {
			continue
		}
		taking.Hold(k, nil)
		locks[lockOf(k)], latest = true, append(latest, store.Latest(p.Message))
		if !courier.IsOwnSupersedeKey(k.Key) {
			given = append(given, k.Key)
		}
	}
	type wanted = store.LatestOf
	var ids []pgtype.UUID
	var known, again []*courier.Message
	queries := []query{
		{"LockKeys", []any{slices.Sorted(maps.Keys(locks))}, nothing},
		{"PlacesOf", []any{
			column(latest, func(l wanted) string { return l.Caller }), column(latest, func(l wanted) string { return l.Key }),
			column(latest, func(l wanted) string { return l.To }), column(latest, func(l wanted) time.Time { return l.Since }), given,
		}, func(rows pgx.Rows) error {
			var id pgtype.UUID
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}},
	}
	if len(limits) > 0 {
		queries = slices.Insert(queries, 1, lockUsages(&taking.Usages, limits))
	}
	if len(names) > 0 {
		queries = append(queries, messagesOf(&known, "MessageByKey",
			column(names, func(k key) string { return k.caller }), column(names, func(k key) string { return k.name })))
	}
	if n.again {
		queries = append(queries, messagesOf(&again, "LockMessages", column(n.places, func(p place) pgtype.UUID { return uuid(p.ID) })))
	}
	if err := in.readTogether(ctx, queries...); err != nil {
		return nil, nil, nil, err
	}
	for _, m := range known {
		firsts[keyOf(m)] = m
	}
	for _, m := range again {
		stored[m.ID] = m
	}
	return taking, firsts, stored, in.hold(ctx, taking, ids)
}

// hold reads and locks the messages that have the keys of new ones.
func (s *session) hold(ctx context.Context, taking *store.Superseding, ids []pgtype.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	found, err := s.messages(ctx, "LockMessages", ids)
	if err != nil {
		return err
	}
	rivals := map[store.PlaceKey][]store.Rival{}
	slices.SortFunc(found, func(a, b *courier.Message) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	for _, m := range found {
		taking.SetLatest(m) // the first of them is the latest
		if inFlight := m.Status == courier.StatusProcessing; inFlight || m.Status == courier.StatusQueued {
			k := store.PlaceKeyOf(m)
			rivals[k] = append(rivals[k], store.Rival{ID: m.ID, InFlight: inFlight, Marked: !m.SupersededBy.IsZero()})
		}
	}
	for k, list := range rivals {
		taking.Hold(k, list)
	}
	return nil
}

// lockOf returns the number of the lock for a key. That others may have it is no fault.
func lockOf(k store.PlaceKey) int64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte("courier supersede_key " + k.Caller + "\x00" + k.Key))
	return int64(hash.Sum64()) //nolint:gosec // any number does
}

// write stores messages and what they do to others.
func (n *inserting) write(ctx context.Context, in *session, fresh []store.Row, taking *store.Superseding) error {
	statement := "InsertMessage"
	if n.keyed {
		statement = "InsertKeyed"
		slices.SortStableFunc(fresh, func(a, b store.Row) int {
			return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.IdempotencyKey, b.IdempotencyKey))
		})
	}
	count := 0
	queries := []query{{statement, in.counted(insertArguments(fresh)...), func(pgx.Rows) error { count++; return nil }}}
	if special := specialOf(fresh); len(special) > 0 {
		queries = append(queries, query{"NotePlaces", []any{
			column(special, func(r store.Row) pgtype.UUID { return uuid(r.ID) }),
			column(special, func(r store.Row) pgtype.UUID { return optionalUUID(r.SupersededBy) }),
			column(special, func(r store.Row) pgtype.Timestamptz { return stamp(r.HeldDueAt) }),
		}, nothing})
	}
	if taken := lastOf(taking.Places); len(taken) > 0 {
		queries = append(queries, query{"TakePlaces", in.counted(
			column(taken, func(p store.Place) pgtype.UUID { return uuid(p.ID) }), column(taken, func(p store.Place) pgtype.UUID { return uuid(p.By) }),
			column(taken, func(p store.Place) pgtype.Timestamptz { return stamp(p.At) })), nothing})
	}
	if changed := setUsages(&taking.Usages); changed != nil {
		queries = append(queries, *changed)
	}
	if err := in.readTogether(ctx, queries...); err != nil {
		return n.insertFault(err)
	}
	if count < len(fresh) {
		return errTaken
	}
	return nil
}

// specialOf returns the messages of which more is written than of others.
func specialOf(fresh []store.Row) (special []store.Row) {
	for _, row := range fresh {
		if !row.SupersededBy.IsZero() || !row.HeldDueAt.IsZero() {
			special = append(special, row)
		}
	}
	return special
}

// lastOf returns what is written of messages whose places several messages took.
func lastOf(places []store.Place) []store.Place {
	last := map[courier.ID]store.Place{}
	for _, p := range places {
		last[p.ID] = p
	}
	return slices.Collect(maps.Values(last))
}

// releaseHeld has the messages due that wait for some whose attempts are over.
func (s *Store) releaseHeld(ctx context.Context, on *session, newer []courier.ID, at time.Time) error {
	var wake store.Wake
	return on.read(ctx, "ReleaseHeld", func(rows pgx.Rows) error {
		err := rows.Scan(&wake.Gateway, (*string)(&wake.Lane))
		s.notifier.add(wake)
		return err
	}, uuids(newer), store.Floor(at))
}
