package dispatch_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// history is one random run of an engine: messages of every kind, a gateway
// and a store that fail at random, reconfigurations and a restart.
type history struct {
	random   *rand.Rand
	memory   *memory
	gateway  *fakeGateway
	other    *fakeGateway
	options  dispatch.Options
	messages []*courier.Message
}

func newHistory(seed uint64) *history {
	h := &history{random: rand.New(rand.NewPCG(seed, 1)), memory: newMemory()}
	h.gateway, h.other = newGateway("sms", h.send), newGateway("other", h.send)
	h.options = newOptions(h.memory, h.gateway)
	h.options.Gateways = []dispatch.GatewayOptions{{Gateway: h.gateway, MaxInFlight: 1 + h.random.IntN(16)}, {Gateway: h.other, MaxInFlight: 4}}
	h.options.RandFunc = rand.Float64
	h.options.MessageRetries = h.random.IntN(4)
	if h.random.IntN(2) == 0 {
		h.options.OnUnknown = dispatch.HoldUnknown
	}
	h.reroute()
	return h
}

// reroute changes the routes and the policies of the gateways.
func (h *history) reroute() {
	codes, weights := via("codes", "other"), via("weights", "sms", "other")
	codes.To, weights.Gateways[0].Weight = []string{"+1206555010"}, 1
	h.options.Routes = [][]dispatch.Route{nil, {codes, via("rest", "sms")}, {via("all", "other", "sms")}, {codes, weights}}[h.random.IntN(4)]
	h.options.Gateways[0].MaxRate = []float64{0, 50}[h.random.IntN(2)]
}

// dice returns a number below n for what runs concurrently, in no order that
// could be repeated.
func dice(n int) int {
	return rand.IntN(n)
}

// send answers at random, after a random time. Each call draws from its own source.
func (h *history) send(ctx context.Context, m *courier.Message) courier.Attempt {
	select {
	case <-time.After(time.Duration(dice(300)) * time.Millisecond):
	case <-ctx.Done():
		return unknown()
	}
	answers := []courier.Attempt{accepted(), accepted(), accepted(), accepted(), failing(), refused(), rejected(), down(), unknown(), limited(), ambiguous(), guessed(), {}}
	if m.From == "panic" {
		panic("as asked")
	}
	return answers[dice(len(answers))]
}

// fault fails one in eight calls, before or after they were done.
func (h *history) fault(op string, after bool) error {
	if op == "enqueue" && after || op == "claim" && after || dice(16) != 0 {
		return nil
	}
	return store.ErrUnavailable
}

// message returns a random message.
func (h *history) message() *courier.Message {
	return newMessage(func(m *courier.Message) {
		m.Gateway = []string{"sms", "sms", "other", "gone", ""}[h.random.IntN(5)]
		switch h.random.IntN(10) {
		case 0:
			m.From = "panic"
		case 1:
			m.ExpiresAt = time.Now().Add(time.Duration(h.random.IntN(5000)) * time.Millisecond)
		case 2:
			m.NextAttemptAt = time.Now().Add(time.Duration(h.random.IntN(20000)) * time.Millisecond)
		}
	})
}

// live runs an engine for a while and stops it.
func (h *history) live(t *testing.T, node string) {
	t.Helper()
	h.options.Node = node
	engine := startBare(t, h.options)
	h.memory.fail(h.fault)
	for range 40 {
		batch := make([]*courier.Message, 1+h.random.IntN(8))
		for i := range batch {
			batch[i] = h.message()
		}
		if _, err := engine.Enqueue(t.Context(), batch); err == nil {
			h.messages = append(h.messages, batch...)
		} else if !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
		if h.random.IntN(10) == 0 {
			h.reroute()
			if err := engine.Reconfigure(h.options.Settings); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Duration(h.random.IntN(400)) * time.Millisecond)
	}
	h.memory.fail(nil)
	stop(t, engine)
}

// finish runs an engine without faults until everything is decided.
func (h *history) finish(t *testing.T) {
	t.Helper()
	h.gateway.sendFunc, h.other.sendFunc = answer(accepted()), answer(accepted())
	h.options.Node = "last"
	engine := startBare(t, h.options)
	pass(5 * time.Minute)
	stop(t, engine)
}

// check compares what happened with the invariants.
func (h *history) check(t *testing.T) {
	t.Helper()
	if h.gateway.twice || h.other.twice {
		t.Error("a message was attempted twice at once")
	}
	if h.memory.late > h.memory.count("settle")*64 {
		t.Error("settlements were late without end")
	}
	for _, m := range h.messages {
		row, counted := h.memory.message(m.ID), 0
		for _, attempt := range h.memory.tried(m.ID) {
			// A refusal counts too, but is forgiven when it turns out to be the gateway's fault.
			if attempt.Outcome != courier.OutcomeGatewayDown && attempt.Class != courier.ClassThrottled && attempt.HTTPStatus != 403 {
				counted++
			}
		}
		if !row.Status.Final() && row.Status != courier.StatusSent && row.Status != courier.StatusUnknown {
			t.Errorf("message is %s at the end", row.Status)
		}
		if counted > h.options.MessageRetries+1 {
			t.Errorf("%d attempts with %d retries", counted, h.options.MessageRetries)
		}
		sent := len(h.gateway.sendsOf(m.ID)) + len(h.other.sendsOf(m.ID))
		if kept := len(h.memory.tried(m.ID)); sent != kept {
			t.Errorf("%d attempts were made and %d kept", sent, kept)
		}
	}
}

func TestEngine_RandomHistoriesKeepTheInvariants(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			h := newHistory(seed)
			h.live(t, "first")
			if left := h.memory.statuses()[courier.StatusProcessing]; left != 0 {
				t.Errorf("seed %d: %d messages are processing after a stop", seed, left)
			}
			h.live(t, "second")
			h.finish(t)
			synctest.Wait()
			h.check(t)
			if t.Failed() {
				t.Fatalf("seed %d: %v", seed, h.memory.statuses())
			}
		})
	}
}
