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
}

// Now implements store.Store: with one process there is one clock.
func (s *Store) Now() time.Time { return s.nowFunc() }

// Wakes implements store.Store: nobody else stores messages.
func (s *Store) Wakes() <-chan string { return nil }

// Beat implements store.Store.
func (s *Store) Beat(ctx context.Context, beat store.Beat) (store.Standing, error) {
	if err := s.usable(ctx); err != nil {
		return store.Standing{}, s.fault("beat", err)
	}
	r := &s.registry
	r.mutex.Lock()
	defer r.mutex.Unlock()
	beat.Gateways = slices.Clone(beat.Gateways)
	r.beat, r.seen = beat, s.nowFunc()
	gateways := slices.Compact(slices.Sorted(slices.Values(beat.Gateways)))
	return store.Standing{Keeper: true, Nodes: 1, Gateways: gateways}, nil
}

// usable returns why a call cannot be served that needs no connection.
func (s *Store) usable(ctx context.Context) error {
	if s.writer.isClosed() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// Leave implements store.Store.
func (s *Store) Leave(ctx context.Context, node string) error {
	if err := s.usable(ctx); err != nil {
		return s.fault("leave", err)
	}
	r := &s.registry
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.beat.Node == node {
		r.beat = store.Beat{}
	}
	return nil
}

// Nodes implements store.Store.
func (s *Store) Nodes(ctx context.Context) ([]store.Node, error) {
	if err := s.usable(ctx); err != nil {
		return nil, s.fault("list nodes", err)
	}
	r := &s.registry
	r.mutex.Lock()
	defer r.mutex.Unlock()
	b := r.beat
	if b.Node == "" {
		return nil, nil
	}
	alive := s.nowFunc().Before(r.seen.Add(b.Lapse))
	return []store.Node{{
		Name: b.Node, Host: b.Host, Version: b.Version, StartedAt: store.Floor(b.StartedAt), SeenAt: store.Floor(r.seen),
		Alive: alive, Keeper: alive, InFlight: b.InFlight, Gateways: slices.Clone(b.Gateways),
	}}, nil
}
