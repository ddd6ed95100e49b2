package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
)

// onlooker is a connection that sees what the server does.
func onlooker(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// waiting returns how many sessions of its database wait for an event.
func waiting(t *testing.T, conn *pgx.Conn, event string) (count int) {
	t.Helper()
	err := conn.QueryRow(t.Context(),
		"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = $1", event).Scan(&count)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// awaitWaiting polls until sessions wait for an event.
func awaitWaiting(t *testing.T, conn *pgx.Conn, event string, want int) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for waiting(t, conn, event) < want {
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatalf("no session waits for %s", event)
		}
	}
}

// cancelRequest is the code of a request to break a statement off (PostgreSQL's
// manual, message formats).
const cancelRequest = "\x04\xd2\x16\x2e"

// TestEnqueue_LateCommit cuts a connection while its statement waits, so that the
// repeat comes before the first try ends: the message is no duplicate of itself.
func TestEnqueue_LateCommit(t *testing.T) {
	t.Parallel()
	w := openWire(t, 0)
	execute(t, w.direct, `CREATE SEQUENCE tries;
		CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tries') = 1 THEN PERFORM pg_advisory_xact_lock(1); END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER hold AFTER INSERT ON courier.message FOR EACH STATEMENT EXECUTE FUNCTION hold();`)
	conn := onlooker(t, w.direct)
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(1)"); err != nil {
		t.Fatal(err)
	}
	w.proxy.Watch(func(_ int, sent []byte) pgtest.Verdict {
		if bytes.Contains(sent, []byte(cancelRequest)) {
			return pgtest.Drop
		}
		return pgtest.Pass
	})
	first := newMessage(func(m *courier.Message) { m.IdempotencyKey = "key" })
	second := newMessage(func(m *courier.Message) { m.IdempotencyKey = "key" })
	var answers []store.Enqueued
	var call sync.WaitGroup
	call.Go(func() { answers = enqueue(t, w, first, second) })
	awaitWaiting(t, conn, "advisory", 1)
	w.proxy.Cut()
	awaitWaiting(t, conn, "transactionid", 1)
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_unlock(1)"); err != nil {
		t.Fatal(err)
	}
	call.Wait()
	if len(answers) != 2 || answers[0].Duplicate || answers[0].Message.ID != first.ID ||
		!answers[1].Duplicate || answers[1].Message.ID != first.ID {
		t.Errorf("answers are %+v, want a new message and its duplicate", answers)
	}
	w.hasCounts(t, 1, 0)
}

// alone is a store whose server waits for a standby that is gone.
type alone struct {
	*postgres.Store
	proxy *pgtest.Proxy
	conn  *pgx.Conn
}

// cutOff runs a call, and cuts the connections whenever a commit of it waits.
func (a alone) cutOff(t *testing.T, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			if waiting(t, a.conn, "SyncRep") > 0 {
				a.proxy.Cut()
			}
		}
	}
}

// TestStore_AcknowledgesNothingThatAStandbyLacks lets waits for the standby be
// broken off, which makes their commits visible on this server alone: neither
// the call itself nor a repeat of it may get the answer that all is well.
func TestStore_AcknowledgesNothingThatAStandbyLacks(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	standby, err := primary.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proxy := primary.NewProxy(t)
	direct := primary.NewDatabase(t)
	s, err := postgres.Open(t.Context(), postgres.Options{DSN: through(proxy, &primary.Databases, direct), RetryFor: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	a := alone{Store: s, proxy: proxy, conn: onlooker(t, direct)}
	enqueue(t, s, newMessage(nil))
	held := claimAll(t, s, 1)
	withdrawn := newMessage(nil)
	enqueue(t, s, withdrawn)
	if err := standby.Stop(); err != nil {
		t.Fatal(err)
	}

	store1 := func() error {
		_, err := s.Enqueue(context.WithoutCancel(t.Context()), []*courier.Message{newMessage(func(m *courier.Message) { m.IdempotencyKey = "key" })})
		return err
	}
	cancel := func() error {
		_, err := s.Cancel(context.WithoutCancel(t.Context()), withdrawn.ID, time.Now())
		return err
	}
	settle := func() error {
		_, err := s.Settle(context.WithoutCancel(t.Context()), []store.Settlement{{
			ID: held[0].ID, Token: held[0].Lease.Token, Status: courier.StatusSent, At: time.Now(), Attempt: attempt(courier.OutcomeAccepted),
		}})
		return err
	}
	for _, c := range []struct {
		name string
		call func() error
	}{{"enqueue", store1}, {"enqueue again", store1}, {"cancel", cancel}, {"cancel again", cancel}, {"settle", settle}} {
		if err := a.cutOff(t, c.call); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s without the standby: %v, want store.ErrUnavailable", c.name, err)
		}
	}
	if _, err := primary.Query(t.Context(), "postgres", "ALTER SYSTEM RESET synchronous_standby_names"); err != nil {
		t.Fatal(err)
	}
	if _, err := primary.Query(t.Context(), "postgres", "SELECT pg_reload_conf()"); err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for _, call := range []func() error{store1, cancel} {
		err := call()
		// The store knows by now that nothing was served, and looks for the end of that.
		for deadline := time.Now().Add(5 * time.Second); errors.Is(err, store.ErrUnavailable) && time.Now().Before(deadline); err = call() {
			<-ticker.C
		}
		if err != nil {
			t.Errorf("without need of a standby: %v", err)
		}
	}
}
