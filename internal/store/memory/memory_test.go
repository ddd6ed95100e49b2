package memory_test

import (
	"context"
	"testing"

	"courier"
	"courier/internal/store"
	"courier/internal/store/memory"
	"courier/internal/store/storetest"
)

// placed is a store that puts messages into statuses which only receipts lead to.
type placed struct{ *memory.Store }

// Place implements storetest.Placer.
func (p placed) Place(_ context.Context, id courier.ID, status courier.Status) error {
	return p.Store.Place(id, status)
}

func TestStore_Conforms(t *testing.T) {
	t.Parallel()
	storetest.RunShared(t, func(*testing.T) store.Store {
		return placed{memory.New(memory.Options{})}
	}, func(*testing.T) (one, other store.Store) {
		s := memory.New(memory.Options{})
		return placed{s}, placed{s.Share()}
	})
}
