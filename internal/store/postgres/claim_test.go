package postgres

import (
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

// Eventually polls until a condition holds; also for the tests outside the package.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	patience := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-ticker.C:
		case <-patience:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestStore_BeatReturnsLostLeases stores a leased message whose enqueue seemed
// to fail. On a node with nothing to claim the next beat gives the lease back.
func TestStore_BeatReturnsLostLeases(t *testing.T) {
	t.Parallel()
	s, _ := openInside(t)
	now := s.Now()
	m := &courier.Message{
		ID: courier.ID{1}, Status: courier.StatusProcessing, Channel: "sms", Gateway: "alpha", To: "+12065550199", Body: "a",
		Encoding: courier.EncodingGSM7, Segments: 1, CreatedAt: now,
		Lease: courier.Lease{Node: "node-a", Token: 7, Until: now.Add(time.Hour)},
	}
	if _, err := s.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
		t.Fatal(err)
	}
	m.Lease.Until = store.Floor(m.Lease.Until)
	s.lost.addAll([]store.Row{{Message: m}})
	if _, err := s.Beat(t.Context(), store.Beat{Node: "node-a", StartedAt: now, Lapse: time.Minute}); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the message is queued and not attempted", func() bool {
		got, _, err := s.Message(t.Context(), m.ID)
		return err == nil && got.Status == courier.StatusQueued && got.SendCount == 0
	})
}
