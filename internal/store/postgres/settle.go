package postgres

import (
	"context"

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
	for _, t := range settlements {
		if !courier.StatusProcessing.CanBecome(t.Status) {
			err := &store.TransitionError{ID: t.ID, From: courier.StatusProcessing, To: t.Status}
			return nil, s.fault(operationName, err)
		}
	}
	// What is sent is taken out of the caller's slice now: it may use it again as
	// soon as its context ends, while the operation is still under way.
	n := newSettling(settlements)
	if err := s.queue.submit(ctx, &job{name: "settle", run: n.try}); err != nil {
		return nil, s.fault(operationName, err)
	}
	return n.applied, nil
}

// settling is the state of one call of Settle. Its settlements are of two kinds,
// each written by one statement.
type settling struct {
	sent, other settled
	applied     []bool
}

// settled are the settlements of one statement: its arguments, and where each
// stands in the call.
type settled struct {
	name      query
	arguments []any
	ids       []pgtype.UUID
	tokens    []int64
	places    []int
}

func newSettling(settlements []store.Settlement) *settling {
	n := &settling{applied: make([]bool, len(settlements))}
	sent, other := newSentColumns(len(settlements)), otherColumns{}
	type name struct {
		id    courier.ID
		token int64
	}
	seen := make(map[name]struct{}, len(settlements))
	for i := range settlements {
		t := &settlements[i]
		// The first with a token applies, and takes the lease away.
		if _, again := seen[name{t.ID, t.Token}]; again {
			continue
		}
		seen[name{t.ID, t.Token}] = struct{}{}
		to := &n.other
		if t.Status == courier.StatusSent && isPlain(t.Attempt) {
			to = &n.sent
			sent.add(t)
		} else {
			other.add(t)
		}
		to.ids = append(to.ids, pgtype.UUID{Bytes: t.ID, Valid: true})
		to.tokens = append(to.tokens, t.Token)
		to.places = append(to.places, i)
	}
	n.sent.name, n.sent.arguments = querySettleSent, sent.arguments()
	n.other.name, n.other.arguments = querySettleMessage, other.arguments()
	return n
}

// isPlain reports whether an attempt fits into the row of its message.
func isPlain(a *courier.Attempt) bool {
	return a != nil && a.Outcome == courier.OutcomeAccepted &&
		a.Class == "" && a.Code == "" && a.Message == "" && a.Excerpt == "" && a.RetryAfter == 0
}

// try writes the settlements in one transaction.
func (n *settling) try(ctx context.Context, on *session, again bool) error {
	clear(n.applied)
	var kinds []*settled
	for _, kind := range []*settled{&n.sent, &n.other} {
		if len(kind.ids) > 0 {
			kinds = append(kinds, kind)
		}
	}
	if err := n.write(ctx, on, kinds); err != nil || !again {
		return err
	}
	for _, kind := range kinds {
		if err := n.findEarlier(ctx, on, kind); err != nil {
			return err
		}
	}
	return on.confirm(ctx)
}

// write sends the statements together: what is sent in one go without a word
// about a transaction is one.
func (n *settling) write(ctx context.Context, on *session, kinds []*settled) error {
	if len(kinds) == 1 {
		kind := kinds[0]
		return on.read(ctx, kind.name, n.mark(kind), on.tallied(append([]any{kind.ids, kind.tokens}, kind.arguments...)...)...)
	}
	batch := &pgx.Batch{}
	for _, kind := range kinds {
		batch.Queue(on.texts[kind.name], on.tallied(append([]any{kind.ids, kind.tokens}, kind.arguments...)...)...)
	}
	results := on.on.SendBatch(ctx, batch)
	for _, kind := range kinds {
		rows, err := results.Query()
		if err == nil {
			err = readAll(rows, kind.name, n.mark(kind))
		}
		if err != nil {
			_ = results.Close()
			return err
		}
	}
	return results.Close()
}

// mark returns a function that reads the place of a settlement that applied.
func (n *settling) mark(kind *settled) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var place int32
		if err := rows.Scan(&place); err != nil {
			return err
		}
		n.applied[kind.places[place-1]] = true
		return nil
	}
}

