package dispatch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// code returns a code for a recipient, which the next one takes the place of.
func code(to string) *courier.Message {
	return newMessage(func(m *courier.Message) {
		m.To, m.SupersedeKey, m.Body, m.UpdatedAt = to, "code-"+to, m.ID.String(), m.CreatedAt
		m.ExpiresAt = m.CreatedAt.Add(5 * time.Minute)
	})
}

func supersedeOptions(s dispatch.Store, gateways ...*fakeGateway) dispatch.Options {
	options := newOptions(s, gateways[0])
	options.Gateways, options.SupersedeWait = nil, 2*time.Second
	for _, g := range gateways {
		options.Gateways = append(options.Gateways, optionsOf(g))
	}
	return options
}

// TestSupersede_TheNewestLandsLast looks at what becomes of a message in flight.
func TestSupersede_TheNewestLandsLast(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer courier.Attempt
		after  time.Duration
		want   courier.Status
		sentAt time.Duration
	}{
		"Accepted":    {accepted(), 500 * time.Millisecond, courier.StatusSent, 500 * time.Millisecond},
		"Retry":       {failing(), 500 * time.Millisecond, courier.StatusCanceled, 500 * time.Millisecond},
		"Throttled":   {limited(), 500 * time.Millisecond, courier.StatusCanceled, 500 * time.Millisecond},
		"GatewayDown": {down(), 500 * time.Millisecond, courier.StatusCanceled, 500 * time.Millisecond},
		"Unknown":     {unknown(), 500 * time.Millisecond, courier.StatusCanceled, 500 * time.Millisecond},
		"Slow":        {failing(), 8 * time.Second, courier.StatusCanceled, 2 * time.Second},
		"SlowAndSent": {accepted(), 8 * time.Second, courier.StatusSent, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				old, newest := code(number(1)), code(number(1))
				send := func(_ context.Context, m *courier.Message) courier.Attempt {
					if m.ID == newest.ID {
						return accepted()
					}
					<-time.After(test.after)
					return test.answer
				}
				memory, gateway, other := newMemory(), newGateway("sms", send), newGateway("other", send)
				engine := start(t, supersedeOptions(memory, gateway, other))
				pass(time.Second)
				enqueue(t, engine, old)
				synctest.Wait()
				began := time.Now()
				enqueue(t, engine, newest)
				pass(time.Minute)
				wantStatus(t, memory, old, test.want)
				wantStatus(t, memory, newest, courier.StatusSent)
				sent := append(gateway.sendsOf(newest.ID), other.sendsOf(newest.ID)...)
				if len(sent) != 1 || sent[0].Sub(began).Round(10*time.Millisecond) != test.sentAt {
					t.Errorf("newest was sent at %v, want once after %s", sent, test.sentAt)
				}
				if again := len(gateway.sendsOf(old.ID)) + len(other.sendsOf(old.ID)); again != 1 {
					t.Errorf("the older was sent %d times", again)
				}
				if m := memory.message(old.ID); test.want == courier.StatusCanceled && (m.LastError.Class != courier.ClassSuperseded || m.SupersededBy != newest.ID) {
					t.Errorf("the older is %+v with %+v", m, m.LastError)
				}
			})
		})
	}
}

// TestSupersede_AfterAnOutage sends three codes each to many during an outage.
func TestSupersede_AfterAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var isUp atomic.Bool
		memory := newMemory()
		gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			if isUp.Load() {
				return accepted()
			}
			return refused()
		})
		engine := start(t, supersedeOptions(memory, gateway))
		newest := make(map[string]*courier.Message)
		for minute := range 10 {
			if minute%3 == 1 || minute == 9 {
				for i := range 100 {
					newest[number(i)] = code(number(i))
					enqueue(t, engine, newest[number(i)])
				}
			}
			pass(time.Minute)
		}
		before := len(gateway.sends())
		isUp.Store(true)
		pass(5 * time.Minute)
		sends := gateway.sends()[before:]
		if len(sends) != 100 {
			t.Errorf("%d requests after the outage, want 100", len(sends))
		}
		byID := make(map[courier.ID]*courier.Message)
		for _, m := range newest {
			byID[m.ID] = m
			wantStatus(t, memory, m, courier.StatusSent)
		}
		for _, s := range sends {
			if m := byID[s.id]; m == nil || m.Expired(s.at) {
				t.Errorf("%s was sent, which is old", s.id)
			}
		}
	})
}

