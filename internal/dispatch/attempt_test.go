package dispatch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
)

// run starts an engine on a gateway, enqueues a message and lets time go by.
func run(t *testing.T, g *fakeGateway, m *courier.Message, d time.Duration, edits ...func(*dispatch.Options)) *memory {
	t.Helper()
	memory := newMemory()
	options := newOptions(memory, g)
	for _, edit := range edits {
		edit(&options)
	}
	engine := start(t, options)
	pass(time.Second)
	enqueue(t, engine, m)
	pass(d)
	return memory
}

func hold(o *dispatch.Options) { o.OnUnknown = dispatch.HoldUnknown }

func TestEngine_Outcomes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer   courier.Attempt
		edit     func(*dispatch.Options)
		status   courier.Status
		attempts int
	}{
		"Accepted":      {answer: accepted(), status: courier.StatusSent, attempts: 1},
		"Rejected":      {answer: rejected(), status: courier.StatusRejected, attempts: 1},
		"Retry":         {answer: failing(), status: courier.StatusAbandoned, attempts: 6},
		"RetryOnce":     {answer: failing(), edit: func(o *dispatch.Options) { o.MessageRetries = 1 }, status: courier.StatusAbandoned, attempts: 2},
		"RetryNever":    {answer: failing(), edit: func(o *dispatch.Options) { o.MessageRetries = 0 }, status: courier.StatusAbandoned, attempts: 1},
		"UnknownResend": {answer: unknown(), status: courier.StatusAbandoned, attempts: 6},
		"UnknownHold":   {answer: unknown(), edit: hold, status: courier.StatusUnknown, attempts: 1},
		"NoOutcome":     {answer: courier.Attempt{}, edit: hold, status: courier.StatusUnknown, attempts: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				gateway, m := newGateway("sms", answer(test.answer)), newMessage()
				edit := test.edit
				if edit == nil {
					edit = func(*dispatch.Options) {}
				}
				memory := run(t, gateway, m, 10*time.Minute, edit)
				wantStatus(t, memory, m, test.status)
				tried := memory.tried(m.ID)
				if len(tried) != test.attempts || len(gateway.sends()) != test.attempts {
					t.Fatalf("%d attempts kept, %d made, want %d", len(tried), len(gateway.sends()), test.attempts)
				}
				for i, attempt := range tried {
					if attempt.Number != i+1 || attempt.Gateway != "sms" || attempt.StartedAt.IsZero() || attempt.Outcome == "" {
						t.Errorf("attempt %d is %+v, want its number, gateway, start and outcome", i+1, attempt)
					}
				}
			})
		})
	}
}

// TestEngine_WhatCannotBeItsFaultCostsAMessageNothing tries a message again until it
// expires, with growing waits, when the gateway is away or takes less for now.
func TestEngine_WhatCannotBeItsFaultCostsAMessageNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer  courier.Attempt
		longest time.Duration
	}{
		"Refused":   {refused(), 7 * time.Second},
		"Throttled": {limited(), 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				gateway, current := switchGateway(test.answer)
				m := newMessage()
				memory := run(t, gateway, m, 10*time.Minute, func(o *dispatch.Options) { o.MessageRetries = 0 })
				row := memory.message(m.ID)
				if row.Status != courier.StatusQueued || row.RetryCount != 0 {
					t.Errorf("message is %s with %d tries spent, want it queued", row.Status, row.RetryCount)
				}
				sent := gateway.sendsOf(m.ID)
				if len(sent) < int(10*time.Minute/test.longest) || len(sent) > 150 {
					t.Errorf("%d attempts in ten minutes", len(sent))
				}
				if first, last := sent[1].Sub(sent[0]), sent[len(sent)-1].Sub(sent[len(sent)-2]); first > time.Second || last < 4*first {
					t.Errorf("waits are %s at first and %s at last, want them to grow", first, last)
				}
				current(accepted())
				pass(test.longest)
				wantStatus(t, memory, m, courier.StatusSent)
			})
		})
	}
}

func TestEngine_RetriesWaitLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway, m := newGateway("sms", answer(failing())), newMessage()
		run(t, gateway, m, 10*time.Minute)
		sent := gateway.sendsOf(m.ID)
		want := []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 4500 * time.Millisecond, 13500 * time.Millisecond, 30 * time.Second}
		for i, wait := range want {
			if got := sent[i+1].Sub(sent[i]); got != wait {
				t.Errorf("retry %d came after %s, want %s", i+1, got, wait)
			}
		}
	})
}

