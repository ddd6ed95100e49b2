// Package memory is the message store in the memory of a process, with which it is
// lost: as simply as the contract allows, and checked by the same suite as the
// others. Tests use it as a store, and as what another store must be equal to.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"courier"
	"courier/internal/store"
)

// Options configure a store.
type Options struct {
	// NowFunc is the clock; nil is time.Now.
	NowFunc func() time.Time
}

// Store is one node's store on a database. It implements store.Store.
type Store struct {
	*database
	closed bool
	wakes  chan store.Wake
}

var _ store.Store = (*Store)(nil)

// database is what the stores of all nodes share.
type database struct {
	mutex   sync.Mutex
	nowFunc func() time.Time
	// rows are the messages in the order in which they were stored.
	rows []*courier.Message
	// active are those of them that are queued or processing, and some that were.
	active []*courier.Message
	byID   map[courier.ID]*courier.Message
	byKey  map[key]*courier.Message
	// heldDueAt is when messages that wait for older ones would be due without them.
	heldDueAt map[courier.ID]time.Time
	attempts  map[courier.ID][]courier.Attempt
	receipts  map[courier.ID][]courier.Receipt
	parked    []courier.Receipt
	tallies   store.Tallies
	written   store.Sums
	lastToken int64
	nodes     map[string]node
	duty      duty
	usage     map[store.Subject]memoryUsage
	outbox
	stores []*Store
	operated
}

// operated is what operators did.
type operated struct {
	weights []store.Weight
	pauses  []store.Pause
	audit   []store.Entry
	actions []action
	store.Sessions
}

// outbox holds the events of those that listen, and what became of others.
type outbox struct {
	notices   map[courier.ID][]store.Notice
	listeners map[string][]courier.Status
	events    []event
	lastEvent int64
}

// key is what a repeat has in common with the first.
type key struct{ caller, name string }

func keyOf(m *courier.Message) key { return key{m.Caller, m.IdempotencyKey} }

const wakeLength = 64

// New returns a store on a new database.
func New(options Options) *Store {
	d := &database{
		nowFunc: options.NowFunc, byID: map[courier.ID]*courier.Message{}, byKey: map[key]*courier.Message{}, heldDueAt: map[courier.ID]time.Time{},
		attempts: map[courier.ID][]courier.Attempt{}, receipts: map[courier.ID][]courier.Receipt{}, nodes: map[string]node{},
		usage: map[store.Subject]memoryUsage{}, outbox: outbox{listeners: map[string][]courier.Status{}, notices: map[courier.ID][]store.Notice{}},
	}
	if d.nowFunc == nil {
		d.nowFunc = time.Now
	}
	return d.open()
}

// Share returns a store of another node on the same database.
func (s *Store) Share() *Store {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.open()
}

func (d *database) open() *Store {
	s := &Store{database: d, wakes: make(chan store.Wake, wakeLength)}
	d.stores = append(d.stores, s)
	return s
}

// get runs an operation alone, unless the store is closed or its context has ended.
func get[T any](ctx context.Context, s *Store, name string, run func() (T, error)) (answer T, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err = ctx.Err(); s.closed {
		err = store.ErrClosed
	}
	if err == nil {
		answer, err = run()
	}
	if err != nil {
		var none T
		return none, fmt.Errorf("%s: %w", name, err)
	}
	return answer, nil
}

// do is get for an operation that answers nothing.
func (s *Store) do(ctx context.Context, name string, run func() error) error {
	_, err := get(ctx, s, name, func() (struct{}, error) { return struct{}{}, run() })
	return err
}

// change is the one place where a message changes: it leaves the event.
func (d *database) change(m *courier.Message, apply func()) {
	from := m.Status
	apply()
	if m.Status != from {
		d.leaveEvent(m, from)
	}
	if isActive(m) && from != courier.StatusQueued && from != courier.StatusProcessing {
		d.active = d.find(isActive)
	}
}

func isActive(m *courier.Message) bool {
	return m.Status == courier.StatusQueued || m.Status == courier.StatusProcessing
}

// clone returns a message that callers may keep.
func clone(m *courier.Message) *courier.Message {
	c := *m
	if m.LastError != nil {
		failed := *m.LastError
		c.LastError = &failed
	}
	store.NoteEnd(&c)
	return &c
}

