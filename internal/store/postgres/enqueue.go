package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// enqueueing is the state of one call of Enqueue.
type enqueueing struct {
	rows    []store.Row
	answers []store.Enqueued
}

// Enqueue implements store.Store.
func (s *Store) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	const operationName = "enqueue messages"
	if len(messages) == 0 {
		return nil, nil
	}
	rows, err := store.Accept(messages, s.Now(), newToken())
	if err != nil {
		return nil, s.fault(operationName, err)
	}
	e := &enqueueing{rows: rows, answers: make([]store.Enqueued, len(messages))}
	if err := s.queue.submit(ctx, &job{name: "enqueue", insert: e, abandon: func() { s.lost.addAll(e.rows) }}); err != nil {
		return nil, s.fault(operationName, err)
	}
	s.tallies.Enqueued(e.answers)
	return e.answers, nil
}

// newToken returns a token that no lease had before on any node: a random
// positive number of 63 bits.
func newToken() int64 {
	for {
		var random [8]byte
		// It does not fail, as crypto/rand says.
		_, _ = rand.Read(random[:])
		if token := int64(binary.BigEndian.Uint64(random[:]) & math.MaxInt64); token > 0 {
			return token
		}
	}
}

// place is a message of a group, and where its answer goes.
type place struct {
	store.Row
	answer *store.Enqueued
}

// key is what a repeat has in common with the first.
type key struct{ caller, name string }

func keyOf(m *courier.Message) key { return key{m.Caller, m.IdempotencyKey} }

// inserting stores the messages of a group of calls with one statement.
type inserting struct {
	places []place
	keyed  bool
	// takes is true when some may take the place of others, or have limits.
	takes   bool
	nowFunc func() time.Time
	// again is true when an earlier try may have stored them.
	again bool
}

func newInserting(group []*job, nowFunc func() time.Time) *inserting {
	n := &inserting{nowFunc: nowFunc}
	for _, j := range group {
		for i, row := range j.insert.rows {
			n.places = append(n.places, place{Row: row, answer: &j.insert.answers[i]})
			n.keyed = n.keyed || row.IdempotencyKey != ""
			n.takes = n.takes || row.SupersedeKey != "" || len(row.Limits) > 0
		}
	}
	return n
}

// errVanished reports a message that had the key of another and is gone by now.
var errVanished = errors.New("the first message of a key was deleted meanwhile")

// errTaken reports an idempotency key that another took meanwhile.
var errTaken = errors.New("a message with the same idempotency key was stored meanwhile")

// try stores the messages except those whose key is known.
func (n *inserting) try(ctx context.Context, on *session, again bool) error {
	for _, p := range n.places {
		*p.answer = store.Enqueued{}
	}
	n.again = again
	if n.takes {
		return on.inTx(ctx, func(in *session) error { return n.take(ctx, in) })
	}
	if again {
		if done, err := n.answerDone(ctx, on); done || err != nil {
			return err
		}
	}
	stored, err := n.insert(ctx, on)
	if err != nil && again && constraint(err) == constraintPrimary {
		// The lost try may have been under way still.
		if done, fault := n.answerDone(ctx, on); done || fault != nil {
			return fault
		}
	}
	if err != nil {
		return n.insertFault(err)
	}
	if err := n.answer(ctx, on, stored); err != nil || !n.keyed || len(stored) > 0 {
		return err
	}
	return on.confirm(ctx) // what others wrote, or an earlier try
}

// answerDone answers when the try whose answer was lost was done. The messages
// were stored all or none, except those whose key was known, so that those
// without a key tell. Of keys alone the next try tells: they are known then.
func (n *inserting) answerDone(ctx context.Context, on *session) (bool, error) {
	stored, err := ids(ctx, on, "StoredIDs",
		column(n.places, func(p place) pgtype.UUID { return uuid(p.ID) }),
		column(n.places, func(p place) pgtype.Timestamptz { return stamp(p.CreatedAt) }))
	if err != nil {
		return false, err
	}
	keyless := 0
	for _, p := range n.places {
		if p.IdempotencyKey != "" {
			continue
		}
		if keyless++; !stored[p.ID] {
			return false, nil
		}
	}
	if keyless == 0 {
		return false, nil
	}
	if err := n.answer(ctx, on, stored); err != nil {
		return true, err
	}
	return true, on.confirm(ctx)
}

// insert stores the first message of each key, and all that have none.
func (n *inserting) insert(ctx context.Context, on *session) (map[courier.ID]bool, error) {
	first := n.firsts()
	if !n.keyed {
		err := on.read(ctx, "InsertMessage", func(pgx.Rows) error { return nil }, on.counted(insertArguments(first)...)...)
		return nil, err
	}
	return ids(ctx, on, "InsertKeyed", on.counted(insertArguments(first)...)...)
}

