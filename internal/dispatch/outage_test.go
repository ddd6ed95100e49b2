package dispatch_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"courier"
)

// switchGateway answers with what was set last.
func switchGateway(first courier.Attempt) (*fakeGateway, func(courier.Attempt)) {
	var current atomic.Pointer[courier.Attempt]
	current.Store(&first)
	gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt { return *current.Load() })
	return gateway, func(next courier.Attempt) { current.Store(&next) }
}

func TestEngine_GatewayDownSpendsNoAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, memory := &logBuffer{}, newMemory()
		gateway, current := switchGateway(down())
		options := newOptions(memory, gateway)
		options.MessageRetries = 0
		log.install(&options)
		engine := start(t, options)
		pass(time.Second + 999) // stores keep microseconds: what they read back began earlier
		messages := newMessages(200)
		enqueue(t, engine, messages...)
		pass(10 * time.Minute)
		if got := memory.statuses()[courier.StatusQueued]; got != 200 {
			t.Fatalf("%d of 200 are queued, %v", got, memory.statuses())
		}
		// At most 64 at once before the breaker opened, 14 probes in the first 20 s, and then
		// one each 5 s.
		if sent := len(gateway.sends()); sent > 64+14+580/5 {
			t.Errorf("%d attempts in ten minutes", sent)
		}
		current(accepted())
		pass(40 * time.Second)
		if got := memory.statuses()[courier.StatusSent]; got != 200 {
			t.Errorf("%d of 200 sent after the gateway came back, %v", got, memory.statuses())
		}
		opened := log.lines(t, "gateway does not take messages; they wait and no attempts are spent")
		closed := log.lines(t, "gateway takes messages again")
		if len(opened) != 1 || len(closed) != 1 || opened[0]["next_step"] == "" {
			t.Errorf("%d lines that it opened and %d that it closed, want 1 each with a next step", len(opened), len(closed))
		}
		for _, m := range messages {
			if row := memory.message(m.ID); row.RetryCount != 0 {
				t.Fatalf("retry count is %d, want 0", row.RetryCount)
			}
		}
	})
}

func TestEngine_NewMessagesWaitWhileTheGatewayIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway, current := switchGateway(down())
		engine := start(t, newOptions(memory, gateway))
		pass(time.Second)
		enqueue(t, engine, newMessages(3)...)
		synctest.Wait()
		current(accepted())
		m := newMessage()
		enqueue(t, engine, m)
		synctest.Wait()
		wantStatus(t, memory, m, courier.StatusQueued)
		if sent := len(gateway.sends()); sent != 3 {
			t.Errorf("%d attempts while open, want the 3 that showed it", sent)
		}
		pass(time.Second)
		wantStatus(t, memory, m, courier.StatusSent)
	})
}

func TestEngine_ExpiryGoesOnWhileTheGatewayIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway, _ := switchGateway(down())
		engine := start(t, newOptions(memory, gateway))
		pass(time.Second)
		m := newMessage(func(m *courier.Message) { m.ExpiresAt = time.Now().Add(time.Minute).UTC() })
		enqueue(t, engine, m)
		pass(59 * time.Second)
		wantStatus(t, memory, m, courier.StatusQueued)
		pass(2 * time.Second)
		wantStatus(t, memory, m, courier.StatusExpired)
	})
}

func TestEngine_PoisonDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway := newGateway("sms", func(_ context.Context, m *courier.Message) courier.Attempt {
			if m.From == "poison" {
				return failing()
			}
			return accepted()
		})
		options := newOptions(memory, gateway)
		options.MessageRetries = 1000
		options.Retry.Max = time.Second
		engine := start(t, options)
		pass(time.Second)
		enqueue(t, engine, newMessages(2, func(m *courier.Message) { m.From = "poison" })...)
		pass(time.Minute)
		m := newMessage()
		enqueue(t, engine, m)
		synctest.Wait()
		wantStatus(t, memory, m, courier.StatusSent)
	})
}

