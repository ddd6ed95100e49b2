package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestCleanups_GiveEachStepItsShare lets one step hang for ever and another use
// its time up: those after them have theirs.
func TestCleanups_GiveEachStepItsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ran []string
		goOn := make(chan struct{})
		var c cleanups
		c.add("last", time.Second, func(ctx context.Context) error {
			ran = append(ran, "last")
			return ctx.Err()
		})
		c.add("slow", 2*time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			ran = append(ran, "slow")
			return ctx.Err()
		})
		c.add("hanging", 3*time.Second, func(context.Context) error {
			<-goOn
			return nil
		})
		began := time.Now()
		err := c.run(t.Context(), slog.New(slog.DiscardHandler))
		if took := time.Since(began); took != 5*time.Second+abandonAfter {
			t.Errorf("it took %s", took)
		}
		if got := strings.Join(ran, " "); got != "slow last" {
			t.Errorf("ran %q", got)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stop hanging: it did not end within 3s") {
			t.Errorf("error %v", err)
		}
		close(goOn)
	})
}

// TestStopMargin adds up the shares of a courier, as docs/deployment.md promises their sum.
func TestStopMargin(t *testing.T) {
	t.Parallel()
	cfg := load(t, "api: { port: 0 }\npublic: { port: 0 }\nstore: { dsn: sqlite://"+filepath.Join(t.TempDir(), "courier.db")+" }\n")
	a, err := New(Options{Config: cfg, LogOutput: io.Discard})
	if err == nil {
		err = a.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	sum := logShare + abandonAfter - cfg.Dispatch.GracePeriod
	for _, step := range a.cleanups.steps {
		sum += step.share + abandonAfter
	}
	if sum > stopMargin {
		t.Errorf("the steps may take %s, more than the promised %s", sum, stopMargin)
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
