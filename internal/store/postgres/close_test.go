package postgres_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres/pgtest"
)

// TestStore_CloseEndsTheRepeats closes a store whose server lets no statement
// through while calls try again: they end with the store and not in their own time.
func TestStore_CloseEndsTheRepeats(t *testing.T) {
	t.Parallel()
	w := openWire(t, 2*time.Minute)
	var calls sync.WaitGroup
	tried := map[string]chan struct{}{textInsert: make(chan struct{}), "FROM courier.tally": make(chan struct{})}
	w.proxy.Watch(func(_ int, sent []byte) pgtest.Verdict {
		for text, seen := range tried {
			if !bytes.Contains(sent, []byte(text)) {
				continue
			}
			select {
			case <-seen:
			default:
				close(seen)
			}
			return pgtest.Drop
		}
		return pgtest.Pass
	})
	calls.Go(func() {
		// Whether it was stored is not known, so the word is not that nothing was.
		if _, err := w.Enqueue(t.Context(), []*courier.Message{newMessage(nil)}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Enqueue: %v, want store.ErrUnavailable", err)
		}
	})
	calls.Go(func() {
		if _, err := w.Stats(t.Context(), time.Now()); err == nil {
			t.Error("Stats: it was answered")
		}
	})
	for _, seen := range tried {
		<-seen
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		closeStore(t, w)
	}()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("Close waits for the repeats")
	}
	w.proxy.Watch(nil)
	calls.Wait()
	<-closed
}