func TestEngine_RejectedProbeShowsTheGatewayAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway, current := switchGateway(down())
		engine := start(t, newOptions(memory, gateway))
		pass(time.Second)
		first := newMessage()
		enqueue(t, engine, first)
		synctest.Wait()
		others := newMessages(10)
		enqueue(t, engine, others...)
		current(rejected())
		pass(time.Second)
		if got := memory.statuses()[courier.StatusRejected]; got != 11 {
			t.Errorf("%d of 11 judged after the probe, %v", got, memory.statuses())
		}
	})
}

func TestEngine_OneGatewayDownDelaysNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		broken, well := newGateway("broken", answer(down())), newGateway("well", answer(accepted()))
		options := newOptions(memory, broken)
		options.Gateways = append(options.Gateways, optionsOf(well))
		engine := start(t, options)
		pass(time.Second)
		enqueue(t, engine, newMessages(100, func(m *courier.Message) { m.Gateway = "broken" })...)
		m := newMessage(func(m *courier.Message) { m.Gateway = "well" })
		enqueue(t, engine, m)
		synctest.Wait()
		wantStatus(t, memory, m, courier.StatusSent)
	})
}

func TestEngine_LoneMessageOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		began := time.Now()
		gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			if time.Since(began) < 21*time.Second {
				return refused()
			}
			return accepted()
		})
		options := newOptions(memory, gateway)
		options.RandFunc = func() float64 { return 0.999999 }
		engine := start(t, options)
		pass(time.Second)
		m := newMessage()
		enqueue(t, engine, m)
		pass(time.Minute)
		wantStatus(t, memory, m, courier.StatusSent)
	})
}

func TestEngine_OldestGoesFirstAfterAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway, current := switchGateway(down())
		options := newOptions(memory, gateway)
		options.Gateways[0].MaxInFlight = 1
		engine := start(t, options)
		pass(time.Second)
		enqueue(t, engine, newMessages(3)...)
		pass(10 * time.Millisecond)
		var want []courier.ID
		for range 20 {
			m := newMessage()
			want = append(want, m.ID)
			enqueue(t, engine, m)
			pass(time.Millisecond)
		}
		current(accepted())
		pass(time.Minute)
		var got []courier.ID
		for _, s := range gateway.sends() {
			if slices.Contains(want, s.id) {
				got = append(got, s.id)
			}
		}
		probe := got[0] // it may be any of them
		want = append([]courier.ID{probe}, slices.DeleteFunc(want, func(id courier.ID) bool { return id == probe })...)
		if !slices.Equal(got, want) {
			t.Error("messages were not sent in the order of their acceptance")
		}
	})
}

func TestEngine_ClaimedMessagesAreGivenBackWhenTheGatewayGoesDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		slow := &slowStore{memory: memory, claiming: make(chan struct{}, 1), goOn: make(chan struct{})}
		gateway := newGateway("sms", slowAnswer(down()))
		engine := start(t, newOptions(slow, gateway))
		synctest.Wait()
		enqueue(t, engine, newMessages(3)...)
		synctest.Wait()
		m := newMessage()
		memory.put(m)
		engine.Wake()
		<-slow.claiming
		pass(1200 * time.Millisecond) // the breaker is open from 1 s to 1.5 s
		slow.goOn <- struct{}{}
		synctest.Wait()
		wantStatus(t, memory, m, courier.StatusQueued)
		if sent := len(gateway.sends()); sent != 3 {
			t.Errorf("%d attempts, want only those before the gateway was down", sent)
		}
		if row := memory.message(m.ID); row.SendCount != 0 || !row.NextAttemptAt.Equal(m.NextAttemptAt) {
			t.Errorf("message was attempted %d times and is due %s, want it as it was", row.SendCount, row.NextAttemptAt)
		}
		close(slow.goOn)
		go func() {
			for range slow.claiming {
			}
		}()
		pass(time.Second)
		if err := engine.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		close(slow.claiming)
	})
}
