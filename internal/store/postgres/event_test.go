package postgres_test

import (
	"testing"
	"time"

	"courier"
	"courier/internal/store/postgres/pgtest"
	"courier/internal/store/storetest"
)

// TestListen_WaitsForNobodyLong begins to listen while a transaction of an
// application has stored a message: others store theirs meanwhile.
func TestListen_WaitsForNobodyLong(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Shared(t).NewDatabase(t)
	s := openStore(t, dsn)
	t.Cleanup(func() { closeStore(t, s) })
	conn := onlooker(t, dsn)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT courier.enqueue('+12065550199', 'text')"); err != nil {
		t.Fatal(err)
	}
	listening := make(chan error, 1)
	go func() { listening <- s.Listen(t.Context(), "one", []courier.Status{courier.StatusQueued}) }()
	watcher := onlooker(t, dsn)
	awaitWaiting(t, watcher, "relation", 1)
	for range 5 {
		began := time.Now()
		enqueue(t, s, newMessage(nil))
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("an enqueue took %v", took)
		}
	}
	select {
	case err := <-listening:
		t.Fatalf("Listen did not wait: %v", err)
	default:
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-listening; err != nil {
		t.Fatalf("Listen: %v", err)
	}
	enqueue(t, s, newMessage(nil))
	if events, err := s.Events(t.Context(), "one", 0, 10); err != nil || len(events) != 1 {
		t.Errorf("Events: %+v, %v, want that of the message which was stored after", events, err)
	}
}

// TestListen_IsAgreedOnByNodes lets one node listen: what another stores leaves events.
func TestListen_IsAgreedOnByNodes(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Shared(t).NewDatabase(t)
	one, other := openStore(t, dsn), openStore(t, dsn)
	t.Cleanup(func() { closeStore(t, other) })
	follower := storetest.Follow(t, one)
	enqueue(t, other, newMessage(nil))
	if events := follower.Check(t); len(events) != 1 {
		t.Errorf("events are %+v, want one", events)
	}
	closeStore(t, one)
	enqueue(t, other, newMessage(nil))
	if events := follower.On(other).Check(t); len(events) != 1 {
		t.Errorf("events after the listening node ended are %+v, want one", events)
	}
}
