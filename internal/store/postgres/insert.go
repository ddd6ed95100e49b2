package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// place is a message of a group and where its answer goes.
type place struct {
	message *courier.Message
	answer  *store.Enqueued
}

// inserting stores the messages of a group of calls with one statement.
type inserting struct {
	places []place
	keyed  bool
	// again is true when an earlier try may have stored them.
	again bool
}

func newInserting(group []*job) *inserting {
	n := &inserting{}
	for _, j := range group {
		for i, m := range j.insert.messages {
			n.places = append(n.places, place{message: m, answer: &j.insert.answers[i]})
			n.keyed = n.keyed || m.IdempotencyKey != ""
		}
	}
	return n
}

// fresh are the places whose message was stored.
func (n *inserting) fresh() []place {
	return slices.DeleteFunc(slices.Clone(n.places), func(p place) bool { return p.answer.Message != p.message })
}

// errVanished reports a message that had the key of another and is gone by now.
var errVanished = errors.New("the first message of a key was deleted meanwhile")

// try stores the messages but for those whose key is known.
func (n *inserting) try(ctx context.Context, on *session, again bool) error {
	for _, p := range n.places {
		*p.answer = store.Enqueued{}
	}
	n.again = again
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
	if n.keyed && len(stored) == 0 {
		return n.answerRead(ctx, on, stored)
	}
	return n.answer(ctx, on, stored)
}

// answerDone answers when the try whose answer was lost was done. The messages
// were stored all or none, but for those whose key was known, so that those
// without a key tell. Of keys alone the next try tells: they are known then.
func (n *inserting) answerDone(ctx context.Context, on *session) (bool, error) {
	stored, err := n.stored(ctx, on)
	if err != nil {
		return false, err
	}
	keyless := 0
	for _, p := range n.places {
		if p.message.IdempotencyKey != "" {
			continue
		}
		if keyless++; !stored[p.message.ID] {
			return false, nil
		}
	}
	if keyless == 0 {
		return false, nil
	}
	return true, n.answerRead(ctx, on, stored)
}

// answerRead answers by what others wrote, or an earlier try.
func (n *inserting) answerRead(ctx context.Context, on *session, stored map[courier.ID]bool) error {
	if err := n.answer(ctx, on, stored); err != nil {
		return err
	}
	return on.confirm(ctx)
}

// insert stores the first message of each key, and all that have none.
func (n *inserting) insert(ctx context.Context, on *session) (map[courier.ID]bool, error) {
	first := n.firsts()
	if !n.keyed {
		err := on.read(ctx, queryInsertMessage, func(pgx.Rows) error { return nil }, on.tallied(insertArguments(first)...)...)
		return nil, err
	}
	return ids(ctx, on, queryInsertKeyed, on.tallied(insertArguments(first)...)...)
}

