package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier/internal/store"
)

// testSession stores sessions, uses them and lets them end by hand and by themselves.
func testSession(t *testing.T, k *kit) {
	session := func(id byte, at time.Time) store.Session {
		return store.Session{ID: [32]byte{id}, Key: [32]byte{31: id}, CreatedAt: at, SeenAt: at}
	}
	put := func(s store.Session) {
		t.Helper()
		if err := k.store.PutSession(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	missing := func(id byte) {
		t.Helper()
		if _, err := k.store.Session(t.Context(), [32]byte{id}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("session %d: %v, want ErrNotFound", id, err)
		}
	}
	at := floor(k.now)
	missing(1)
	first, second := session(1, at), session(2, at)
	put(first)
	put(second)
	first.SeenAt = at.Add(20 * time.Minute)
	put(first)
	if got, err := k.store.Session(t.Context(), first.ID); err != nil || cmp.Diff(first, got) != "" {
		t.Errorf("got %+v, %v; want %+v", got, err, first)
	}
	put(session(3, at.Add(store.SessionIdle)))
	missing(2) // nobody used it
	for range 2 {
		if err := k.store.EndSession(t.Context(), first.ID); err != nil {
			t.Errorf("end session: %v", err)
		}
	}
	missing(1)
	old := session(4, at)
	old.SeenAt = at.Add(store.SessionLife)
	put(old)
	put(session(5, old.SeenAt.Add(time.Minute)))
	missing(4) // it lasted for as long as any may
}
