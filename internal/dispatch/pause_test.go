package dispatch_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// TestEngine_PausedGatewayTakesNothing has its messages wait, and go out once it is resumed.
func TestEngine_PausedGatewayTakesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, g := newMemory(), newGateway("sms", answer(accepted()))
		engine := start(t, newOptions(memory, g))
		pause(t, memory, "sms")
		pass(2 * time.Second) // a beat tells of it
		m := newMessage()
		enqueue(t, engine, m)
		pass(time.Minute)
		wantStatus(t, memory, m, courier.StatusQueued)
		if state := engine.Snapshot()[0]; len(g.sends()) > 0 || !state.Paused || state.Breaker != "closed" {
			t.Errorf("%d attempts, state %+v", len(g.sends()), state)
		}
		if err := engine.Reconfigure(dispatch.Settings{Gateways: []dispatch.GatewayOptions{{Gateway: g}}}); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantStatus(t, memory, m, courier.StatusQueued)
		if _, err := memory.Resume(t.Context(), "sms"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		wantStatus(t, memory, m, courier.StatusSent)
	})
}

// TestEngine_PausedAtOnce hears of pauses from a beat and from an operator at once: what it
// takes for the last of them holds for its gates as well.
func TestEngine_PausedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // no beat comes between, however long it takes
		engine := start(t, newOptions(newMemory(), newGateway("sms", answer(accepted()))))
		for range 20_000 {
			var both sync.WaitGroup
			both.Go(func() { engine.SetPaused([]string{"sms"}) })
			both.Go(func() { engine.SetPaused(nil) })
			both.Wait()
			before := engine.Snapshot()[0].Paused
			engine.SetPaused([]string{"sms"})
			if !engine.Snapshot()[0].Paused {
				t.Fatalf("it is to be paused, and is not; it was before: %v", before)
			}
		}
	})
}

// TestEngine_PausedFromTheStart begins with a gateway that was paused before.
func TestEngine_PausedFromTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, g := newMemory(), newGateway("sms", answer(accepted()))
		pause(t, memory, "sms")
		m := newMessage()
		if _, err := memory.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
			t.Fatal(err)
		}
		start(t, newOptions(memory, g))
		pass(time.Minute)
		wantStatus(t, memory, m, courier.StatusQueued)
	})
}

// TestEngine_PausedGoesTheOtherWay has what waits, and what comes, go to the next of the route.
func TestEngine_PausedGoesTheOtherWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := newGateway("a", answer(accepted()))
		f := newFlow(t, func(o *dispatch.Options) {
			o.Gateways[0].MaxRate = 1
			o.Routes = []dispatch.Route{{Name: "r", Gateways: []dispatch.RouteGateway{{Gateway: "a"}, {Gateway: "b"}}}}
		}, slow, newGateway("b", answer(accepted())))
		waiting := f.send(t, 10, 0)
		pause(t, f.memory, "a")
		pass(5 * time.Second)
		for _, m := range append(waiting, f.send(t, 3, time.Second)...) {
			pass(time.Second)
			wantStatus(t, f.memory, m, courier.StatusSent)
		}
		if n := len(slow.sends()); n > 4 {
			t.Errorf("%d messages went through the paused gateway", n)
		}
	})
}

func pause(t *testing.T, s *memory, gateway string) {
	t.Helper()
	if err := s.Pause(t.Context(), store.Pause{Gateway: gateway, Reason: "a test", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
}
