package postgres_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
)

// keepBeating beats as a node does, until the test ends.
func (w wire) keepBeating(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var beating sync.WaitGroup
	beating.Go(func() {
		for ctx.Err() == nil {
			bounded, cancel := context.WithTimeout(ctx, 2*time.Second)
			_, _ = w.Beat(bounded, store.Beat{Node: "node-a", Lapse: 6 * time.Second})
			cancel()
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	t.Cleanup(func() {
		stop()
		beating.Wait()
	})
}

// calls are what an engine and a client ask for: the first reads, the others write.
func (w wire) calls(ctx context.Context) map[string]func() error {
	now := time.Now()
	return map[string]func() error{
		"Message": func() error { _, _, err := w.Message(ctx, courier.ID{1}); return err },
		"Enqueue": func() error { _, err := w.Enqueue(ctx, []*courier.Message{newMessage(nil)}); return err },
		"Claim": func() error {
			_, err := w.Claim(ctx, store.Claim{Gateway: "nobody's", Node: "node-a", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 1})
			return err
		},
		"Cancel": func() error { _, err := w.Cancel(ctx, courier.ID{1}, now); return err },
		"Check":  func() error { return w.Check(ctx) },
	}
}

// answersWithin runs every call at once, and checks how long they take and what
// they come to.
func (w wire) answersWithin(t *testing.T, bound time.Duration, want map[string]error) {
	t.Helper()
	began := time.Now()
	var group sync.WaitGroup
	for name, call := range w.calls(t.Context()) {
		group.Go(func() {
			if err := call(); !errors.Is(err, want[name]) || want[name] == nil && err != nil {
				t.Errorf("%s: %v, want %v", name, err, want[name])
			}
			if took := time.Since(began); took > bound {
				t.Errorf("%s took %v, want at most %v", name, took, bound)
			}
		})
	}
	group.Wait()
}

// all is one error for every call but those of the exceptions.
func all(err error, except map[string]error) map[string]error {
	want := map[string]error{"Message": err, "Enqueue": err, "Claim": err, "Cancel": err, "Check": err}
	maps.Copy(want, except)
	return want
}

// works are the answers of a database that serves.
func works() map[string]error {
	return all(nil, map[string]error{"Message": store.ErrNotFound, "Cancel": store.ErrNotFound})
}

// The longest that calls may take while an outage is not known, and once it is.
const (
	untilKnown = 5500 * time.Millisecond
	atOnce     = 500 * time.Millisecond
)

// TestStore_OutageIsKnown takes the server away for longer than a restart takes:
// calls under way and later ones are answered at once, and served again as soon as
// the server is back. What was refused is not done afterwards.
func TestStore_OutageIsKnown(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		begin func(w wire) (end func())
	}{
		"Refuses": {func(w wire) func() {
			w.proxy.Refuse(true)
			w.proxy.Cut()
			return func() { w.proxy.Refuse(false) }
		}},
		"SaysNothing": {func(w wire) func() {
			silent := make(chan struct{})
			w.proxy.Watch(func(int, []byte) pgtest.Verdict {
				<-silent
				return pgtest.Drop
			})
			return func() {
				close(silent)
				w.proxy.Cut()
				w.proxy.Watch(nil)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, 0)
			w.keepBeating(t)
			w.answersWithin(t, 5*time.Second, works())
			end := fault.begin(w)
			w.answersWithin(t, untilKnown, all(store.ErrUnavailable, nil))
			w.answersWithin(t, atOnce, all(store.ErrUnavailable, nil))
			end()
			postgres.Eventually(t, "the store works again", func() bool { return w.Check(t.Context()) == nil })
			w.answersWithin(t, 2*time.Second, works())
			w.hasCounts(t, 2, 0)
		})
	}
}

// TestStore_RestartIsWaitedFor takes the server away for as long as a restart takes.
func TestStore_RestartIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := openWire(t, 0)
	w.proxy.Refuse(true)
	w.proxy.Cut()
	back := time.AfterFunc(1500*time.Millisecond, func() { w.proxy.Refuse(false) })
	defer back.Stop()
	w.answersWithin(t, 5*time.Second, works())
}

// TestStore_ReadOnlyIsKnown lets the server take no writes: reads go on.
func TestStore_ReadOnlyIsKnown(t *testing.T) {
	t.Parallel()
	w := openWire(t, 0)
	set := func(value string) {
		execute(t, w.direct, "BEGIN READ WRITE; DO $$ BEGIN EXECUTE "+
			"format('ALTER DATABASE %I SET default_transaction_read_only = "+value+"', current_database()); END $$; COMMIT")
		w.proxy.Cut()
	}
	set("on")
	want := all(store.ErrReadOnly, map[string]error{"Message": store.ErrNotFound})
	w.answersWithin(t, untilKnown, want)
	w.answersWithin(t, atOnce, want)
	set("off")
	postgres.Eventually(t, "the store works again", func() bool { return w.Check(t.Context()) == nil })
	w.answersWithin(t, 2*time.Second, works())
}
