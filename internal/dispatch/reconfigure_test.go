package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/dispatch"
)

// slowAnswer comes to the same after a second.
func slowAnswer(a courier.Attempt) func(context.Context, *courier.Message) courier.Attempt {
	return func(context.Context, *courier.Message) courier.Attempt {
		<-time.After(time.Second)
		return a
	}
}

func TestEngine_ReconfigureSwapsTheGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		before, after := newGateway("sms", slowAnswer(accepted())), newGateway("sms", answer(accepted()))
		options := newOptions(memory, before)
		options.Gateways[0].MaxInFlight = 3
		engine := start(t, options)
		pass(500 * time.Millisecond)
		enqueue(t, engine, newMessages(10, otp)...)
		synctest.Wait()
		if err := engine.Reconfigure(dispatch.Settings{Gateways: []dispatch.GatewayOptions{optionsOf(after)}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b, a := len(before.sends()), len(after.sends()); b != 3 || a != 7 {
			t.Errorf("%d sent by the old gateway and %d by the new, want 3 and 7", b, a)
		}
		pass(time.Second)
		if got := memory.statuses()[courier.StatusSent]; got != 10 {
			t.Errorf("%d of 10 sent", got)
		}
	})
}

func TestEngine_ReconfigureMendsAGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		engine := start(t, newOptions(memory, newGateway("sms", answer(down()))))
		pass(time.Second)
		enqueue(t, engine, newMessages(5)...)
		pass(10 * time.Minute)
		fixed := newGateway("sms", answer(accepted()))
		if err := engine.Reconfigure(dispatch.Settings{Gateways: []dispatch.GatewayOptions{optionsOf(fixed)}}); err != nil {
			t.Fatal(err)
		}
		m := newMessage()
		enqueue(t, engine, m)
		synctest.Wait()
		wantStatus(t, memory, m, courier.StatusSent)
		pass(40 * time.Second)
		if got := memory.statuses()[courier.StatusSent]; got != 6 {
			t.Errorf("%d of 6 sent", got)
		}
	})
}

// TestEngine_ReconfigureKeepsWhatWasLearnt leaves a gateway that is the same as before
// alone while it is down, and asks one that is another at once.
func TestEngine_ReconfigureKeepsWhatWasLearnt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fingerprint string
		least, most int
	}{"Same": {"one", 0, 1}, "Another": {"two", 3, 20}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, gateway := newMemory(), newGateway("sms", answer(down()))
				options := newOptions(memory, gateway)
				options.Gateways[0].Fingerprint = "one"
				engine := start(t, options)
				pass(time.Second)
				enqueue(t, engine, newMessages(5)...)
				pass(3*time.Minute + 100*time.Millisecond)
				before := len(gateway.sends())
				settings := options.Settings
				settings.Gateways = []dispatch.GatewayOptions{{Gateway: gateway, Fingerprint: test.fingerprint}}
				if err := engine.Reconfigure(settings); err != nil {
					t.Fatal(err)
				}
				enqueue(t, engine, newMessages(10)...)
				synctest.Wait()
				if more := len(gateway.sends()) - before; more < test.least || more > test.most {
					t.Errorf("%d attempts after the reload, want %d to %d", more, test.least, test.most)
				}
			})
		})
	}
}

func TestEngine_ReconfigureRemovesAGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gone, stays := newGateway("gone", slowAnswer(failing())), newGateway("stays", answer(accepted()))
		options := newOptions(memory, gone)
		options.Gateways = []dispatch.GatewayOptions{{Gateway: gone, MaxInFlight: 4}}
		engine := start(t, options)
		pass(500 * time.Millisecond)
		toGone := func(m *courier.Message) { m.Gateway = "gone" }
		enqueue(t, engine, newMessages(10, toGone, otp)...)
		synctest.Wait()
		settings := dispatch.Settings{Gateways: []dispatch.GatewayOptions{optionsOf(stays)}, MessageRetries: 3}
		if err := engine.Reconfigure(settings); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if g, s := len(gone.sends()), len(stays.sends()); g != 4 || s != 6 {
			t.Errorf("%d sent by the gateway that is gone and %d by the one that stays, want 4 and 6", g, s)
		}
		late := newMessage(toGone)
		enqueue(t, engine, late)
		pass(time.Minute)
		if got := memory.statuses()[courier.StatusSent]; got != 11 {
			t.Errorf("%d of 11 sent: %v", got, memory.statuses())
		}
	})
}

func TestEngine_ReconfigureAddsAGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		options := newOptions(memory, nil)
		options.Gateways = nil
		options.Registerer = prometheus.NewPedanticRegistry()
		engine := start(t, options)
		waiting := newMessage()
		memory.put(waiting)
		pass(time.Minute)
		wantStatus(t, memory, waiting, courier.StatusQueued)
		settings := dispatch.Settings{Gateways: []dispatch.GatewayOptions{optionsOf(newGateway("new", answer(accepted())))}}
		if err := engine.Reconfigure(settings); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantStatus(t, memory, waiting, courier.StatusSent)
	})
}

func TestEngine_ReconfigureRefusesWrongSettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		engine := start(t, newOptions(memory, gateway))
		pass(time.Second)
		if err := engine.Reconfigure(dispatch.Settings{MessageRetries: -1}); err == nil {
			t.Error("wrong settings were taken")
		}
		m := newMessage()
		enqueue(t, engine, m)
		synctest.Wait()
		wantStatus(t, memory, m, courier.StatusSent)
	})
}

func TestNew_RefusesWrongOptions(t *testing.T) {
	t.Parallel()
	gateway := newGateway("sms", answer(accepted()))
	tests := map[string]func(*dispatch.Options){
		"NoStore":         func(o *dispatch.Options) { o.Store = nil },
		"NoNode":          func(o *dispatch.Options) { o.Node = "" },
		"NegativeRetries": func(o *dispatch.Options) { o.MessageRetries = -1 },
		"UnknownPolicy":   func(o *dispatch.Options) { o.OnUnknown = "maybe" },
		"RetryMaxTooLow":  func(o *dispatch.Options) { o.Retry = dispatch.Retry{Initial: time.Minute, Max: time.Second} },
		"NoGateway":       func(o *dispatch.Options) { o.Gateways = []dispatch.GatewayOptions{{}} },
		"SameName":        func(o *dispatch.Options) { o.Gateways = append(o.Gateways, optionsOf(gateway)) },
		"NoName":          func(o *dispatch.Options) { o.Gateways = []dispatch.GatewayOptions{optionsOf(newGateway("", nil))} },
		"NegativeLimit":   func(o *dispatch.Options) { o.Gateways[0].MaxInFlight = -1 },
		"NegativeTimeout": func(o *dispatch.Options) { o.Gateways[0].Timeout = -1 },
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := newOptions(newMemory(), gateway)
			edit(&options)
			if _, err := newEngine(options); err == nil {
				t.Error("the options were taken")
			}
		})
	}
}
