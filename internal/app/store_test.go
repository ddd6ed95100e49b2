package app

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOpenStore_RefusesUnknownSchemes(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"mysql://user:hunter2@host/db", "hunter2", "", "://hunter2"} {
		opened, err := openStore(t.Context(), storeOptions{dsn: dsn})
		if err == nil {
			_ = opened.Close()
			t.Fatalf("%q was opened", dsn)
		}
		if !strings.Contains(err.Error(), "sqlite://") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %q does not say what to give, or quotes the DSN", err)
		}
	}
}

func TestSharedCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		fault := errors.New("disk is full")
		shared := &sharedCheck{nowFunc: time.Now, checkFunc: func(ctx context.Context) error {
			<-time.After(100 * time.Millisecond)
			if calls.Add(1) == 1 {
				return errors.Join(fault, ctx.Err())
			}
			return ctx.Err()
		}}
		ctx, cancel := context.WithCancel(t.Context())
		var probes sync.WaitGroup
		probes.Go(func() {
			if err := shared.check(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("a caller that went away got %v", err)
			}
		})
		for range 20 {
			probes.Go(func() {
				if err := shared.check(t.Context()); !errors.Is(err, fault) || errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want the fault alone", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		probes.Wait()
		if err := shared.check(t.Context()); !errors.Is(err, fault) || calls.Load() != 1 {
			t.Errorf("got %v after %d checks, want the fault of the one", err, calls.Load())
		}
		<-time.After(checkMaxAge)
		if err := shared.check(t.Context()); err != nil || calls.Load() != 2 {
			t.Errorf("after a second: %v after %d checks, want a new one", err, calls.Load())
		}
	})
}
