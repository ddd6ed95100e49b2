package dispatch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/store"
)

func TestEngine_EnqueueGoesStraightToTheGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		engine := start(t, newOptions(memory, gateway))
		pass(time.Second)
		claims := memory.count("claim")
		m := newMessage()
		enqueue(t, engine, m)
		synctest.Wait()
		if sent := gateway.sendsOf(m.ID); len(sent) != 1 || !sent[0].Equal(time.Now()) {
			t.Errorf("sent at %v, want once and now", sent)
		}
		wantStatus(t, memory, m, courier.StatusSent)
		if more := memory.count("claim") - claims; more != 0 {
			t.Errorf("%d claims were made for a message that was stored leased", more)
		}
	})
}

func TestEngine_EnqueueAnswersWithTheAcceptedMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine := start(t, newOptions(newMemory(), newGateway("sms", answer(accepted()))))
		pass(time.Second)
		m := newMessage(func(m *courier.Message) { m.Gateway, m.NextAttemptAt = "", time.Time{} })
		results, err := engine.Enqueue(t.Context(), []*courier.Message{m})
		if err != nil {
			t.Fatal(err)
		}
		got := results[0].Message
		if got.Status != courier.StatusQueued || got.Gateway != "sms" || got.Lease != (courier.Lease{}) {
			t.Errorf("answer is %s for gateway %q with lease %v, want queued for sms without one", got.Status, got.Gateway, got.Lease)
		}
	})
}

func TestEngine_EnqueueKeepsAScheduledMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		engine := start(t, newOptions(memory, gateway))
		at := time.Now().Add(90 * time.Minute)
		m := newMessage(func(m *courier.Message) { m.NextAttemptAt = at.UTC() })
		enqueue(t, engine, m)
		pass(2 * time.Hour)
		if sent := gateway.sendsOf(m.ID); len(sent) != 1 || !sent[0].Equal(at) {
			t.Errorf("sent at %v, want once at %v", sent, at)
		}
	})
}

func TestEngine_DuplicateGivesItsSlotBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		options := newOptions(memory, gateway)
		options.Gateways[0].MaxInFlight = 2
		engine := start(t, options)
		pass(time.Second)
		for range 10 {
			m := newMessage(func(m *courier.Message) { m.IdempotencyKey = "key" })
			if _, err := engine.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		conflict := newMessage(func(m *courier.Message) { m.IdempotencyKey, m.Fingerprint = "key", [32]byte{1} })
		results, err := engine.Enqueue(t.Context(), []*courier.Message{conflict})
		if err != nil || !errors.Is(results[0].Err, store.ErrIdempotencyConflict) {
			t.Errorf("other content: %v, %v, want a conflict", results, err)
		}
		claims := memory.count("claim")
		fresh := newMessage()
		enqueue(t, engine, fresh)
		synctest.Wait()
		wantStatus(t, memory, fresh, courier.StatusSent)
		if sent := len(gateway.sends()); sent != 2 || memory.count("claim") != claims {
			t.Errorf("%d sent with %d claims, want 2 with none", sent, memory.count("claim")-claims)
		}
	})
}

func TestEngine_NewMessagesWaitBehindOlderOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			<-time.After(time.Second)
			return accepted()
		})
		options := newOptions(memory, gateway)
		options.Gateways[0].MaxInFlight = 2
		engine := start(t, options)
		var order []courier.ID
		for range 30 {
			m := newMessage()
			order = append(order, m.ID)
			enqueue(t, engine, m)
			pass(100 * time.Millisecond)
		}
		pass(time.Minute)
		sends := gateway.sends()
		if len(sends) != len(order) {
			t.Fatalf("%d sent, want %d", len(sends), len(order))
		}
		for i := range sends {
			if i%2 == 0 && sends[i].id != order[i] && sends[i].id != order[i+1] {
				t.Fatalf("message %d was not sent in its turn", i)
			}
		}
	})
}

func TestEngine_EnqueueRefusesWhenNotRunning(t *testing.T) {
	t.Parallel()
	engine, err := newEngine(newOptions(newMemory(), newGateway("sms", answer(accepted()))))
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(when string) {
		if _, err := engine.Enqueue(t.Context(), newMessages(1)); courier.CodeOf(err) != courier.CodeShuttingDown {
			t.Errorf("%s: %v, want code shutting_down", when, err)
		}
		if engine.Ready() == nil {
			t.Errorf("%s: ready", when)
		}
	}
	refuse("before start")
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := engine.Ready(); err != nil {
		t.Errorf("running: %v", err)
	}
	if err := engine.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	refuse("after stop")
}

func TestEngine_EnqueueRefusesWithoutGateway(t *testing.T) {
	t.Parallel()
	options := newOptions(newMemory(), nil)
	options.Gateways = nil
	engine := start(t, options)
	if _, err := engine.Enqueue(t.Context(), newMessages(1)); courier.CodeOf(err) != courier.CodeSMSDisabled {
		t.Errorf("got %v, want code sms_disabled", err)
	}
}

// TestEngine_EnqueueWithoutItsCaller loses the answer of the store, as the caller left while
// it wrote: the lease of what was stored is given back, and the message sent.
func TestEngine_EnqueueWithoutItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		engine := start(t, newOptions(memory, gateway))
		pass(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		m := newMessage()
		if _, err := engine.Enqueue(ctx, []*courier.Message{m}); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		pass(time.Second)
		wantStatus(t, memory, m, courier.StatusSent)
	})
}