// firsts returns the messages to store: one a key. Those with keys are in the
// order of the keys, so that two nodes wait for each other at most one way.
func (n *inserting) firsts() []*courier.Message {
	list, seen := make([]*courier.Message, 0, len(n.places)), map[string]bool{}
	for _, p := range n.places {
		if key := p.message.IdempotencyKey; key != "" {
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		list = append(list, p.message)
	}
	if n.keyed {
		slices.SortStableFunc(list, func(a, b *courier.Message) int { return cmp.Compare(a.IdempotencyKey, b.IdempotencyKey) })
	}
	return list
}

// stored returns which of the messages are in the database.
func (n *inserting) stored(ctx context.Context, on *session) (map[courier.ID]bool, error) {
	all, times := make([]courier.ID, len(n.places)), make([]pgtype.Timestamptz, len(n.places))
	for i, p := range n.places {
		all[i], times[i] = p.message.ID, stamp(p.message.CreatedAt)
	}
	return ids(ctx, on, queryStoredIDs, uuids(all), times)
}

// ids returns the identifiers that a statement answers with.
func ids(ctx context.Context, on *session, name query, arguments ...any) (map[courier.ID]bool, error) {
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
	firsts, unknown := map[string]*courier.Message{}, []string{}
	for _, p := range n.places {
		key := p.message.IdempotencyKey
		there := stored == nil || stored[p.message.ID]
		if _, taken := firsts[key]; there && !taken {
			*p.answer = store.Enqueued{Message: p.message}
			if key != "" {
				firsts[key] = p.message
			}
		} else if key != "" && !taken {
			unknown = append(unknown, key)
		}
	}
	if err := readFirsts(ctx, on, unknown, firsts); err != nil {
		return err
	}
	for _, p := range n.places {
		if p.answer.Message != nil {
			continue
		}
		first := firsts[p.message.IdempotencyKey]
		switch {
		case first == nil:
			return errVanished
		case n.again && first.ID == p.message.ID:
			// The key was that of the lost try, which ended only now.
			*p.answer = store.Enqueued{Message: p.message}
		default:
			*p.answer = repeated(p.message, first)
		}
	}
	return nil
}

// readFirsts adds the messages that had keys first, in their present state.
func readFirsts(ctx context.Context, on *session, keys []string, firsts map[string]*courier.Message) error {
	if len(keys) == 0 {
		return nil
	}
	found, err := readMessages(ctx, on, queryMessageByKey, keys)
	for _, m := range found {
		firsts[m.IdempotencyKey] = m
	}
	return err
}

// readMessages returns the messages that a statement finds, with their last errors.
func readMessages(ctx context.Context, on *session, name query, arguments ...any) ([]*courier.Message, error) {
	var found []*courier.Message
	row := newMessageRow()
	err := on.read(ctx, name, func(rows pgx.Rows) error {
		if err := row.scan(rows); err != nil {
			return err
		}
		found = append(found, row.value())
		return nil
	}, arguments...)
	return found, err
}

// insertFault tells messages that cannot be stored from a fault of the database.
func (n *inserting) insertFault(err error) error {
	which := "one of several"
	if len(n.places) == 1 {
		which = n.places[0].message.ID.String()
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

// insertArguments returns the arguments of InsertMessage after those of the tally.
func insertArguments(messages []*courier.Message) []any {
	c := newInsertColumns(len(messages))
	for _, m := range messages {
		c.add(m)
	}
	return []any{
		c.id, c.text[0], c.text[1], c.stamps[0], c.text[2], c.tokens, c.stamps[1],
		c.stamps[2], c.stamps[3], c.stamps[4], c.text[3],
		c.text[4], c.text[5], c.text[6], c.text[7], c.text[8], c.text[9], c.text[10], c.text[11],
		c.text[12], c.segments, c.text[13], c.fingerprints, c.text[14], c.exact,
	}
}

// insertColumns are messages column by column.
type insertColumns struct {
	id                  []pgtype.UUID
	text                [15][]string
	stamps              [5][]pgtype.Timestamptz
	tokens              []int64
	segments            []int32
	fingerprints, exact [][]byte
}

func newInsertColumns(size int) *insertColumns {
	c := &insertColumns{
		id: make([]pgtype.UUID, 0, size), tokens: make([]int64, 0, size), segments: make([]int32, 0, size),
		fingerprints: make([][]byte, 0, size), exact: make([][]byte, 0, size),
	}
	for i := range c.text {
		c.text[i] = make([]string, 0, size)
	}
	for i := range c.stamps {
		c.stamps[i] = make([]pgtype.Timestamptz, 0, size)
	}
	return c
}

func (c *insertColumns) add(m *courier.Message) {
	body, subject, exact := m.Body, m.Subject, joinExact(m.Body, m.Subject)
	if exact != nil {
		body, subject = clean(body), clean(subject)
	}
	var fingerprint []byte
	if m.Fingerprint != [32]byte{} {
		fingerprint = m.Fingerprint[:]
	}
	c.id = append(c.id, pgtype.UUID{Bytes: m.ID, Valid: true})
	c.tokens, c.segments = append(c.tokens, m.Lease.Token), append(c.segments, int32(m.Segments)) //nolint:gosec // a few at most
	c.fingerprints, c.exact = append(c.fingerprints, fingerprint), append(c.exact, exact)
	for i, t := range [...]pgtype.Timestamptz{
		stamp(m.NextAttemptAt), stamp(m.Lease.Until), stamp(m.UpdatedAt), stamp(m.ExpiresAt), stamp(m.CreatedAt),
	} {
		c.stamps[i] = append(c.stamps[i], t)
	}
	for i, text := range [...]string{
		string(m.Status), m.Gateway, m.Lease.Node, m.Channel, m.To, m.From, body, subject, m.TemplateType,
		string(m.TemplateData), string(m.RequestHeaders), string(m.Metadata), string(m.Encoding), m.IdempotencyKey, m.TraceParent,
	} {
		c.text[i] = append(c.text[i], text)
	}
}