// Enqueue implements store.Store.
func (s *Store) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	return get(ctx, s, "enqueue messages", func() ([]store.Enqueued, error) {
		s.lastToken++
		rows, err := store.Accept(messages, s.nowFunc(), s.lastToken)
		if err != nil {
			return nil, err
		}
		seen := map[courier.ID]bool{}
		for _, row := range rows {
			_, repeats := s.byKey[keyOf(row.Message)]
			if s.byID[row.ID] != nil && !repeats || seen[row.ID] {
				return nil, fmt.Errorf("%w: %s", store.ErrDuplicateID, row.ID)
			}
			seen[row.ID] = true
		}
		return s.insert(rows), nil
	})
}

func (s *Store) insert(rows []store.Row) []store.Enqueued {
	answers, taking := make([]store.Enqueued, len(rows)), store.NewSuperseding()
	var fresh []*store.Row
	for i := range rows {
		m := rows[i].Message
		if first := s.byKey[keyOf(m)]; first != nil {
			answers[i] = store.Repeat(m, s.present(first))
			continue
		}
		answers[i] = s.add(taking, &rows[i])
		if answers[i].Duplicate {
			answers[i].Message = s.present(answers[i].Message)
		}
		if answers[i].Duplicate || answers[i].Err != nil {
			continue
		}
		if fresh = append(fresh, &rows[i]); m.IdempotencyKey != "" {
			s.byKey[keyOf(m)] = m
		}
	}
	for _, row := range fresh {
		s.lastToken = max(s.lastToken, row.Lease.Token)
		s.rows, s.active, s.byID[row.ID] = append(s.rows, row.Message), append(s.active, row.Message), row.Message
		if !row.HeldDueAt.IsZero() {
			s.heldDueAt[row.ID] = row.HeldDueAt
		}
		s.leaveEvent(row.Message, "")
		s.wakeOthers(row.Message)
	}
	for _, place := range taking.Places {
		s.takePlace(place)
	}
	for i := range answers {
		answers[i].Superseded = taking.Taken(&answers[i])
	}
	for i := range answers {
		if answers[i].Message != nil {
			answers[i].Message = clone(answers[i].Message)
		}
	}
	_ = taking.Changed(func(subject store.Subject, until time.Time, times []byte) error {
		s.usage[subject] = memoryUsage{until, times}
		return nil
	})
	s.tallies.Enqueued(answers)
	return answers
}

// present returns a message as it is now, if it is stored already.
func (d *database) present(m *courier.Message) *courier.Message {
	if d.byID[m.ID] == nil {
		return m
	}
	return clone(m)
}

// wakeOthers tells the stores of other nodes of a message that is due.
func (s *Store) wakeOthers(m *courier.Message) {
	if m.Status != courier.StatusQueued || m.NextAttemptAt.After(s.nowFunc()) {
		return
	}
	for _, other := range s.stores {
		if other != s && !other.closed {
			select {
			case other.wakes <- store.Wake{Gateway: m.Gateway, Lane: m.Lane}:
			default: // it has enough to do
			}
		}
	}
}

// queued returns the queued messages of a gateway in a lane, those that were stored first first.
func (d *database) queued(gateway string, lane courier.Lane) []*courier.Message {
	lane = cmp.Or(lane, courier.LaneNormal)
	d.active = slices.DeleteFunc(d.active, func(m *courier.Message) bool { return !isActive(m) })
	var found []*courier.Message
	for _, m := range d.active {
		if m.Status == courier.StatusQueued && m.Gateway == gateway && m.Lane == lane {
			found = append(found, m)
		}
	}
	return found
}

func byDue(a, b *courier.Message) int { return a.NextAttemptAt.Compare(b.NextAttemptAt) }

// find returns the messages that a condition holds for, in the order in which they were stored.
func (d *database) find(condition func(m *courier.Message) bool) []*courier.Message {
	var found []*courier.Message
	for _, m := range d.rows {
		if condition(m) {
			found = append(found, m)
		}
	}
	return found
}

