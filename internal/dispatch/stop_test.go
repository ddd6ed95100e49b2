package dispatch_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// startBare returns a running engine that the test stops.
func startBare(t *testing.T, options dispatch.Options) *dispatch.Engine {
	t.Helper()
	engine, err := newEngine(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return engine
}

// stop stops an engine and returns how long it took.
func stop(t *testing.T, engine *dispatch.Engine) time.Duration {
	t.Helper()
	began := time.Now()
	if err := engine.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	return time.Since(began)
}

func TestEngine_StopLetsAttemptsFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			<-time.After(3 * time.Second)
			return accepted()
		})
		engine := startBare(t, newOptions(memory, gateway))
		pass(time.Second)
		enqueue(t, engine, newMessages(100, otp)...)
		synctest.Wait()
		if took := stop(t, engine); took != 3*time.Second {
			t.Errorf("stop took %s, want 3s", took)
		}
		got := memory.statuses()
		if got[courier.StatusSent] != 64 || got[courier.StatusQueued] != 36 || len(gateway.sends()) != 64 {
			t.Errorf("got %v in %d attempts, want the 64 in flight sent and 36 queued", got, len(gateway.sends()))
		}
	})
}

func TestEngine_StopEndsAttemptsAfterTheGracePeriod(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit  func(*dispatch.Options)
		ctx   time.Duration
		took  time.Duration
		state courier.Status
	}{
		"Resend":       {func(*dispatch.Options) {}, time.Hour, 2 * time.Second, courier.StatusQueued},
		"Hold":         {hold, time.Hour, 2 * time.Second, courier.StatusUnknown},
		"NoGrace":      {func(o *dispatch.Options) { o.GracePeriod = -1 }, time.Hour, 0, courier.StatusQueued},
		"ContextFirst": {func(*dispatch.Options) {}, time.Second, time.Second, courier.StatusQueued},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemory()
				gateway := newGateway("sms", func(ctx context.Context, _ *courier.Message) courier.Attempt {
					<-ctx.Done()
					return unknown()
				})
				options := newOptions(memory, gateway)
				options.GracePeriod = 2 * time.Second
				options.Gateways[0].Timeout = time.Hour
				test.edit(&options)
				engine := startBare(t, options)
				pass(time.Second)
				m := newMessage()
				enqueue(t, engine, m)
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), test.ctx)
				defer cancel()
				began := time.Now()
				if err := engine.Stop(ctx); err != nil {
					t.Errorf("stop: %v", err)
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("stop took %s, want %s", took, test.took)
				}
				wantStatus(t, memory, m, test.state)
			})
		})
	}
}

func TestEngine_StopIsBoundedWhenAGatewayHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, release := newMemory(), make(chan struct{})
		gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			<-release
			return accepted()
		})
		options := newOptions(memory, gateway)
		options.GracePeriod = time.Second
		engine := startBare(t, options)
		pass(time.Second)
		enqueue(t, engine, newMessage())
		synctest.Wait()
		began := time.Now()
		if err := engine.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "1 messages") {
			t.Errorf("stop says %v, want that one message may be repeated", err)
		}
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("stop took %s, want 6s", took)
		}
		close(release)
	})
}

func TestEngine_StopGivesBackWhatWasNotAttempted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		slow := &slowStore{memory: memory, claiming: make(chan struct{}, 1), goOn: make(chan struct{})}
		m := newMessage(func(m *courier.Message) {
			m.Status, m.Lease = courier.StatusProcessing, courier.Lease{Node: "other", Token: 1, Until: time.Now().Add(time.Minute)}
		})
		memory.put(m)
		if _, err := memory.Store.Settle(t.Context(), []store.Settlement{{
			ID: m.ID, Token: 1, Status: courier.StatusQueued, RetryCount: 3, NextAttemptAt: m.NextAttemptAt, At: time.Now(),
		}}); err != nil {
			t.Fatal(err)
		}
		engine := startBare(t, newOptions(slow, gateway))
		<-slow.claiming
		var stopped sync.WaitGroup
		stopped.Go(func() { stop(t, engine) })
		synctest.Wait()
		close(slow.goOn)
		stopped.Wait()
		row := memory.message(m.ID)
		if row.Status != courier.StatusQueued || row.RetryCount != 3 || row.SendCount != 0 || !row.NextAttemptAt.Equal(m.NextAttemptAt) {
			t.Errorf("message is %s with %d retries due %s, want it as it was", row.Status, row.RetryCount, row.NextAttemptAt)
		}
		if len(gateway.sends()) != 0 {
			t.Error("a message was attempted after stop began")
		}
	})
}

