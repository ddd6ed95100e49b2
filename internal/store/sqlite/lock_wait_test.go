package sqlite_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"courier/internal/store"
	"courier/internal/store/sqlite"
)

// TestOpen_WaitsForADyingProcess opens a database whose holder is about to be gone.
func TestOpen_WaitsForADyingProcess(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	first := open(t, path)
	closed := time.AfterFunc(100*time.Millisecond, func() { _ = first.Close() })
	defer closed.Stop()
	if err := open(t, path).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpen_WaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if _, err := sqlite.Open(ctx, sqlite.Options{DSN: "sqlite://" + path}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("error is %v, want store.ErrLocked", err)
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("it took %s", took)
	}
}
