package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestRecent remembers an answer for a while, and lets whoever waits for another go.
func TestRecent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, made := newRecent[string, int](), 0
		next := func() (int, error) { made++; return made, nil }
		for _, want := range []int{1, 1, 2} {
			if got, err := r.get(t.Context(), "a", 5*time.Second, next); got != want || err != nil {
				t.Errorf("got %d, %v, want %d", got, err, want)
			}
			<-time.After(3 * time.Second)
		}
		hang, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = r.get(t.Context(), "b", time.Second, func() (int, error) { <-hang; return 0, errors.New("broken") })
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.get(ctx, "a", time.Second, next); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beside one that hangs: %v", err)
		}
		close(hang)
		<-ended
	})
}
