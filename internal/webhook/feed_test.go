package webhook

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"courier"
	"courier/internal/store"
)

// manyHosts has an event without end, each for a host of its own.
type manyHosts struct{ Store }

// Events implements Store.
func (manyHosts) Events(_ context.Context, _ string, after int64, limit int) ([]store.Event, error) {
	page := make([]store.Event, limit)
	for i := range page {
		page[i].Seq = after + int64(i) + 1
		binary.BigEndian.PutUint64(page[i].MessageID[8:], uint64(page[i].Seq)) //nolint:gosec // it is positive
	}
	return page, nil
}

// Message implements Store.
func (manyHosts) Message(_ context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	return &courier.Message{ID: id, CallbackURL: fmt.Sprintf("http://%x.example/", id[8:])}, nil, nil
}

// TestFeed_Bounded keeps no more in memory the more hosts there are that do not answer.
func TestFeed_Bounded(t *testing.T) {
	t.Parallel()
	f := newFeed(&Deliverer{options: Options{Store: manyHosts{}}}, callbackListener, &sender{})
	if err := f.readPages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(f.held) > maxHeld || len(f.skipped) > maxSkipped+pageSize {
		t.Errorf("%d events are held and %d known", len(f.held), len(f.skipped))
	}
}
