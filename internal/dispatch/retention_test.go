package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// archive is a store with old messages that does one thing at a time.
type archive struct {
	*memory
	turn chan struct{}
	// perMessage is how long a sweep takes for each message.
	perMessage time.Duration

	mu sync.Mutex
	// left counts the old messages by what is to happen to them.
	left   map[string]int
	sweeps []swept
}

// swept is one batch.
type swept struct {
	what       string
	sweep      store.Sweep
	began, end time.Time
}

func newArchive(scrub, purge int) *archive {
	return &archive{
		memory: newMemory(), turn: make(chan struct{}, 1),
		perMessage: 80 * time.Microsecond, left: map[string]int{"scrub": scrub, "purge": purge},
	}
}

// inTurn waits until nobody else is served.
func (s *archive) inTurn(do func()) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	do()
}

func (s *archive) sweep(what string, sweep store.Sweep) (count int, err error) {
	s.inTurn(func() {
		began := time.Now()
		s.mu.Lock()
		count = min(s.left[what], sweep.Limit)
		s.left[what] -= count
		s.mu.Unlock()
		<-time.After(time.Duration(count) * s.perMessage)
		s.mu.Lock()
		s.sweeps = append(s.sweeps, swept{what, sweep, began, time.Now()})
		s.mu.Unlock()
	})
	return count, nil
}

// Scrub implements dispatch.Store.
func (s *archive) Scrub(_ context.Context, sweep store.Sweep) (int, error) {
	return s.sweep("scrub", sweep)
}

// Purge implements dispatch.Store.
func (s *archive) Purge(_ context.Context, sweep store.Sweep) (int, error) {
	return s.sweep("purge", sweep)
}

// Enqueue implements dispatch.Store.
func (s *archive) Enqueue(ctx context.Context, messages []*courier.Message) (answers []store.Enqueued, err error) {
	s.inTurn(func() { answers, err = s.memory.Enqueue(ctx, messages) })
	return answers, err
}

// done returns the batches so far, and how many messages are left.
func (s *archive) done() ([]swept, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]swept(nil), s.sweeps...), s.left["scrub"] + s.left["purge"]
}

// keeping returns options of an engine with rules of retention.
func keeping(s dispatch.Store, scrubAfter, deleteAfter time.Duration) dispatch.Options {
	options := newOptions(s, newGateway("sms", answer(accepted())))
	options.Retention = dispatch.Retention{ScrubAfter: scrubAfter, DeleteAfter: deleteAfter}
	return options
}

const month = 30 * 24 * time.Hour

func TestEngine_ForgetsWhatIsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, registry := newArchive(700, 1200), prometheus.NewPedanticRegistry()
		options := keeping(s, 24*time.Hour, month)
		options.Registerer = registry
		start(t, options)
		pass(5 * time.Second)
		sweeps, left := s.done()
		if left != 0 {
			t.Errorf("%d messages are left after %d batches", left, len(sweeps))
		}
		for i, batch := range sweeps {
			age := map[string]time.Duration{"scrub": 24 * time.Hour, "purge": month}[batch.what]
			if !batch.sweep.Now.Equal(batch.began) || !batch.sweep.Before.Equal(batch.began.Add(-age)) || batch.sweep.Limit < 50 || batch.sweep.Limit > 500 {
				t.Errorf("batch %d at %v is to %s %+v", i, batch.began, batch.what, batch.sweep)
			}
		}
		if got := gather(t, registry); got["courier_scrubbed_total"] != 700 || got["courier_purged_total"] != 1200 {
			t.Errorf("%v scrubbed and %v deleted are counted, want 700 and 1200", got["courier_scrubbed_total"], got["courier_purged_total"])
		}
	})
}

func TestEngine_KeepsForEver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		scrub, remove time.Duration
		left          int
	}{"All": {0, 0, 2}, "Content": {0, time.Hour, 1}, "Messages": {time.Hour, 0, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newArchive(1, 1)
				start(t, keeping(s, test.scrub, test.remove))
				pass(time.Minute)
				if _, left := s.done(); left != test.left {
					t.Errorf("%d messages are left, want %d", left, test.left)
				}
			})
		})
	}
}

// TestEngine_RetentionHoldsNobodyUp enqueues while much is old: a call waits
// for one batch at most.
func TestEngine_RetentionHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newArchive(20_000, 20_000)
		engine := start(t, keeping(s, time.Hour, month))
		worst := time.Duration(0)
		for range 300 {
			pass(7 * time.Millisecond)
			began := time.Now()
			enqueue(t, engine, newMessage())
			worst = max(worst, time.Since(began))
		}
		if worst > 20*time.Millisecond || worst == 0 {
			t.Errorf("a call waited up to %v, want a wait of one batch", worst)
		}
		if _, left := s.done(); left == 40_000 {
			t.Error("nothing was forgotten meanwhile")
		}
	})
}

