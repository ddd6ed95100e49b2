package sqlite

import (
	"context"
	"slices"
	"sync"
	"time"

	"courier/internal/store"
)

// registry is what several nodes of one database share. As one process holds
// the file, there is one node, and this is kept in memory.
type registry struct {
	mutex sync.Mutex
	beat  store.Beat
	seen  time.Time
	// paused are the gateways that are to take no messages.
	paused []string

	store.Sessions
}

// Now implements store.Store: with one process there is one clock.
func (s *Store) Now() time.Time { return s.nowFunc() }

// Wakes implements store.Store: nobody else stores messages.
func (s *Store) Wakes() <-chan store.Wake { return nil }

// asNode runs a function on the registry, while the store is open.
func (s *Store) asNode(ctx context.Context, operation string, run func(r *registry)) error {
	err := ctx.Err()
	if s.writer.isClosed() {
		err = store.ErrClosed
	}
	if err != nil {
		return s.fault(operation, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	run(&s.registry)
	return nil
}

// Beat implements store.Store.
func (s *Store) Beat(ctx context.Context, beat store.Beat) (standing store.Standing, err error) {
	err = s.asNode(ctx, "beat", func(r *registry) {
		beat.Gateways = slices.Clone(beat.Gateways)
		r.beat, r.seen = beat, s.nowFunc()
		gateways := slices.Compact(slices.Sorted(slices.Values(beat.Gateways)))
		standing = store.Standing{Keeper: true, Nodes: 1, Gateways: gateways, Paused: slices.Clone(r.paused)}
	})
	return standing, err
}

// Leave implements store.Store.
func (s *Store) Leave(ctx context.Context, node string) error {
	return s.asNode(ctx, "leave", func(r *registry) {
		if r.beat.Node == node {
			r.beat = store.Beat{}
		}
	})
}

// Nodes implements store.Store.
func (s *Store) Nodes(ctx context.Context) (nodes []store.Node, err error) {
	err = s.asNode(ctx, "list nodes", func(r *registry) {
		b := r.beat
		if b.Node == "" {
			return
		}
		alive := s.nowFunc().Before(r.seen.Add(b.Lapse))
		nodes = []store.Node{{
			Name: b.Node, Host: b.Host, Version: b.Version, StartedAt: store.Floor(b.StartedAt), SeenAt: store.Floor(r.seen),
			Alive: alive, Keeper: alive, InFlight: b.InFlight, Gateways: slices.Clone(b.Gateways), State: b.State,
		}}
	})
	return nodes, err
}

// counts are those of the database. As one process holds the file, the changes
// that the writer commits keep them exact, and nothing is counted twice.
type counts struct {
	mutex sync.Mutex
	now   store.Counts
}

func (c *counts) apply(change store.Counts) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now.Merge(change)
}

func (c *counts) read() store.Counts {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}
