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
	use := func(id byte, at time.Time) {
		t.Helper()
		if err := k.store.UseSession(t.Context(), [32]byte{id}, at); err != nil {
			t.Error(err)
		}
	}
	first.SeenAt = at.Add(20 * time.Minute)
	use(1, first.SeenAt)
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
	use(1, at.Add(time.Hour)) // a page that was asked for before
	missing(1)
	put(session(4, at))
	use(4, at.Add(store.SessionLife))
	put(session(5, at.Add(store.SessionLife+time.Minute)))
	missing(4) // it lasted for as long as any may
}