// TestSupersede_HeldUpOnItsWay has a message leave later than the newer one waits.
func TestSupersede_HeldUpOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		old, newest := code(number(1)), code(number(1))
		gateway.renderFunc = func(_ context.Context, m *courier.Message) error {
			if m.ID == old.ID {
				<-time.After(3 * time.Second)
			}
			return nil
		}
		engine := start(t, supersedeOptions(memory, gateway))
		pass(time.Second)
		enqueue(t, engine, old)
		synctest.Wait()
		enqueue(t, engine, newest)
		pass(10 * time.Second)
		wantStatus(t, memory, old, courier.StatusCanceled)
		wantStatus(t, memory, newest, courier.StatusSent)
		if sends := gateway.sends(); len(sends) != 1 {
			t.Errorf("%d requests, want one", len(sends))
		}
	})
}

// TestSupersede_OfACallGivesTheRoomBack fills a gateway with what loses its place at once.
func TestSupersede_OfACallGivesTheRoomBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		options := supersedeOptions(memory, gateway)
		options.Gateways[0].MaxInFlight = 4
		registry := prometheus.NewRegistry()
		options.Registerer = registry
		engine := start(t, options)
		pass(time.Second)
		for range 5 {
			batch := []*courier.Message{code(number(1)), code(number(1)), code(number(1))}
			results, err := engine.Enqueue(t.Context(), batch)
			if err != nil || results[0].Message.Status != courier.StatusCanceled || results[2].Message.Status != courier.StatusQueued {
				t.Fatalf("answers are %+v, %v", results, err)
			}
			synctest.Wait()
			wantStatus(t, memory, batch[2], courier.StatusSent)
		}
		if sends := len(gateway.sends()); sends != 5 || engine.InFlight() != 0 {
			t.Errorf("%d requests, %d in flight, want 5 and none", sends, engine.InFlight())
		}
		if got := gather(t, registry)["courier_messages_superseded_total"]; got != 10 {
			t.Errorf("%v were superseded, want 10", got)
		}
	})
}

// TestNodes_SupersedeAcrossNodes has each code of a recipient come to another node.
func TestNodes_SupersedeAcrossNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		old, newest := code(number(1)), code(number(1))
		send := func(_ context.Context, m *courier.Message) courier.Attempt {
			if m.ID == newest.ID {
				return accepted()
			}
			<-time.After(700 * time.Millisecond)
			return failing()
		}
		edit := func(o *dispatch.Options) { o.SupersedeWait = 2 * time.Second }
		a := startPeer(t, memory, "a", newGateway("sms", send), edit)
		b := startPeer(t, memory, "b", newGateway("sms", send), edit)
		pass(time.Second)
		enqueue(t, a.Engine, old)
		synctest.Wait()
		began := time.Now()
		enqueue(t, b.Engine, newest)
		pass(701 * time.Millisecond)
		memory.wakes <- store.Wake{Gateway: "sms"} // as a database does
		pass(10 * time.Second)
		wantStatus(t, memory, old, courier.StatusCanceled)
		wantStatus(t, memory, newest, courier.StatusSent)
		if sent := append(a.gateway.sendsOf(newest.ID), b.gateway.sendsOf(newest.ID)...); len(sent) != 1 || sent[0].Sub(began) > 900*time.Millisecond {
			t.Errorf("newest was sent at %v, want once the older is over", sent)
		}
	})
}
