package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// optionsOf returns the options of a gateway with the defaults.
func optionsOf(g dispatch.Gateway) dispatch.GatewayOptions {
	return dispatch.GatewayOptions{Gateway: g}
}

// failOp makes one operation fail before it is done.
func failOp(name string, err error) func(string, bool) error {
	return func(op string, after bool) error {
		if op == name && !after {
			return fmt.Errorf("%s: %w", op, err)
		}
		return nil
	}
}

func TestEngine_ClaimFault(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{store.ErrFull, store.ErrReadOnly, store.ErrUnavailable, errors.New("surprise")} {
		t.Run(fault.Error(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log, memory, gateway := &logBuffer{}, newMemory(), newGateway("sms", answer(accepted()))
				options := newOptions(memory, gateway)
				log.install(&options)
				memory.fail(failOp("claim", fault))
				memory.put(newMessages(3)...)
				engine := start(t, options)
				pass(time.Minute)
				if err := engine.Ready(); err == nil || !strings.Contains(err.Error(), fault.Error()) {
					t.Errorf("ready says %v, want the fault", err)
				}
				// 100 ms doubling to 5 s: about 17 in a minute.
				if calls := memory.count("claim"); calls < 10 || calls > 25 {
					t.Errorf("%d claims in a minute", calls)
				}
				memory.fail(nil)
				pass(6 * time.Second)
				if got := memory.statuses()[courier.StatusSent]; got != 3 || engine.Ready() != nil {
					t.Errorf("%d of 3 sent after the fault, ready says %v", got, engine.Ready())
				}
				began, ended := log.lines(t, "store fails; messages wait until it works again"), log.lines(t, "store works again")
				if len(began) != 1 || len(ended) != 1 || began[0]["next_step"] == nil {
					t.Errorf("%d lines at the begin, %d at the end, want 1 each with a next step", len(began), len(ended))
				}
			})
		})
	}
}

func TestEngine_WakesDoNotShortenThePauseOfAFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		memory.put(newMessage())
		memory.fail(failOp("claim", store.ErrUnavailable))
		engine := start(t, newOptions(memory, newGateway("sms", answer(accepted()))))
		for range 6000 {
			engine.Wake()
			pass(10 * time.Millisecond)
		}
		if calls := memory.count("claim"); calls > 25 {
			t.Errorf("%d claims in a minute of faults", calls)
		}
	})
}

func TestEngine_SettleFaultKeepsOutcomes(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"NothingWritten": false, "WrittenButNotSaid": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
				options := newOptions(memory, gateway)
				options.Gateways[0].MaxInFlight = 8
				engine := start(t, options)
				pass(time.Second)
				memory.fail(func(op string, isAfter bool) error {
					if op == "settle" && isAfter == after {
						return store.ErrUnavailable
					}
					return nil
				})
				enqueue(t, engine, newMessages(100, otp)...)
				pass(time.Minute)
				if sent := len(gateway.sends()); (!after && sent != 16) || engine.Ready() == nil {
					t.Errorf("%d sent while nothing can be settled, want 16, which are twice the limit; ready says %v", sent, engine.Ready())
				}
				memory.fail(nil)
				pass(time.Minute)
				if got := memory.statuses()[courier.StatusSent]; got != 100 || len(gateway.sends()) != 100 || engine.Ready() != nil {
					t.Errorf("%d sent in %d attempts, want 100 in as many; ready says %v", got, len(gateway.sends()), engine.Ready())
				}
			})
		})
	}
}

// TestEngine_BadSettlementsHoldUpNoOther has outcomes that cannot be written, one or
// many, and ahead of the others.
func TestEngine_BadSettlementsHoldUpNoOther(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 3, 20} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemory()
				bad := newMessages(count)
				guarded := &guardedStore{memory: memory, bad: make(map[courier.ID]bool)}
				for _, m := range bad {
					guarded.bad[m.ID] = true
				}
				gateway := newGateway("sms", func(_ context.Context, m *courier.Message) courier.Attempt {
					if !guarded.bad[m.ID] {
						<-time.After(time.Millisecond)
					}
					return accepted()
				})
				engine := start(t, newOptions(guarded, gateway))
				pass(time.Second)
				enqueue(t, engine, append(bad, newMessages(200)...)...)
				pass(2 * time.Second)
				if got := memory.statuses(); got[courier.StatusSent] != 200 || got[courier.StatusProcessing] != count {
					t.Errorf("got %v, want 200 sent and the %d bad ones left", got, count)
				}
				guarded.heal()
				pass(time.Minute)
				wantStatus(t, memory, bad[0], courier.StatusSent)
				if sent := len(gateway.sends()); sent != 200+count {
					t.Errorf("%d attempts for %d messages", sent, 200+count)
				}
			})
		})
	}
}

