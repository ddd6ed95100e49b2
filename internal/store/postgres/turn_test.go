package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres"
)

// TestEnqueue_FailsForItsOwnFaultOnly loses the statement of a group of calls, one
// of which is at fault: the repeat fails that one and no other.
func TestEnqueue_FailsForItsOwnFaultOnly(t *testing.T) {
	t.Parallel()
	for name, verdict := range verdicts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, 0)
			known := newMessage(nil)
			enqueue(t, w, known)
			// Two calls keep the goroutines that store busy, so that the rest are a group.
			conn := onlooker(t, w.direct)
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), "LOCK TABLE courier.message IN SHARE MODE"); err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			fails := func(m *courier.Message, want error) {
				group.Go(func() {
					if _, err := w.Enqueue(t.Context(), []*courier.Message{m}); !errors.Is(err, want) {
						t.Errorf("Enqueue: %v, want %v", err, want)
					}
				})
			}
			watcher := onlooker(t, w.direct)
			fails(newMessage(nil), nil)
			awaitWaiting(t, watcher, "relation", 1)
			fails(newMessage(nil), nil)
			awaitWaiting(t, watcher, "relation", 2)
			again := newMessage(nil)
			again.ID = known.ID
			for i := range 10 {
				if i == 5 {
					fails(again, store.ErrDuplicateID)
				}
				fails(newMessage(nil), nil)
			}
			spoiled := w.spoil(textInsert, verdict)
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			group.Wait()
			if spoiled.Load() != 1 {
				t.Errorf("%d statements were spoiled", spoiled.Load())
			}
			w.hasCounts(t, 13, 0)
		})
	}
}

// lockTable has every statement on a table wait until the test ends it.
func (w wire) lockTable(t *testing.T, table string) (unlock func()) {
	t.Helper()
	tx, err := onlooker(t, w.direct).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// beats checks that a node can say in time that it is alive.
func (w wire) beats(t *testing.T) {
	t.Helper()
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if standing, err := w.Beat(soon, store.Beat{Node: "node-a", Lapse: time.Minute}); err != nil || !standing.Keeper {
		t.Errorf("Beat: %+v, %v", standing, err)
	}
}

// TestBeat_HasAConnection lets more calls write and read than there are connections,
// and none of them end: a node can say nevertheless that it is alive.
func TestBeat_HasAConnection(t *testing.T) {
	t.Parallel()
	for connections := 2; connections <= 10; connections++ {
		t.Run(strconv.Itoa(connections), func(t *testing.T) {
			t.Parallel()
			w := openWire(t, 0, fmt.Sprintf("&pool_max_conns=%d", connections))
			unlock := w.lockTable(t, "courier.message")
			calls, giveUp := context.WithCancel(t.Context())
			var group sync.WaitGroup
			now := time.Now()
			for _, call := range []func() error{
				func() error { _, err := w.Messages(calls, store.Query{Limit: 1}); return err },
				func() error { _, err := w.Enqueue(calls, []*courier.Message{newMessage(nil)}); return err },
				func() error { _, err := w.Expire(calls, now, 1); return err },
				func() error { _, err := w.Cancel(calls, courier.ID{1}, now); return err },
			} {
				for range 10 {
					group.Go(func() {
						if err := call(); !errors.Is(err, context.Canceled) {
							t.Errorf("call: %v, want context.Canceled", err)
						}
					})
				}
			}
			awaitWaiting(t, onlooker(t, w.direct), "relation", connections-1)
			w.beats(t)
			giveUp()
			group.Wait()
			unlock()
		})
	}
}

// TestBeat_UpkeepDoesNotMatter lets what follows a beat hang or fail: the node is
// alive all the same, and does the housekeeping.
func TestBeat_UpkeepDoesNotMatter(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, w wire) (restore func()){
		"Hangs": func(t *testing.T, w wire) func() { t.Helper(); return w.lockTable(t, "courier.tally") },
		"Fails": func(t *testing.T, w wire) func() {
			t.Helper()
			execute(t, w.direct, "ALTER TABLE courier.tally RENAME TO hidden")
			return func() { execute(t, w.direct, "ALTER TABLE courier.hidden RENAME TO tally") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, 0)
			execute(t, w.direct, "INSERT INTO courier.tally (store, writer, queued, processing, unknown) VALUES (gen_random_uuid(), -1, 1, 0, 0)")
			restore := spoil(t, w)
			for range 3 {
				w.beats(t)
			}
			restore()
			conn := onlooker(t, w.direct)
			postgres.Eventually(t, "the maintenance is done", func() bool {
				w.beats(t)
				var left int
				err := conn.QueryRow(t.Context(), "SELECT count(*) FROM courier.tally WHERE writer < 0").Scan(&left)
				return err == nil && left == 0
			})
		})
	}
}

// TestBeat_AddsUpInParts lets SQL store more messages than are added up after one
// beat, while no courier runs: what is counted is right at all times.
func TestBeat_AddsUpInParts(t *testing.T) {
	t.Parallel()
	w := openWire(t, 0)
	const stored = 45_000
	execute(t, w.direct, "INSERT INTO courier.tally (store, writer, queued, processing, unknown) "+
		"SELECT gen_random_uuid(), -1, 1, 0, 0 FROM generate_series(1, 45000)")
	conn := onlooker(t, w.direct)
	for beat, want := range []int{stored, 25_000, 5_000, 0} {
		if beat > 0 {
			w.beats(t)
		}
		postgres.Eventually(t, fmt.Sprintf("%d rows are left after %d beats", want, beat), func() bool {
			var left int
			err := conn.QueryRow(t.Context(), "SELECT count(*) FROM courier.tally WHERE writer < 0").Scan(&left)
			return err == nil && left == want
		})
		if stats, err := w.Stats(t.Context(), time.Now()); err != nil || stats.Queued != stored {
			t.Errorf("after %d beats %d messages are counted, %v", beat, stats.Queued, err)
		}
	}
}

// TestStore_OneLockedMessageHoldsUpNobody locks a message that many want to
// cancel: others are claimed meanwhile, and the node says that it is alive.
func TestStore_OneLockedMessageHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := openWire(t, 0)
	m := newMessage(nil)
	enqueue(t, w, m)
	conn := onlooker(t, w.direct)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT 1 FROM courier.message FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	calls, giveUp := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := w.Cancel(calls, m.ID, time.Now()); !errors.Is(err, context.Canceled) {
				t.Errorf("Cancel: %v, want context.Canceled", err)
			}
		})
	}
	awaitWaiting(t, onlooker(t, w.direct), "transactionid", 1)
	soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	other, now := newMessage(nil), time.Now().Add(time.Second)
	enqueue(t, w, other)
	claimed, err := w.Claim(soon, store.Claim{Gateway: "alpha", Node: "node-a", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 2})
	if err != nil || len(claimed) != 1 || claimed[0].ID != other.ID {
		t.Errorf("Claim: %d messages, %v, want the one that is not locked", len(claimed), err)
	}
	if _, err := w.Beat(soon, store.Beat{Node: "node-a", Lapse: time.Minute, Gateways: []string{"alpha"}}); err != nil {
		t.Errorf("Beat: %v", err)
	}
	if err := w.Leave(soon, "node-a"); err != nil {
		t.Errorf("Leave: %v", err)
	}
	giveUp()
	group.Wait()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Cancel(t.Context(), m.ID, time.Now()); err != nil || got.Status != courier.StatusCanceled {
		t.Errorf("Cancel: %+v, %v", got, err)
	}
}