// firsts returns the rows to store: one a key. Those with keys are in the order
// of the keys, so that two nodes wait for each other at most one way.
func (n *inserting) firsts() []store.Row {
	list, seen := make([]store.Row, 0, len(n.places)), map[key]bool{}
	for _, p := range n.places {
		if k := keyOf(p.Message); k.name != "" {
			if seen[k] {
				continue
			}
			seen[k] = true
		}
		list = append(list, p.Row)
	}
	if n.keyed {
		slices.SortStableFunc(list, func(a, b store.Row) int {
			return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.IdempotencyKey, b.IdempotencyKey))
		})
	}
	return list
}

// ids returns the identifiers that a statement answers with.
func ids(ctx context.Context, on *session, name string, arguments ...any) (map[courier.ID]bool, error) {
	found := map[courier.ID]bool{}
	var id pgtype.UUID
	err := on.read(ctx, name, func(rows pgx.Rows) error {
		err := rows.Scan(&id)
		found[id.Bytes] = true
		return err
	}, arguments...)
	return found, err
}

// answer gives each place its answer. Stored is nil when all were stored.
func (n *inserting) answer(ctx context.Context, on *session, stored map[courier.ID]bool) error {
	firsts, unknown := map[key]*courier.Message{}, []key{}
	for _, p := range n.places {
		k := keyOf(p.Message)
		there := stored == nil || stored[p.ID]
		if _, taken := firsts[k]; there && !taken {
			*p.answer = store.Enqueued{Message: p.Message}
			if k.name != "" {
				firsts[k] = p.Message
			}
		} else if k.name != "" && !taken {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) > 0 {
		// The messages that had these keys first, in their present state.
		found, err := on.messages(ctx, "MessageByKey",
			column(unknown, func(k key) string { return k.caller }), column(unknown, func(k key) string { return k.name }))
		if err != nil {
			return err
		}
		for _, m := range found {
			firsts[keyOf(m)] = m
		}
	}
	for _, p := range n.places {
		if p.answer.Message != nil {
			continue
		}
		first := firsts[keyOf(p.Message)]
		switch {
		case first == nil:
			return errVanished
		case n.again && first.ID == p.ID:
			// The key was that of the lost try, which ended only now.
			*p.answer = store.Enqueued{Message: p.Message}
		default:
			*p.answer = store.Repeat(p.Message, first)
		}
	}
	return nil
}

// insertFault tells messages that cannot be stored from a fault of the database.
func (n *inserting) insertFault(err error) error {
	which := "one of several"
	if len(n.places) == 1 {
		which = n.places[0].ID.String()
	}
	step, word := classify(err)
	switch {
	case code(err) == codeUnique && constraint(err) == constraintPrimary:
		return fmt.Errorf("%w: %s: %w", store.ErrDuplicateID, which, err)
	case errors.Is(word, store.ErrInvalid):
		// The detail of the error would quote the row.
		return fmt.Errorf("%w: %s: %s (SQLSTATE %s, %s)", store.ErrInvalid, which, step, code(err), constraint(err))
	}
	return err
}

// insertArguments returns the arguments of InsertMessage after those of the counts.
func insertArguments(rows []store.Row) []any {
	type row = store.Row
	return []any{
		column(rows, func(m row) pgtype.UUID { return uuid(m.ID) }),
		column(rows, func(m row) string { return string(m.Status) }),
		column(rows, func(m row) string { return m.Gateway }),
		column(rows, func(m row) pgtype.Timestamptz { return stamp(m.NextAttemptAt) }),
		column(rows, func(m row) string { return m.Lease.Node }),
		column(rows, func(m row) int64 { return m.Lease.Token }),
		column(rows, func(m row) pgtype.Timestamptz { return stamp(m.Lease.Until) }),
		column(rows, func(m row) pgtype.Timestamptz { return stamp(m.UpdatedAt) }),
		column(rows, func(m row) pgtype.Timestamptz { return stamp(m.ExpiresAt) }),
		column(rows, func(m row) pgtype.Timestamptz { return stamp(m.CreatedAt) }),
		column(rows, func(m row) string { return m.Channel }),
		column(rows, func(m row) string { return m.To }),
		column(rows, func(m row) string { return m.From }),
		column(rows, func(m row) string { return m.BodyText }),
		column(rows, func(m row) string { return m.Content }),
		column(rows, func(m row) string { return m.Caller }),
		column(rows, func(m row) string { return m.IdempotencyKey }),
		column(rows, func(m row) []byte {
			if m.Fingerprint == [32]byte{} {
				return nil
			}
			return m.Fingerprint[:]
		}),
		column(rows, func(m row) string { return string(m.Lane) }),
		column(rows, func(m row) string { return m.SupersedeKey }),
	}
}
