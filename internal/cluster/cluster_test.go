package cluster_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"courier/internal/cluster"
	"courier/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore is a store that other nodes share, whose operations do what a test wants.
type fakeStore struct {
	wakes chan store.Wake

	mu sync.Mutex
	// do is what operations do.
	do       map[string]func(ctx context.Context) (int, error)
	calls    map[string][]time.Time
	beats    []store.Beat
	standing store.Standing
	beatErr  error
}

func newStore() *fakeStore {
	return &fakeStore{
		wakes: make(chan store.Wake), calls: map[string][]time.Time{}, do: map[string]func(context.Context) (int, error){},
		standing: store.Standing{Keeper: true, Nodes: 2, Gateways: []string{"sms"}},
	}
}

// called returns when an operation was called.
func (s *fakeStore) called(operation string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls[operation])
}

// will has an operation do something from now on, nil for nothing.
func (s *fakeStore) will(operation string, do func(context.Context) (int, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do[operation] = do
}

func (s *fakeStore) call(ctx context.Context, operation string) (int, error) {
	s.mu.Lock()
	s.calls[operation] = append(s.calls[operation], time.Now())
	do := s.do[operation]
	s.mu.Unlock()
	if do == nil {
		return 0, ctx.Err()
	}
	return do(ctx)
}

func (s *fakeStore) Beat(_ context.Context, beat store.Beat) (store.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beats = append(s.beats, beat)
	standing := s.standing
	standing.Keeper = standing.Keeper && !beat.Unable
	return standing, s.beatErr
}

func (s *fakeStore) lastBeat() store.Beat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beats[len(s.beats)-1]
}

func (s *fakeStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beatErr = err
}

func (s *fakeStore) Leave(context.Context, string) error { return nil }
func (s *fakeStore) Wakes() <-chan store.Wake            { return s.wakes }

func (s *fakeStore) Reclaim(ctx context.Context, _ store.Reclaim) (int, error) {
	return s.call(ctx, "reclaim")
}

func (s *fakeStore) Expire(ctx context.Context, _ time.Time, _ int) (int, error) {
	return s.call(ctx, "expire")
}

func (s *fakeStore) Reroute(ctx context.Context, _ []string, _ string, _ time.Time) (int, error) {
	return s.call(ctx, "reroute")
}

func (s *fakeStore) Scrub(ctx context.Context, _ store.Sweep) (int, error) {
	return s.call(ctx, "scrub")
}

func (s *fakeStore) PurgeUsage(ctx context.Context, _ time.Time, _ int) (int, error) {
	return 0, ctx.Err()
}

func (s *fakeStore) Purge(ctx context.Context, _ store.Sweep) (int, error) {
	return s.call(ctx, "purge")
}

// fakeEngine has one gateway and remembers what it was told.
type fakeEngine struct {
	mu      sync.Mutex
	expired int
	woken   []string
}

func (e *fakeEngine) Gateways() []string { return []string{"sms"} }
func (e *fakeEngine) InFlight() int      { return 3 }
func (e *fakeEngine) Behind() bool       { return false }
func (e *fakeEngine) State() string      { return `[{"gateway":"sms"}]` }
func (e *fakeEngine) SetPaused(gateways []string) {
	e.WakeQueue(store.Wake{Gateway: "paused " + strings.Join(gateways, ",")})
}
func (e *fakeEngine) HoldUnknown() (bool, []string) { return false, nil }
func (e *fakeEngine) Retention() (scrubAfter, deleteAfter time.Duration) {
	return time.Hour, 2 * time.Hour
}

func (e *fakeEngine) CountExpired(count int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expired += count
}

func (e *fakeEngine) Wake() { e.WakeQueue(store.Wake{}) }

func (e *fakeEngine) Rerouted(gateway string) { e.WakeQueue(store.Wake{Gateway: gateway}) }

func (e *fakeEngine) WakeQueue(wake store.Wake) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.woken = append(e.woken, wake.Gateway)
}

// joined is a node that runs until the end of the test.
type joined struct {
	*cluster.Node
	store  *fakeStore
	engine *fakeEngine
	health *store.Health
	log    *strings.Builder
}

