package postgres_test

import (
	"context"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
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

// TestRecordNotices_WaitsForNoMessage notes what became of an event while somebody has its
// message locked, as a claim or an application does.
func TestRecordNotices_WaitsForNoMessage(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Shared(t).NewDatabase(t)
	s := openStore(t, dsn)
	t.Cleanup(func() { closeStore(t, s) })
	if err := s.Listen(t.Context(), "one", []courier.Status{courier.StatusQueued}); err != nil {
		t.Fatal(err)
	}
	m := newMessage(nil)
	enqueue(t, s, m)
	events, err := s.Events(t.Context(), "one", 0, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("Events: %+v, %v", events, err)
	}
	tx, err := onlooker(t, dsn).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT 1 FROM courier.message FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.RecordNotices(soon, []store.Notice{{Seq: events[0].Seq, State: store.NoticeDelivered, Tries: 1, TriedAt: time.Now()}}); err != nil {
		t.Errorf("RecordNotices: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if notices, err := s.Notices(t.Context(), m.ID); err != nil || len(notices) != 1 || notices[0].State != store.NoticeDelivered {
		t.Errorf("Notices: %+v, %v", notices, err)
	}
}