func TestEngine_RetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := failing()
		slow.RetryAfter = 45 * time.Second
		gateway, m := newGateway("sms", answer(slow)), newMessage()
		run(t, gateway, m, time.Minute)
		if sent := gateway.sendsOf(m.ID); len(sent) != 2 || sent[1].Sub(sent[0]) != 45*time.Second {
			t.Errorf("sent at %v, want twice with 45 s between", sent)
		}
	})
}

func TestEngine_RenderFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err      error
		status   courier.Status
		outcome  courier.Outcome
		class    courier.Class
		attempts int
	}{
		"Canceled":  {courier.ErrTemplateCanceled, courier.StatusCanceled, courier.OutcomeCanceled, "", 1},
		"Permanent": {&courier.RenderError{Err: errors.New("no field code")}, courier.StatusRejected, courier.OutcomeRejected, courier.ClassTemplateError, 1},
		"Temporary": {&courier.RenderError{Temporary: true, Err: errors.New("out of time")}, courier.StatusAbandoned, courier.OutcomeRetry, courier.ClassTemplateError, 6},
		"NotThere":  {&courier.RenderError{Temporary: true, Scope: courier.ScopeGateway, Err: errors.New("no template")}, courier.StatusQueued, courier.OutcomeGatewayDown, courier.ClassTemplateError, 0},
		"Other":     {errors.New("who knows"), courier.StatusAbandoned, courier.OutcomeRetry, courier.ClassTemplateError, 6},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				gateway, m := newGateway("sms", answer(accepted())), newMessage()
				gateway.renderFunc = func(context.Context, *courier.Message) error { return test.err }
				memory := run(t, gateway, m, 10*time.Minute)
				wantStatus(t, memory, m, test.status)
				tried := memory.tried(m.ID)
				if test.attempts == 0 && len(tried) > 1 && tried[0].Outcome == test.outcome && tried[0].Class == test.class {
					return // however often it was tried, it waits
				}
				if len(tried) != test.attempts || len(gateway.sends()) != 0 {
					t.Fatalf("%d attempts, %d sent, want %d and none", len(tried), len(gateway.sends()), test.attempts)
				}
				if tried[0].Outcome != test.outcome || tried[0].Class != test.class {
					t.Errorf("attempt is %s %s, want %s %s", tried[0].Outcome, tried[0].Class, test.outcome, test.class)
				}
			})
		})
	}
}

func TestEngine_PanicsAreContained(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		render bool
		edit   func(*dispatch.Options)
		status courier.Status
		class  courier.Class
	}{
		"RenderIsRetried": {true, hold, courier.StatusAbandoned, courier.ClassTemplateError},
		"SendIsUnknown":   {false, hold, courier.StatusUnknown, courier.ClassOutcomeUnknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := &logBuffer{}
				gateway, m := newGateway("sms", func(_ context.Context, m *courier.Message) courier.Attempt { panic("secret " + m.Body) }), newMessage()
				if test.render {
					gateway.renderFunc = func(_ context.Context, m *courier.Message) error { panic("secret " + m.Body) }
				}
				memory := run(t, gateway, m, 10*time.Minute, test.edit, log.install)
				wantStatus(t, memory, m, test.status)
				if tried := memory.tried(m.ID); len(tried) == 0 || tried[0].Class != test.class {
					t.Errorf("attempts are %+v, want class %s", tried, test.class)
				}
				text := log.String()
				if !strings.Contains(text, "gateway panicked") || !strings.Contains(text, "attempt_test.go") {
					t.Error("the log has no stack")
				}
				if strings.Contains(text, m.Body) || strings.Contains(text, "secret") {
					t.Error("the log has the value of the panic")
				}
			})
		})
	}
}

func TestEngine_AttemptIsBoundedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway, m := newGateway("sms", func(ctx context.Context, _ *courier.Message) courier.Attempt {
			<-ctx.Done()
			return unknown()
		}), newMessage()
		memory := run(t, gateway, m, 3*time.Second, hold, func(o *dispatch.Options) { o.Gateways[0].Timeout = 2 * time.Second })
		wantStatus(t, memory, m, courier.StatusUnknown)
		if tried := memory.tried(m.ID); len(tried) != 1 || tried[0].Duration != 2*time.Second {
			t.Errorf("attempts are %+v, want one of 2 s", tried)
		}
	})
}