// TestEngine_RetentionYields looks at the batches themselves: they take turns,
// the store is idle for as long as it was busy, and each round ends in time for
// what else the node on duty does every second.
func TestEngine_RetentionYields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newArchive(1_000_000, 1_000_000)
		began := time.Now()
		start(t, keeping(s, time.Hour, month))
		pass(20 * time.Second)
		sweeps, _ := s.done()
		counts, busy := map[string]int{}, time.Duration(0)
		for i, batch := range sweeps {
			counts[batch.what]++
			busy += batch.end.Sub(batch.began)
			if i > 0 && batch.began.Sub(sweeps[i-1].end) < sweeps[i-1].end.Sub(sweeps[i-1].began) {
				t.Errorf("batch %d began %v after the one before", i, batch.began.Sub(sweeps[i-1].end))
			}
		}
		if share := busy.Seconds() / time.Since(began).Seconds(); share > 0.5 || share < 0.35 {
			t.Errorf("the store was busy for %.2f of the time, want a little less than half", share)
		}
		if counts["scrub"] < counts["purge"]*3/4 || counts["purge"] < counts["scrub"]*3/4 {
			t.Errorf("the batches are %v, want as many of each", counts)
		}
		if expired := s.count("expire"); expired < 19 {
			t.Errorf("the node on duty looked for expired messages %d times in 20 seconds", expired)
		}
	})
}

// TestEngine_RetentionFitsItsBatches has batches of about 10 ms, whatever a
// message costs, within bounds.
func TestEngine_RetentionFitsItsBatches(t *testing.T) {
	t.Parallel()
	for perMessage, want := range map[time.Duration]int{
		time.Microsecond: 500, 20 * time.Microsecond: 200, 80 * time.Microsecond: 100, 150 * time.Microsecond: 50, time.Millisecond: 50,
	} {
		t.Run(perMessage.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newArchive(1_000_000, 0)
				s.perMessage = perMessage
				start(t, keeping(s, time.Hour, 0))
				pass(time.Second)
				sweeps, _ := s.done()
				if got := sweeps[len(sweeps)-1].sweep.Limit; got != want {
					t.Errorf("batches have %d messages, want %d", got, want)
				}
			})
		})
	}
}

func TestEngine_RetentionLooksNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newArchive(0, 0)
		engine := start(t, keeping(s, time.Hour, 0))
		pass(time.Minute)
		sweeps, _ := s.done()
		if len(sweeps) < 5 || len(sweeps) > 8 {
			t.Errorf("it looked %d times in a minute, want about every 10 s", len(sweeps))
		}
		settings := keeping(s, time.Minute, 0).Settings
		if err := engine.Reconfigure(settings); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		after, _ := s.done()
		if len(after) != len(sweeps)+1 || after[len(sweeps)].sweep.Now.Sub(after[len(sweeps)].sweep.Before) != time.Minute {
			t.Errorf("changed rules led to %d batches at once, want 1 by the new rule", len(after)-len(sweeps))
		}
	})
}

func TestEngine_RetentionSurvivesFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		engine := start(t, keeping(s, time.Hour, month))
		s.fail(failOp("purge", store.ErrUnavailable))
		pass(15 * time.Second)
		if err := engine.Ready(); err == nil {
			t.Error("the engine is ready while the store cannot delete")
		}
		s.fail(nil)
		pass(2 * time.Second)
		if err := engine.Ready(); err != nil {
			t.Errorf("after the fault: %v", err)
		}
	})
}

func TestNew_RefusesNegativeRetention(t *testing.T) {
	t.Parallel()
	for _, options := range []dispatch.Options{keeping(newMemory(), -1, 0), keeping(newMemory(), 0, -1)} {
		if _, err := newEngine(options); err == nil {
			t.Errorf("retention %+v was taken", options.Retention)
		}
	}
}

// TestNodes_RetentionIsOneNodes lets two nodes share a store: one of them forgets.
func TestNodes_RetentionIsOneNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		rules := func(o *dispatch.Options) { o.Retention = dispatch.Retention{ScrubAfter: time.Hour} }
		for _, name := range []string{"a", "b"} {
			startPeer(t, memory, name, newGateway("sms", answer(accepted())), rules)
		}
		pass(time.Minute)
		if scrubs := memory.count("scrub"); scrubs < 5 || scrubs > 8 {
			t.Errorf("both together looked %d times in a minute, want about every 10 s", scrubs)
		}
	})
}
