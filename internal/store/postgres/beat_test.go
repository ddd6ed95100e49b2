package postgres

import (
	"context"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

// TestStore_BeatWaitsForNobody lets all that write wait for rows that another
// program holds: the node is alive all the same.
func TestStore_BeatWaitsForNobody(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	messages := make([]*courier.Message, operationWriters)
	for i := range messages {
		messages[i] = &courier.Message{
			ID: courier.ID{byte(i + 1)}, Status: courier.StatusQueued, Channel: "sms", Gateway: "alpha", To: "+12065550199",
			Body: "a", Encoding: courier.EncodingGSM7, Segments: 1, CreatedAt: s.Now(),
		}
	}
	if _, err := s.Enqueue(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	run(t, conn, "BEGIN; SELECT 1 FROM courier.message FOR UPDATE")
	var calls sync.WaitGroup
	for _, m := range messages {
		calls.Go(func() {
			if _, err := s.Cancel(t.Context(), m.ID, s.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	for len(s.queue.others) > 0 || s.pool.Stat().AcquiredConns() < operationWriters {
		if t.Context().Err() != nil {
			return
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := s.Beat(ctx, store.Beat{Node: "node-a", StartedAt: s.Now(), Lapse: 6 * time.Second}); err != nil {
		t.Errorf("Beat: %v", err)
	}
	run(t, conn, "ROLLBACK")
	calls.Wait()
}
