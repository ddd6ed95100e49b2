package webhook

import (
	"fmt"
	"testing"

	"courier/internal/store"
)

// TestFeed_Bounded keeps no more in memory the more hosts there are that do not answer.
func TestFeed_Bounded(t *testing.T) {
	t.Parallel()
	f := newFeed(&Deliverer{}, callbackListener, &sender{})
	taken := 0
	for i := range maxHeld + 10 {
		if f.offer(store.Event{Seq: int64(i + 1)}, fmt.Sprintf("http://%d.example", i), true) {
			taken++
		}
	}
	if taken != maxHeld || len(f.held) != maxHeld {
		t.Errorf("%d events were taken, %d are held", taken, len(f.held))
	}
}