// Claim implements store.Store.
func (s *Store) Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error) {
	return get(ctx, s, "claim messages", func() (claimed []*courier.Message, _ error) {
		s.lastToken++
		lease := courier.Lease{Node: claim.Node, Token: s.lastToken, Until: store.Floor(claim.LeaseUntil)}
		from, now := store.Floor(claim.DueFrom), store.Floor(claim.Now)
		due := slices.DeleteFunc(s.queued(claim.Gateway, claim.Lane), func(m *courier.Message) bool {
			return m.NextAttemptAt.After(now) || m.NextAttemptAt.Before(from)
		})
		slices.SortStableFunc(due, byDue)
		if claim.NewestFirst {
			slices.Reverse(due)
		}
		for _, m := range due[:min(len(due), max(claim.Limit, 0))] {
			s.change(m, func() { m.Status, m.Lease, m.UpdatedAt = courier.StatusProcessing, lease, now })
			claimed = append(claimed, clone(m))
		}
		return claimed, nil
	})
}

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error) {
	return get(ctx, s, "settle messages", func() ([]bool, error) {
		if err := store.CheckSettlements(settlements); err != nil {
			return nil, err
		}
		applied := make([]bool, len(settlements))
		for i := range settlements {
			t := &settlements[i]
			m := s.byID[t.ID]
			if m != nil && m.Status == courier.StatusProcessing && m.Lease.Token == t.Token {
				s.change(m, func() { s.settle(m, t) })
				applied[i] = true
			}
		}
		for i := range settlements {
			if applied[i] {
				s.release(s.byID[s.byID[settlements[i].ID].SupersededBy], settlements[i].At)
			}
		}
		s.tallies.Settled(settlements, applied)
		s.unpark()
		return applied, nil
	})
}

func (s *Store) settle(m *courier.Message, t *store.Settlement) {
	row, gateway := t.Settled(), m.Gateway
	m.Status, m.RetryCount, m.UpdatedAt, m.Lease = t.Status, t.RetryCount, store.Floor(t.At), courier.Lease{}
	m.NextAttemptAt, m.SentAt, m.Gateway = row.NextAttemptAt, row.SentAt, cmp.Or(row.Gateway, m.Gateway)
	m.GatewayMessageID = row.GatewayMessageID
	if t.Attempt != nil {
		a := *t.Attempt
		s.attempted(m, &a)
		if a.Outcome == courier.OutcomeAccepted {
			m.LastError = nil
		}
	}
	s.endSuperseded(m, gateway)
}

// attempted adds an attempt to those of a message.
func (s *Store) attempted(m *courier.Message, a *courier.Attempt) {
	a.Number = max(m.SendCount+1, a.Number)
	a.StartedAt, a.Duration = store.Floor(a.StartedAt), a.Duration.Truncate(time.Microsecond)
	a.RetryAfter = a.RetryAfter.Truncate(time.Microsecond)
	a.Scope, a.Known, a.Unsent = "", false, false
	a.GatewayMessageID, a.GatewayMessageIDs = store.CleanID(a.GatewayMessageID), store.PartIDs(a)
	m.SendCount, m.LastError = a.Number, a
	s.attempts[m.ID] = append(s.attempts[m.ID], *a)
}

// NextDue implements store.Store.
func (s *Store) NextDue(ctx context.Context, gateway string, lane courier.Lane) (time.Time, error) {
	return get(ctx, s, "find next due message", func() (due time.Time, _ error) {
		if queued := s.queued(gateway, lane); len(queued) > 0 {
			due = slices.MinFunc(queued, byDue).NextAttemptAt
		}
		return due, nil
	})
}

// Message implements store.Store.
func (s *Store) Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	var attempts []courier.Attempt
	message, err := get(ctx, s, "read message", func() (*courier.Message, error) {
		m := s.byID[id]
		if m == nil {
			return nil, store.ErrNotFound
		}
		attempts = slices.Clone(s.attempts[id])
		return clone(m), nil
	})
	return message, attempts, err
}