func TestEngine_ExpiredMessagesAreNotAttempted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway := newGateway("sms", answer(accepted()))
		m := newMessage(func(m *courier.Message) { m.ExpiresAt = time.Now().Add(time.Second).UTC() })
		memory := run(t, gateway, m, time.Millisecond)
		wantStatus(t, memory, m, courier.StatusExpired)
		if len(gateway.sends()) != 0 || len(memory.tried(m.ID)) != 0 {
			t.Error("an expired message was attempted")
		}
	})
}

func TestEngine_RetryThatCannotBeExpiresInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := failing()
		slow.RetryAfter = time.Minute
		gateway := newGateway("sms", answer(slow))
		m := newMessage(func(m *courier.Message) { m.ExpiresAt = time.Now().Add(11 * time.Second).UTC() })
		memory := run(t, gateway, m, 9*time.Second)
		wantStatus(t, memory, m, courier.StatusQueued)
		pass(2 * time.Second)
		wantStatus(t, memory, m, courier.StatusExpired)
		if sent := len(gateway.sends()); sent != 1 {
			t.Errorf("%d attempts, want 1", sent)
		}
	})
}

func TestEngine_SweepsExpiredMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		later := newMessages(1200, func(m *courier.Message) {
			m.NextAttemptAt = time.Now().Add(time.Hour)
			m.ExpiresAt = time.Now()
		})
		memory.put(later...)
		start(t, newOptions(memory, newGateway("sms", answer(accepted()))))
		synctest.Wait()
		if got := memory.statuses()[courier.StatusExpired]; got != 1200 {
			t.Errorf("%d of 1200 expired at start", got)
		}
		last := newMessage(func(m *courier.Message) {
			m.NextAttemptAt = time.Now().Add(time.Hour)
			m.ExpiresAt = time.Now().Add(3 * time.Second)
		})
		memory.put(last)
		pass(4 * time.Second)
		wantStatus(t, memory, last, courier.StatusExpired)
	})
}

func TestEngine_LimitsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			<-time.After(100 * time.Millisecond)
			return accepted()
		})
		options := newOptions(memory, gateway)
		options.Gateways[0].MaxInFlight = 7
		engine := start(t, options)
		enqueue(t, engine, newMessages(70)...)
		pass(1200 * time.Millisecond)
		if got := memory.statuses()[courier.StatusSent]; got != 70 || gateway.peak != 7 {
			t.Errorf("%d sent with %d at most in flight, want 70 with 7", got, gateway.peak)
		}
	})
}

func TestEngine_ThrottleLowersTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const capacity = 4
		memory := newMemory()
		var gateway *fakeGateway
		gateway = newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			<-time.After(50 * time.Millisecond)
			gateway.mu.Lock()
			defer gateway.mu.Unlock()
			if len(gateway.busy) > capacity {
				return limited()
			}
			return accepted()
		})
		options := newOptions(memory, gateway)
		options.MessageRetries = 5
		engine := start(t, options)
		enqueue(t, engine, newMessages(400)...)
		pass(15 * time.Minute)
		if got := memory.statuses()[courier.StatusSent]; got != 400 {
			t.Errorf("%d of 400 sent", got)
		}
		if refused := len(gateway.sends()) - 400; refused > 250 {
			t.Errorf("%d attempts were refused", refused)
		}
	})
}

func TestEngine_SlowMessagesDelayNoOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway := newGateway("sms", func(ctx context.Context, m *courier.Message) courier.Attempt {
			if m.From == "slow" {
				<-ctx.Done()
				return unknown()
			}
			return accepted()
		})
		engine := start(t, newOptions(memory, gateway))
		pass(time.Second)
		enqueue(t, engine, newMessages(20, func(m *courier.Message) { m.From = "slow" })...)
		quick := newMessages(500)
		enqueue(t, engine, quick...)
		synctest.Wait()
		for _, m := range quick {
			if at := gateway.sendsOf(m.ID); len(at) != 1 || !at[0].Equal(time.Now()) {
				t.Fatalf("a quick message was sent at %v, want now", at)
			}
		}
	})
}
