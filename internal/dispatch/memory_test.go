package dispatch_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"courier"
	"courier/internal/store"
	storememory "courier/internal/store/memory"
)

// memory is the store in memory, which checks what the engine may not do, counts
// what it does, and fails on demand.
type memory struct {
	*storememory.Store

	mu sync.Mutex
	// late counts settlements whose lease was gone.
	late int
	// batches are the sizes of the settle transactions.
	batches []int
	// calls counts the calls of each operation.
	calls map[string]int
	// beats are the last ones of nodes.
	beats map[string]store.Beat
	// wakes is nil when the store has one node.
	wakes chan store.Wake
	// faultFunc returns the error of an operation, before or after it was done.
	faultFunc func(op string, after bool) error
}

func newMemory() *memory {
	return &memory{Store: storememory.New(storememory.Options{}), calls: make(map[string]int), beats: make(map[string]store.Beat)}
}

// newShared returns a store that several nodes may use.
func newShared() *memory {
	s := newMemory()
	s.wakes = make(chan store.Wake, 64)
	return s
}

// call runs an operation between its faults. One whose context has ended is
// done all the same, and the caller does not know.
func call[T any](ctx context.Context, s *memory, op string, run func(ctx context.Context) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none T
	s.calls[op]++
	if s.faultFunc != nil {
		if err := s.faultFunc(op, false); err != nil {
			return none, err
		}
	}
	answer, err := run(context.WithoutCancel(ctx))
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && s.faultFunc != nil {
		err = s.faultFunc(op, true)
	}
	if err != nil {
		return none, err
	}
	return answer, nil
}

// fail sets the faults of all operations from now on, nil for none.
func (s *memory) fail(faultFunc func(op string, after bool) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultFunc = faultFunc
}

func (s *memory) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	return call(ctx, s, "enqueue", func(ctx context.Context) ([]store.Enqueued, error) { return s.Store.Enqueue(ctx, messages) })
}

func (s *memory) Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error) {
	return call(ctx, s, "claim", func(ctx context.Context) ([]*courier.Message, error) { return s.Store.Claim(ctx, claim) })
}

func (s *memory) Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error) {
	return call(ctx, s, "settle", func(ctx context.Context) ([]bool, error) {
		s.batches = append(s.batches, len(settlements))
		applied, err := s.Store.Settle(ctx, settlements)
		for _, held := range applied {
			if !held {
				s.late++
			}
		}
		return applied, err
	})
}

func (s *memory) Reclaim(ctx context.Context, reclaim store.Reclaim) (int, error) {
	return call(ctx, s, "reclaim", func(ctx context.Context) (int, error) { return s.Store.Reclaim(ctx, reclaim) })
}

func (s *memory) Expire(ctx context.Context, now time.Time, limit int) (int, error) {
	return call(ctx, s, "expire", func(ctx context.Context) (int, error) { return s.Store.Expire(ctx, now, limit) })
}

func (s *memory) Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error) {
	return call(ctx, s, "reroute", func(ctx context.Context) (int, error) { return s.Store.Reroute(ctx, known, to, now) })
}

func (s *memory) Scrub(ctx context.Context, sweep store.Sweep) (int, error) {
	return call(ctx, s, "scrub", func(ctx context.Context) (int, error) { return s.Store.Scrub(ctx, sweep) })
}

func (s *memory) Purge(ctx context.Context, sweep store.Sweep) (int, error) {
	return call(ctx, s, "purge", func(ctx context.Context) (int, error) { return s.Store.Purge(ctx, sweep) })
}

func (s *memory) NextDue(ctx context.Context, gateway string, lane courier.Lane) (time.Time, error) {
	return call(ctx, s, "next_due", func(ctx context.Context) (time.Time, error) { return s.Store.NextDue(ctx, gateway, lane) })
}

func (s *memory) Check(ctx context.Context) error {
	_, err := call(ctx, s, "check", func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Store.Check(ctx) })
	return err
}

func (s *memory) Stats(ctx context.Context, now time.Time) (store.Stats, error) {
	return call(ctx, s, "stats", func(ctx context.Context) (store.Stats, error) { return s.Store.Stats(ctx, now) })
}

func (s *memory) Beat(ctx context.Context, beat store.Beat) (store.Standing, error) {
	return call(ctx, s, "beat "+beat.Node, func(ctx context.Context) (store.Standing, error) {
		s.beats[beat.Node] = beat
		return s.Store.Beat(ctx, beat)
	})
}

func (s *memory) Leave(ctx context.Context, node string) error {
	_, err := call(ctx, s, "leave "+node, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Store.Leave(ctx, node) })
	return err
}

func (s *memory) Wakes() <-chan store.Wake { return s.wakes }

// read returns a message with its attempts.
func (s *memory) read(id courier.ID) (courier.Message, []courier.Attempt) {
	m, attempts, err := s.Message(context.Background(), id)
	if err != nil {
		panic(err)
	}
	return *m, attempts
}

// message returns a message.
func (s *memory) message(id courier.ID) courier.Message {
	m, _ := s.read(id)
	return m
}

// tried returns the attempts of a message.
func (s *memory) tried(id courier.ID) []courier.Attempt {
	_, attempts := s.read(id)
	return attempts
}

// put stores messages as another process would.
func (s *memory) put(messages ...*courier.Message) {
	if _, err := s.Store.Enqueue(context.Background(), messages); err != nil {
		panic(err)
	}
}

// statuses counts the messages in each status.
func (s *memory) statuses() map[courier.Status]int {
	page, err := s.Messages(context.Background(), store.Query{Limit: 1_000_000})
	if err != nil {
		panic(err)
	}
	counts := make(map[courier.Status]int)
	for _, m := range page.Messages {
		counts[m.Status]++
	}
	return counts
}

// count returns how often an operation was called.
func (s *memory) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// nodes returns the nodes that have not left.
func (s *memory) nodes() []store.Node {
	nodes, err := s.Nodes(context.Background())
	if err != nil {
		panic(err)
	}
	return nodes
}

// known returns the last beat of a node and whether the store still has it.
func (s *memory) known(node string) (store.Beat, bool) {
	found := slices.ContainsFunc(s.nodes(), func(n store.Node) bool { return n.Name == node })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beats[node], found
}

// onDuty returns the node that does the housekeeping.
func (s *memory) onDuty() string {
	for _, n := range s.nodes() {
		if n.Keeper {
			return n.Name
		}
	}
	return ""
}
