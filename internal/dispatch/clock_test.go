package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
)

// TestEngine_StoreClockIsSetBack moves the clock of the store, as a failover to another
// server does: nothing sleeps for as long as the clocks differ.
func TestEngine_StoreClockIsSetBack(t *testing.T) {
	t.Parallel()
	for name, skip := range map[string]time.Duration{"Back": -30 * time.Second, "Forward": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, clock, log := newMemory(), &stoppable{}, &logBuffer{}
				gateway, current := switchGateway(down())
				options := newOptions(memory, gateway)
				options.NowFunc = clock.now
				log.install(&options)
				engine := start(t, options)
				pass(time.Second)
				enqueue(t, engine, newMessages(5)...)
				pass(10 * time.Second)
				clock.skip(skip)
				current(accepted())
				var fresh []*courier.Message
				for range 4 {
					m := newMessage(func(m *courier.Message) { m.CreatedAt, m.NextAttemptAt = clock.now(), clock.now() })
					fresh = append(fresh, m)
					enqueue(t, engine, m)
					pass(2 * time.Second)
				}
				for _, m := range fresh {
					wantStatus(t, memory, m, courier.StatusSent)
					a := memory.tried(m.ID)[0]
					if a.StartedAt.Before(m.CreatedAt) || a.StartedAt.Sub(m.CreatedAt) > 10*time.Second {
						t.Errorf("attempt began at %s, the message came at %s", a.StartedAt, m.CreatedAt)
					}
				}
				for _, line := range log.lines(t, "attempt") {
					if waited, _ := line["queue_time"].(float64); waited < 0 {
						t.Errorf("a message waited %v", waited)
					}
				}
				pass(40 * time.Second)
				if got := memory.statuses()[courier.StatusSent]; got != 9 {
					t.Errorf("%d of 9 sent", got)
				}
			})
		})
	}
}

// TestEngine_AttemptTimes has the machine's clock differ from the store's: what is
// stored is on the store's, and durations are nobody's.
func TestEngine_AttemptTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := &stoppable{}
		clock.skip(-time.Hour)
		m := newMessage(func(m *courier.Message) { m.CreatedAt, m.NextAttemptAt = clock.now(), clock.now() })
		memory := run(t, newGateway("sms", slowAnswer(accepted())), m, 3*time.Second, func(o *dispatch.Options) { o.NowFunc = clock.now })
		a := memory.tried(m.ID)[0]
		if waited := a.StartedAt.Sub(m.CreatedAt); waited < 0 || waited > 2*time.Second || a.Duration != time.Second {
			t.Errorf("attempt began %s after the message came and took %s", waited, a.Duration)
		}
	})
}