// join starts a node.
func join(t *testing.T, s *fakeStore) joined {
	t.Helper()
	log := &strings.Builder{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	j := joined{store: s, engine: &fakeEngine{}, health: store.NewHealth(logger), log: log}
	var err error
	j.Node, err = cluster.New(cluster.Options{Store: s, Engine: j.engine, Health: j.health, Node: "a", Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Join(t.Context(), t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { j.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		j.Leave(context.WithoutCancel(t.Context()))
	})
	return j
}

// pass lets fake time go by and everything settle.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// slowly takes a while for each call, or as long as the caller waits.
func slowly(takes time.Duration, count int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		select {
		case <-time.After(takes):
			return count, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// TestNode_BacklogDelaysNoReclaim has messages to expire without end, and an expiry
// that never answers: the leases of dead nodes are looked for every second.
func TestNode_BacklogDelaysNoReclaim(t *testing.T) {
	t.Parallel()
	for name, expire := range map[string]func(context.Context) (int, error){
		"Backlog": slowly(400*time.Millisecond, 500),
		"Slow":    slowly(20*time.Second, 500),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.will("expire", expire)
				j := join(t, s)
				pass(10 * time.Second) // a node that has just come judges nobody
				before, expired := len(s.called("reclaim")), len(s.called("expire"))
				pass(10 * time.Minute)
				if got := len(s.called("reclaim")) - before; got < 599 || got > 601 {
					t.Errorf("%d looks for leases in ten minutes, want one a second", got)
				}
				if got := len(s.called("expire")) - expired; got < 29 {
					t.Errorf("%d batches expired in ten minutes", got)
				}
				if err := errors.Join(j.Ready(), j.health.Err()); err != nil {
					t.Errorf("not ready: %v", err)
				}
			})
		})
	}
}

// TestNode_LongRerouteIsNoFault moves more messages than one call has time for.
func TestNode_LongRerouteIsNoFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, left := newStore(), 3
		s.will("reroute", func(ctx context.Context) (int, error) {
			if left == 0 {
				return 0, nil
			}
			left--
			<-ctx.Done()
			return 100_000, ctx.Err()
		})
		j := join(t, s)
		pass(2 * time.Minute)
		if err := j.health.Err(); err != nil || left != 0 {
			t.Errorf("%d calls are left, health is %v", left, err)
		}
	})
}

// TestNode_StartsWithALongReroute starts a node that has more messages to move than
// a start has time for: it goes on with them afterwards.
func TestNode_StartsWithALongReroute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.will("reroute", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			s.will("reroute", nil)
			return 100_000, ctx.Err()
		})
		j := join(t, s)
		pass(2 * time.Second)
		if calls := len(s.called("reroute")); calls != 2 || j.health.Err() != nil {
			t.Errorf("%d calls, want one during the start and one after it; health is %v", calls, j.health.Err())
		}
	})
}

// TestNode_ChangedSparesTheStore is told again and again of messages that are left
// to nobody: the others know its gateways, so it does not beat for each.
func TestNode_ChangedSparesTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		j := join(t, s)
		for range 1000 {
			j.Changed()
			pass(time.Millisecond)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.beats) > 3 {
			t.Errorf("%d beats in a second", len(s.beats))
		}
	})
}

// TestNode_GivesTheDutyAway lets the reclaim fail on one of two nodes.
func TestNode_GivesTheDutyAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		j := join(t, s)
		pass(20 * time.Second)
		s.will("reclaim", func(context.Context) (int, error) { return 0, store.ErrUnavailable })
		pass(5 * time.Second)
		if s.lastBeat().Unable || j.health.Err() == nil {
			t.Errorf("after 5 s the node says that it is unable: %v, health: %v", s.lastBeat().Unable, j.health.Err())
		}
		pass(7 * time.Second)
		if !s.lastBeat().Unable || !strings.Contains(j.log.String(), "cannot do the housekeeping") {
			t.Error("the node keeps the duty that it cannot do")
		}
		pass(time.Second)
		if err := errors.Join(j.Ready(), j.health.Err()); err != nil {
			t.Errorf("without the duty it is not ready: %v", err)
		}
		calls := len(s.called("reclaim"))
		pass(30 * time.Second)
		if got := len(s.called("reclaim")); got != calls || !s.lastBeat().Unable {
			t.Errorf("%d calls without the duty", got-calls)
		}
		s.will("reclaim", nil)
		pass(40 * time.Second) // no other took it
		if s.lastBeat().Unable || len(s.called("reclaim")) == calls {
			t.Error("the node does not try again")
		}
	})
}

// TestNode_AloneKeepsTheDuty has no other to give it to.
func TestNode_AloneKeepsTheDuty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.standing.Nodes = 1
		s.will("expire", func(context.Context) (int, error) { return 0, store.ErrUnavailable })
		j := join(t, s)
		pass(time.Minute)
		if s.lastBeat().Unable || j.health.Err() == nil {
			t.Errorf("unable: %v, health: %v", s.lastBeat().Unable, j.health.Err())
		}
	})
}

// TestNode_CountsTheLiving tells the engine how many share a rate.
func TestNode_CountsTheLiving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		j := join(t, s)
		if j.Nodes() != 2 {
			t.Errorf("%d nodes, want 2", j.Nodes())
		}
		s.mu.Lock()
		s.standing.Nodes = 3
		s.mu.Unlock()
		pass(2 * time.Second)
		if j.Nodes() != 3 {
			t.Errorf("%d nodes, want 3", j.Nodes())
		}
		s.fail(store.ErrUnavailable)
		pass(time.Minute)
		if j.Nodes() != 3 || j.Ready() == nil {
			t.Errorf("%d nodes while cut off, ready: %v", j.Nodes(), j.Ready())
		}
	})
}