// findEarlier marks what a try whose answer was lost has settled.
func (n *settling) findEarlier(ctx context.Context, on *session, kind *settled) error {
	return on.read(ctx, querySettledBefore, n.mark(kind), kind.ids, kind.tokens)
}

// sentColumns are the arguments of SettleSent column by column.
type sentColumns struct {
	retries, numbers, status []int32
	at, started              []pgtype.Timestamptz
	gateways, foreign        []string
	durations                []int64
}

func newSentColumns(size int) *sentColumns {
	return &sentColumns{
		retries: make([]int32, 0, size), numbers: make([]int32, 0, size), status: make([]int32, 0, size),
		at: make([]pgtype.Timestamptz, 0, size), started: make([]pgtype.Timestamptz, 0, size),
		gateways: make([]string, 0, size), foreign: make([]string, 0, size), durations: make([]int64, 0, size),
	}
}

func (c *sentColumns) add(t *store.Settlement) {
	a := t.Attempt
	c.retries, c.numbers = append(c.retries, small(t.RetryCount)), append(c.numbers, small(a.Number))
	c.status, c.durations = append(c.status, small(a.HTTPStatus)), append(c.durations, a.Duration.Microseconds())
	c.at, c.started = append(c.at, stamp(t.At)), append(c.started, stamp(a.StartedAt))
	c.gateways, c.foreign = append(c.gateways, a.Gateway), append(c.foreign, clean(a.GatewayMessageID))
}

func (c *sentColumns) arguments() []any {
	return []any{c.retries, c.at, c.numbers, c.gateways, c.foreign, c.status, c.started, c.durations}
}

// otherColumns are the arguments of SettleMessage column by column.
type otherColumns struct {
	retries, numbers, status []int32
	at, next, sent, started  []pgtype.Timestamptz
	statuses, gateways       []string
	attempt                  [7][]string
	delays, durations        []int64
}

func (c *otherColumns) add(t *store.Settlement) {
	a, next, sentAt, gateway := t.Attempt, pgtype.Timestamptz{}, pgtype.Timestamptz{}, ""
	if a == nil {
		a = &courier.Attempt{}
	} else {
		gateway = a.Gateway
	}
	if t.Status == courier.StatusSent {
		sentAt = stamp(t.At)
	}
	if t.Status == courier.StatusQueued {
		// A queued message goes where the settlement says, or stays where it was.
		gateway, next = t.Gateway, stamp(t.At)
		if !t.NextAttemptAt.IsZero() {
			next = stamp(t.NextAttemptAt)
		}
	}
	c.statuses, c.gateways = append(c.statuses, string(t.Status)), append(c.gateways, gateway)
	c.retries, c.numbers = append(c.retries, small(t.RetryCount)), append(c.numbers, small(a.Number))
	c.status, c.at = append(c.status, small(a.HTTPStatus)), append(c.at, stamp(t.At))
	c.next, c.sent, c.started = append(c.next, next), append(c.sent, sentAt), append(c.started, stamp(a.StartedAt))
	c.delays, c.durations = append(c.delays, a.RetryAfter.Microseconds()), append(c.durations, a.Duration.Microseconds())
	for i, text := range [...]string{
		a.Gateway, string(a.Outcome), string(a.Class), a.Code, a.Message, a.Excerpt, a.GatewayMessageID,
	} {
		// A gateway may answer with anything, and must not spoil the others' settlements.
		c.attempt[i] = append(c.attempt[i], clean(text))
	}
}

func (c *otherColumns) arguments() []any {
	a := c.attempt
	return []any{
		c.statuses, c.retries, c.at, c.next, c.gateways, c.sent, c.numbers,
		a[0], a[1], a[2], a[3], a[4], c.status, a[5], a[6], c.delays, c.started, c.durations,
	}
}

// small returns a count as a column of 4 bytes takes it.
func small(n int) int32 { return int32(n) } //nolint:gosec // counts of attempts and statuses of HTTP
