package dispatch_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
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
					memory.put(newMessages(int(rate*(length.Seconds()+5)*1.1) + 10)...)
					var gateways []*fakeGateway
					for i := range nodes {
						gateways = append(gateways, newGateway("sms", brisk))
						startPeer(t, memory, fmt.Sprint("node-", i), gateways[i], limit(rate))
					}
					pass(2 * time.Second)
					before := sentBy(gateways...)
					pass(length)
					wantRate(t, rate, sentBy(gateways...)-before, length)
				})
			})
		}
	}
}

// TestNodes_RateFollowsTheNodes lets nodes come and go: those that are left take over
// the part of one that died, and one that comes does not add to the rate.
func TestNodes_RateFollowsTheNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rate = 60
		memory := newShared()
		memory.put(newMessages(rate * 30)...)
		first, second, third := newGateway("sms", brisk), newGateway("sms", brisk), newGateway("sms", brisk)
		startPeer(t, memory, "first", first, limit(rate))
		pass(2 * time.Second)
		before := sentBy(first)
		pass(5 * time.Second)
		wantRate(t, rate, sentBy(first)-before, 5*time.Second)
		before = sentBy(first, second, third)
		startPeer(t, memory, "second", second, limit(rate))
		leaving, err := newEngine(peerOptions(memory, "third", third, limit(rate)))
		if err != nil {
			t.Fatal(err)
		}
		if err := leaving.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		wantRate(t, rate, sentBy(first, second, third)-before, 10*time.Second)
		stop(t, leaving)
		pass(2 * time.Second)
		before = sentBy(first, second, third)
		pass(5 * time.Second)
		wantRate(t, rate, sentBy(first, second, third)-before, 5*time.Second)
	})
}

// TestNodes_AFastRateIsExact counts a whole minute.
func TestNodes_AFastRateIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newShared(), newGateway("sms", brisk)
		memory.put(newMessages(1600)...) // never fewer than a few seconds' worth
		for i := range 3 {
			startPeer(t, memory, fmt.Sprint("node-", i), gateway, limit(100))
		}
		pass(2 * time.Second)
		before := len(gateway.sends())
		for range 6 {
			pass(10 * time.Second)
			memory.put(newMessages(1000)...)
		}
		sends := gateway.sends()
		if sent := len(sends) - before; sent < 5700 || sent > 6300 {
			t.Errorf("%d in a minute of 100 a second", sent)
		}
		for i := before; i+25 < len(sends); i++ {
			if took := sends[i+25].at.Sub(sends[i].at); took < 100*time.Millisecond {
				t.Fatalf("26 attempts within %s", took)
			}
		}
	})
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
			synctest.Wait()
			if sent := gateway.sendsOf(m.ID); len(sent) != 1 {
				t.Fatalf("a message of an idle gateway was sent at %v, want at once", sent)
			}
			pass(500 * time.Millisecond)
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

// TestEngine_OnlyAttemptsSpendARate lets claims come back empty: that costs the rate nothing.
func TestEngine_OnlyAttemptsSpendARate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newShared(), newGateway("sms", answer(accepted()))
		a := startPeer(t, memory, "a", gateway, limit(0.1))
		for range 100 {
			a.Wake()
			pass(100 * time.Millisecond)
		}
		m := newMessage()
		enqueue(t, a.Engine, m)
		synctest.Wait()
		wantStatus(t, memory, m, courier.StatusSent)
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
			t.Errorf("%d sent, want the one that is always let through", sent)
		}
		settings := dispatch.Settings{Gateways: []dispatch.GatewayOptions{{Gateway: gateway}}}
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
