package postgres_test

import (
	"testing"

	"courier"
	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
)

// next returns the next gateway that a store tells of.
func next(t *testing.T, s *postgres.Store) string {
	t.Helper()
	select {
	case wake := <-s.Wakes():
		return wake.Gateway
	case <-t.Context().Done():
		t.Fatal("no notification came")
		return ""
	}
}

func hasNext(t *testing.T, s *postgres.Store, want string) {
	t.Helper()
	if got := next(t, s); got != want {
		t.Errorf("woken for %q, want %q", got, want)
	}
}

// TestWakes_TellOthers lets two stores enqueue: each is notified of the other's
// messages, and not of its own.
func TestWakes_TellOthers(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Shared(t).NewDatabase(t)
	one, other := open(t, dsn), open(t, dsn)
	hasNext(t, one, "") // it listens from now on
	hasNext(t, other, "")
	enqueue(t, one, newMessage(func(m *courier.Message) { m.Gateway = "from one" }))
	hasNext(t, other, "from one")
	enqueue(t, other, newMessage(func(m *courier.Message) { m.Gateway = "from the other" }))
	hasNext(t, one, "from the other")
	enqueue(t, one, newMessage(func(m *courier.Message) {
		m.Gateway, m.NextAttemptAt = "far away", one.Now().AddDate(0, 0, 1)
	}))
	enqueue(t, one, newMessage(func(m *courier.Message) { m.Gateway = "now" }))
	hasNext(t, other, "now")
}

// TestWakes_SurviveTheirConnection cuts it: what may have been missed is looked for
// when it is there again.
func TestWakes_SurviveTheirConnection(t *testing.T) {
	t.Parallel()
	proxy := pgtest.Shared(t).NewProxy(t)
	s := open(t, proxy.NewDatabase(t))
	hasNext(t, s, "")
	proxy.Cut()
	hasNext(t, s, "")
}

// TestWakes_EndWithTheStore wants the channel closed by Close.
func TestWakes_EndWithTheStore(t *testing.T) {
	t.Parallel()
	s := openStore(t, pgtest.Shared(t).NewDatabase(t))
	closeStore(t, s)
	told := 0
	for range s.Wakes() {
		told++
	}
	if told > 1 { // that it listens, if it came so far
		t.Errorf("%d gateways were notified of", told)
	}
}
