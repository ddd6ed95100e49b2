package dispatch_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// limit sets the rate that all nodes share.
func limit(rate float64) func(*dispatch.Options) {
	return func(o *dispatch.Options) { o.Gateways[0].MaxRate = rate }
}

// sentBy counts the attempts of all gateways.
func sentBy(gateways ...*fakeGateway) int {
	count := 0
	for _, g := range gateways {
		count += len(g.sends())
	}
	return count
}

// brisk answers after 5 ms.
func brisk(context.Context, *courier.Message) courier.Attempt {
	<-time.After(5 * time.Millisecond)
	return accepted()
}

// wantRate fails unless attempts are within 10 % of what a rate comes to.
func wantRate(t *testing.T, rate float64, attempts int, d time.Duration) {
	t.Helper()
	if got := float64(attempts) / d.Seconds(); got < 0.9*rate || got > 1.1*rate {
		t.Errorf("%.1f attempts a second, want %.1f", got, rate)
	}
}

func TestNodes_ShareARate(t *testing.T) {
	t.Parallel()
	for rate, length := range map[float64]time.Duration{0.5: 100 * time.Second, 7: 20 * time.Second, 50: 6 * time.Second, 500: 2 * time.Second} {
		for _, nodes := range []int{1, 3} {
			t.Run(fmt.Sprintf("%v/%d", rate, nodes), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					memory := newShared()
					memory.put(newMessages(int(rate*(length.Seconds()+1)*1.1) + 10)...)
					var gateways []*fakeGateway
					for i := range nodes {
						gateways = append(gateways, newGateway("sms", brisk))
						startPeer(t, memory, fmt.Sprint("node-", i), gateways[i], limit(rate))
					}
					pass(time.Second)
					before, reserved := sentBy(gateways...), memory.count("reserve")
					pass(length)
					wantRate(t, rate, sentBy(gateways...)-before, length)
					if calls := memory.count("reserve") - reserved; float64(calls) > 30*length.Seconds()*float64(nodes) {
						t.Errorf("%d reservations in %s", calls, length)
					}
				})
			})
		}
	}
}

func TestNodes_ARateLetsLoneMessagesThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newShared(), newGateway("sms", answer(accepted()))
		a := startPeer(t, memory, "a", gateway, limit(10))
		pass(time.Second)
		for range 20 {
			m := newMessage()
			enqueue(t, a.Engine, m)
			pass(50 * time.Millisecond)
			if sent := gateway.sendsOf(m.ID); len(sent) != 1 || sent[0].Sub(m.CreatedAt) > 10*time.Millisecond {
				t.Fatalf("a message of an idle gateway was sent at %v, want at once", sent)
			}
			pass(450 * time.Millisecond)
		}
		reserved := memory.count("reserve")
		if reserved != 20 {
			t.Errorf("%d reservations for 20 messages", reserved)
		}
		pass(10 * time.Minute)
		if more := memory.count("reserve") - reserved; more != 0 {
			t.Errorf("%d reservations with nothing to send", more)
		}
	})
}

func TestNodes_ABurstIsHeldToTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newShared(), newGateway("sms", answer(accepted()))
		a := startPeer(t, memory, "a", gateway, limit(20))
		pass(time.Second)
		for range 60 {
			enqueue(t, a.Engine, newMessage())
		}
		synctest.Wait()
		if sent := len(gateway.sends()); sent > 2 {
			t.Errorf("%d sent at once with a rate of 20, want 2", sent)
		}
		pass(1500 * time.Millisecond)
		if sent := len(gateway.sends()); sent < 27 || sent > 33 {
			t.Errorf("%d sent in 1.5 s with a rate of 20", sent)
		}
		pass(2 * time.Second)
		if sent := len(gateway.sends()); sent != 60 {
			t.Errorf("%d of 60 sent", sent)
		}
	})
}

// TestNodes_UnusedAttemptsAreVoid keeps an attempt that was granted and not made
// for a moment only.
func TestNodes_UnusedAttemptsAreVoid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after time.Duration
		more  int
	}{"Soon": {50 * time.Millisecond, 0}, "Later": {time.Minute, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, gateway := newShared(), newGateway("sms", answer(accepted()))
				a := startPeer(t, memory, "a", gateway, limit(100))
				pass(time.Second)
				// One is reserved for the first, then two, of which one is left.
				enqueue(t, a.Engine, newMessages(2)...)
				synctest.Wait()
				before := memory.count("reserve")
				pass(test.after)
				m := newMessage()
				enqueue(t, a.Engine, m)
				synctest.Wait()
				wantStatus(t, memory, m, courier.StatusSent)
				if more := memory.count("reserve") - before; before != 2 || more != test.more {
					t.Errorf("%d reservations and %d more, want 2 and %d", before, more, test.more)
				}
			})
		})
	}
}

func TestNodes_ReserveFaultPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newShared(), newGateway("sms", answer(accepted()))
		memory.fail(failOp("reserve", store.ErrUnavailable))
		memory.put(newMessages(10)...)
		a := startPeer(t, memory, "a", gateway, limit(100))
		pass(time.Minute)
		if calls := memory.count("reserve"); calls < 10 || calls > 25 || len(gateway.sends()) != 0 {
			t.Errorf("%d reservations and %d attempts in a minute of faults", calls, len(gateway.sends()))
		}
		if a.Ready() == nil {
			t.Error("ready in spite of the fault")
		}
		memory.fail(nil)
		pass(6 * time.Second)
		if sent := len(gateway.sends()); sent != 10 || a.Ready() != nil {
			t.Errorf("%d of 10 sent after the fault, ready says %v", sent, a.Ready())
		}
	})
}

func TestEngine_ReconfigureChangesTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newShared(), newGateway("sms", answer(accepted()))
		memory.put(newMessages(500)...)
		a := startPeer(t, memory, "a", gateway, limit(0.01))
		pass(5 * time.Second)
		if sent := len(gateway.sends()); sent != 1 {
			t.Errorf("%d sent, want the one that is always granted", sent)
		}
		settings := dispatch.Settings{Gateways: []dispatch.LaneOptions{{Gateway: gateway}}}
		if err := a.Reconfigure(settings); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if sent := len(gateway.sends()); sent != 500 {
			t.Errorf("%d of 500 sent without a rate", sent)
		}
		settings.Gateways[0].MaxRate = -1
		if err := a.Reconfigure(settings); err == nil {
			t.Error("a negative rate was taken")
		}
	})
}
