package dispatch_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// beat is the last sign of life of a node.
type beat struct {
	store.Beat
	until time.Time
}

// newShared returns a store that several nodes may use.
func newShared() *memory {
	s := newMemory()
	s.wakes = make(chan string, 64)
	return s
}

// alive returns the names of the nodes whose beat has not lapsed.
func (s *memory) alive() []string {
	var names []string
	for name, b := range s.nodes {
		if time.Now().Before(b.until) {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// lost reports whether nobody will settle a lease any more.
func (s *memory) lost(lease courier.Lease, reclaim store.Reclaim) bool {
	if reclaim.Lapsed && !lease.Until.After(reclaim.Now) {
		return true
	}
	return lease.Node != reclaim.Node && !slices.Contains(s.alive(), lease.Node)
}

func (s *memory) Beat(ctx context.Context, b store.Beat) (store.Standing, error) {
	var standing store.Standing
	err := s.call(ctx, "beat "+b.Node, func() {
		s.nodes[b.Node] = beat{b, time.Now().Add(b.Lapse)}
		alive := s.alive()
		if !slices.Contains(alive, s.keeper) {
			s.keeper = b.Node
		}
		standing = store.Standing{Keeper: s.keeper == b.Node, Nodes: len(alive)}
		gateways := make(map[string]bool)
		for _, name := range alive {
			for _, gateway := range s.nodes[name].Gateways {
				gateways[gateway] = true
			}
		}
		standing.Gateways = slices.Sorted(maps.Keys(gateways))
	})
	return standing, err
}

func (s *memory) Leave(ctx context.Context, node string) error {
	return s.call(ctx, "leave "+node, func() { delete(s.nodes, node) })
}

func (s *memory) Wakes() <-chan string { return s.wakes }

// known returns the last beat of a node and whether the store still has it.
func (s *memory) known(node string) (store.Beat, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, found := s.nodes[node]
	return b.Beat, found
}

// onDuty returns the node that does the housekeeping.
func (s *memory) onDuty() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keeper
}
