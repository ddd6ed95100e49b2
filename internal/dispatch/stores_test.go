package dispatch_test

import (
	"context"

	"courier"
	"courier/internal/store"
)

// slowStore holds up each claim until the test lets it go on.
type slowStore struct {
	*memory
	claiming, goOn chan struct{}
}

// Claim implements dispatch.Store.
func (s *slowStore) Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error) {
	s.claiming <- struct{}{}
	<-s.goOn
	return s.memory.Claim(ctx, claim)
}

// hangingStore never answers to a reclaim.
type hangingStore struct {
	*memory
	called chan struct{}
}

// Reclaim implements dispatch.Store.
func (s *hangingStore) Reclaim(ctx context.Context, _ store.Reclaim) (int, error) {
	close(s.called)
	<-ctx.Done()
	return 0, ctx.Err()
}