// Messages implements store.Store.
func (s *Store) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	return get(ctx, s, "list messages", func() (page store.Page, _ error) {
		found := s.find(func(m *courier.Message) bool {
			return query.Matches(m) && (query.After == nil || bytes.Compare(m.ID[:], query.After[:]) < 0)
		})
		slices.SortFunc(found, func(a, b *courier.Message) int { return bytes.Compare(b.ID[:], a.ID[:]) })
		limit := max(query.Limit, 1)
		for _, m := range found[:min(limit, len(found))] {
			page.Messages = append(page.Messages, clone(m))
		}
		if len(found) > limit {
			page.Next = &page.Messages[limit-1].ID
		}
		return page, nil
	})
}

// Cancel implements store.Store.
func (s *Store) Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error) {
	return s.decide(ctx, "cancel message", id, func(m *courier.Message) error {
		_, err := store.Cancel(m, now)
		return err
	})
}

// Requeue implements store.Store.
func (s *Store) Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error) {
	return s.decide(ctx, "requeue message", requeue.ID, requeue.Apply)
}

// decide changes one message by a rule, and returns it as it is then.
func (s *Store) decide(ctx context.Context, name string, id courier.ID, rule func(m *courier.Message) error) (*courier.Message, error) {
	return get(ctx, s, name, func() (decided *courier.Message, err error) {
		m := s.byID[id]
		if m == nil {
			return nil, store.ErrNotFound
		}
		from := m.Status
		if s.change(m, func() { err = rule(m) }); err == nil {
			s.tallies.Decided(m, from)
			s.wakeOthers(m)
		}
		return clone(m), err
	})
}

// Resolve implements store.Store.
func (s *Store) Resolve(ctx context.Context, resolve store.Resolve) (*courier.Message, error) {
	return s.decide(ctx, "resolve message", resolve.ID, resolve.Apply)
}

// Waiting implements store.Store.
func (s *Store) Waiting(ctx context.Context, query store.WaitingQuery) ([]*courier.Message, error) {
	return get(ctx, s, "read queue", func() (page []*courier.Message, _ error) {
		queued := s.queued(query.Gateway, query.Lane)
		slices.SortStableFunc(queued, byDue)
		after := slices.IndexFunc(queued, func(m *courier.Message) bool { return m.ID == query.After })
		from := store.Floor(query.DueFrom)
		for _, m := range queued[after+1:] {
			if len(page) < query.Limit && !m.NextAttemptAt.Before(from) {
				page = append(page, clone(m))
			}
		}
		return page, nil
	})
}

// Move implements store.Store.
func (s *Store) Move(ctx context.Context, moves []store.Move, now time.Time) (int, error) {
	return get(ctx, s, "move messages", func() (moved int, _ error) {
		for _, move := range moves {
			if m := s.byID[move.ID]; m != nil && m.Status == courier.StatusQueued && m.Gateway == move.From {
				m.Gateway, m.UpdatedAt = move.To, store.Floor(now)
				s.wakeOthers(m)
				moved++
			}
		}
		return moved, nil
	})
}

// Stats implements store.Store.
func (s *Store) Stats(ctx context.Context, now time.Time) (store.Stats, error) {
	return get(ctx, s, "read state of queue", func() (store.Stats, error) {
		var counts store.Counts
		var waiting []store.Waiting
		for _, m := range s.rows {
			if counts.Add(m.Status, 1); m.Status != courier.StatusQueued {
				continue
			}
			i := slices.IndexFunc(waiting, func(w store.Waiting) bool { return w.Gateway == m.Gateway && w.Lane == m.Lane })
			if i < 0 {
				i = len(waiting)
				waiting = append(waiting, store.Waiting{Gateway: m.Gateway, Lane: m.Lane, Due: m.NextAttemptAt})
			}
			waiting[i].Count++
			if waiting[i].Due.After(m.NextAttemptAt) {
				waiting[i].Due = m.NextAttemptAt
			}
		}
		return counts.Stats(waiting, now), nil
	})
}

// Now implements store.Store.
func (s *Store) Now() time.Time { return s.nowFunc() }

// Wakes implements store.Store.
func (s *Store) Wakes() <-chan store.Wake { return s.wakes }

// Check implements store.Store.
func (s *Store) Check(ctx context.Context) error {
	return s.do(ctx, "check database", func() error { return nil })
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.closed {
		s.closed = true
		close(s.wakes)
	}
	return nil
}