// guardedStore refuses to settle some messages.
type guardedStore struct {
	*memory
	bad    map[courier.ID]bool
	healed atomic.Bool
}

func (s *guardedStore) heal() { s.healed.Store(true) }

func (s *guardedStore) refuses(settlements []store.Settlement) bool {
	return !s.healed.Load() && slices.ContainsFunc(settlements, func(settlement store.Settlement) bool { return s.bad[settlement.ID] })
}

// Settle implements dispatch.Store.
func (s *guardedStore) Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error) {
	if s.refuses(settlements) {
		return nil, store.ErrUnavailable
	}
	return s.memory.Settle(ctx, settlements)
}

func TestEngine_EnqueueFault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err   error
		after bool
	}{
		"Full":              {store.ErrFull, false},
		"NothingWritten":    {store.ErrUnavailable, false},
		"WrittenButNotSaid": {store.ErrUnavailable, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
				options := newOptions(memory, gateway)
				options.Gateways[0].MaxInFlight = 4
				engine := start(t, options)
				pass(time.Second)
				memory.fail(func(op string, after bool) error {
					if op == "enqueue" && after == test.after {
						return test.err
					}
					return nil
				})
				for range 20 {
					if _, err := engine.Enqueue(t.Context(), newMessages(1)); !errors.Is(err, test.err) {
						t.Fatalf("got %v, want %v", err, test.err)
					}
					pass(time.Millisecond)
				}
				memory.fail(nil)
				enqueue(t, engine, newMessages(4)...)
				pass(time.Minute)
				stored := 4
				if test.after {
					stored += 20
				}
				if got := memory.statuses(); got[courier.StatusSent] != stored || len(gateway.sends()) != stored {
					t.Errorf("got %v in %d attempts, want all %d that are stored sent once", got, len(gateway.sends()), stored)
				}
			})
		})
	}
}

func TestEngine_StartFault(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"beat node-1", "reclaim", "reroute"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			memory := newMemory()
			memory.fail(failOp(op, store.ErrReadOnly))
			engine, err := newEngine(newOptions(memory, newGateway("sms", answer(accepted()))))
			if err != nil {
				t.Fatal(err)
			}
			if err := engine.Start(t.Context()); !errors.Is(err, store.ErrReadOnly) || !strings.Contains(err.Error(), "store.dsn") {
				t.Errorf("start says %v, want the fault and what to check", err)
			}
			if err := engine.Stop(t.Context()); err != nil {
				t.Errorf("stop after a failed start: %v", err)
			}
		})
	}
}

func TestEngine_KeeperFaultsPass(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"expire", "reroute", "reclaim", "next_due"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
				options := newOptions(memory, gateway)
				options.LeaseDuration = 4 * time.Second
				engine := start(t, options)
				synctest.Wait()
				memory.fail(failOp(op, store.ErrUnavailable))
				if err := engine.Reconfigure(options.Settings); err != nil {
					t.Fatal(err)
				}
				pass(30 * time.Second)
				if engine.Ready() == nil {
					t.Error("ready in spite of the fault")
				}
				memory.fail(nil)
				pass(10 * time.Second)
				if err := engine.Ready(); err != nil {
					t.Errorf("after the fault ready says %v", err)
				}
				m := newMessage()
				enqueue(t, engine, m)
				pass(time.Second)
				wantStatus(t, memory, m, courier.StatusSent)
			})
		})
	}
}

func TestEngine_StopWithAStoreThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		engine, err := newEngine(newOptions(memory, newGateway("sms", answer(accepted()))))
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		memory.fail(failOp("settle", store.ErrFull))
		enqueue(t, engine, newMessages(3)...)
		synctest.Wait()
		began := time.Now()
		err = engine.Stop(t.Context())
		if err == nil || !strings.Contains(err.Error(), "3 messages") {
			t.Errorf("stop says %v, want that 3 messages may be repeated", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("stop took %s, want 5s", took)
		}
	})
}
