package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"courier/internal/store"
)

// node is a node by its last beat.
type node struct {
	store.Beat
	seen time.Time
}

// duty is who does the housekeeping, and until when.
type duty struct {
	holder string
	until  time.Time
}

func (d *database) isAlive(name string) bool {
	n, found := d.nodes[name]
	return found && d.nowFunc().Before(n.seen.Add(n.Lapse))
}

// Beat implements store.Store.
func (s *Store) Beat(ctx context.Context, beat store.Beat) (store.Standing, error) {
	return get(ctx, s, "beat", func() (standing store.Standing, _ error) {
		now := s.nowFunc()
		beat.Gateways = slices.Clone(beat.Gateways)
		s.nodes[beat.Node] = node{Beat: beat, seen: now}
		if s.duty.holder == beat.Node || !s.duty.until.After(now) {
			s.duty = duty{holder: beat.Node, until: now.Add(beat.Lapse)}
			if beat.Unable {
				s.duty.until = now
			}
			standing.Keeper = !beat.Unable
		}
		for name, n := range s.nodes {
			if s.isAlive(name) {
				standing.Nodes++
				standing.Gateways = append(standing.Gateways, n.Gateways...)
			}
		}
		slices.Sort(standing.Gateways)
		standing.Gateways = slices.Compact(standing.Gateways)
		for _, p := range s.pauses {
			standing.Paused = append(standing.Paused, p.Gateway)
		}
		return standing, nil
	})
}

// Leave implements store.Store.
func (s *Store) Leave(ctx context.Context, name string) error {
	return s.do(ctx, "leave", func() error {
		delete(s.nodes, name)
		if s.duty.holder == name {
			s.duty = duty{}
		}
		return nil
	})
}

// Nodes implements store.Store.
func (s *Store) Nodes(ctx context.Context) ([]store.Node, error) {
	return get(ctx, s, "list nodes", func() (nodes []store.Node, _ error) {
		for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
			n := s.nodes[name]
			nodes = append(nodes, store.Node{
				Name: name, Host: n.Host, Version: n.Version, StartedAt: store.Floor(n.StartedAt), SeenAt: store.Floor(n.seen),
				Alive: s.isAlive(name), Keeper: s.duty.holder == name && s.duty.until.After(s.nowFunc()),
				InFlight: n.InFlight, Gateways: slices.Clone(n.Gateways), State: n.State,
			})
		}
		return nodes, nil
	})
}
