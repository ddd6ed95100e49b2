package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/sqlite"
)

// open opens a store on a file of its own.
func open(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{DSN: "sqlite://" + path})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

func TestStore_Slice(t *testing.T) {
	t.Parallel()
	s, ctx, now := open(t, filepath.Join(t.TempDir(), "courier.db")), t.Context(), time.Now()
	id := courier.ID{1, 2, 3}
	if _, err := s.Enqueue(ctx, []*courier.Message{{ID: id, Status: courier.StatusQueued, To: "+12065550199", Body: "hello", Gateway: "sms", CreatedAt: now}}); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Claim(ctx, store.Claim{Gateway: "sms", Node: "a", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 10})
	if err != nil || len(claimed) != 1 {
		t.Fatal(claimed, err)
	}
	applied, err := s.Settle(ctx, []store.Settlement{{
		ID: id, Token: claimed[0].Lease.Token, Status: courier.StatusSent, At: now,
		Attempt: &courier.Attempt{Number: 1, Gateway: "sms", Outcome: courier.OutcomeAccepted, HTTPStatus: 201, StartedAt: now, Duration: time.Second},
	}})
	if err != nil || !applied[0] {
		t.Fatal(applied, err)
	}
	m, attempts, err := s.Message(ctx, id)
	if err != nil || m.Status != courier.StatusSent || len(attempts) != 1 {
		t.Fatal(m, attempts, err)
	}
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if stats, err := s.Stats(ctx, now); err != nil || stats != (store.Stats{}) {
		t.Fatal(stats, err)
	}
}