func TestEngine_StopBeforeStart(t *testing.T) {
	t.Parallel()
	engine, err := newEngine(newOptions(newMemory(), newGateway("sms", answer(accepted()))))
	if err != nil {
		t.Fatal(err)
	}
	stop(t, engine)
	stop(t, engine)
	if err := engine.Start(t.Context()); err == nil {
		t.Error("an engine that was stopped started")
	}
}

func TestEngine_StartsOnce(t *testing.T) {
	t.Parallel()
	engine := start(t, newOptions(newMemory(), newGateway("sms", answer(accepted()))))
	if err := engine.Start(t.Context()); err == nil {
		t.Error("an engine started twice")
	}
}

func TestEngine_StopCutsAStartShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hanging := &hangingStore{memory: newMemory(), called: make(chan struct{})}
		engine, err := newEngine(newOptions(hanging, newGateway("sms", answer(accepted()))))
		if err != nil {
			t.Fatal(err)
		}
		var started sync.WaitGroup
		started.Go(func() {
			if err := engine.Start(t.Context()); err == nil {
				t.Error("the start succeeded")
			}
		})
		<-hanging.called
		if took := stop(t, engine); took != 0 {
			t.Errorf("stop took %s, want nothing", took)
		}
		started.Wait()
	})
}

func TestEngine_StartStopStress(t *testing.T) {
	t.Parallel()
	for range 60 {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		engine, err := newEngine(newOptions(memory, gateway))
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { _ = engine.Start(t.Context()) })
			all.Go(func() { _, _ = engine.Enqueue(t.Context(), newMessages(5)) })
			all.Go(engine.Wake)
			all.Go(func() { _ = engine.Ready() })
		}
		for range 3 {
			all.Go(func() { stop(t, engine) })
		}
		all.Wait()
		stop(t, engine)
		if got := memory.statuses(); got[courier.StatusProcessing] != 0 {
			t.Fatalf("after stop: %v", got)
		}
		if _, err := engine.Enqueue(t.Context(), newMessages(1)); courier.CodeOf(err) != courier.CodeShuttingDown {
			t.Fatalf("enqueue after stop: %v", err)
		}
	}
}

func TestEngine_RecoversFromACrash(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit func(*dispatch.Options)
		want courier.Status
	}{
		"Resend": {func(*dispatch.Options) {}, courier.StatusSent},
		"Hold":   {hold, courier.StatusUnknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemory()
				m := newMessage(func(m *courier.Message) {
					m.Status = courier.StatusProcessing
					m.Lease = courier.Lease{Node: "dead", Token: 7, Until: time.Now().Add(time.Hour)}
				})
				lost := newMessage(func(m *courier.Message) { m.Gateway = "removed" })
				memory.put(m, lost)
				options := newOptions(memory, newGateway("sms", answer(accepted())))
				test.edit(&options)
				start(t, options)
				synctest.Wait()
				wantStatus(t, memory, m, test.want)
				wantStatus(t, memory, lost, courier.StatusSent)
			})
		})
	}
}

func TestEngine_FindsWhatItWasNotToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		engine := start(t, newOptions(memory, gateway))
		pass(time.Second)
		polled, woken := newMessage(), newMessage()
		memory.put(polled)
		pass(dispatch.DefaultPollInterval)
		wantStatus(t, memory, polled, courier.StatusSent)
		memory.put(woken)
		engine.Wake()
		synctest.Wait()
		wantStatus(t, memory, woken, courier.StatusSent)
	})
}
