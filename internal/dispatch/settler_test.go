package dispatch

import (
	"context"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

// TestSettler_CloseLeavesNothingPending closes a settler that has an outcome: it is
// written before the loop ends.
func TestSettler_CloseLeavesNothingPending(t *testing.T) {
	t.Parallel()
	for range 100 {
		e := &Engine{metrics: newMetrics(), health: store.NewHealth(nil), tick: time.Now, store: settlingStore{}}
		s := newSettler(e)
		g := newTestGate(1)
		g.lanes[laneCode].unsettled = 1
		s.add(&ticket{gate: g, message: &courier.Message{}})
		s.close()
		s.run(t.Context())
		if g.lanes[laneCode].unsettled != 0 {
			t.Fatal("the loop ended with an outcome that is not written")
		}
	}
}

// settlingStore writes whatever it is given.
type settlingStore struct{ Store }

// Settle implements Store.
func (settlingStore) Settle(_ context.Context, settlements []store.Settlement) ([]bool, error) {
	return make([]bool, len(settlements)), nil
}
