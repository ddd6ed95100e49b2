package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
)

// TestEngine_QueuesSayWhatHoldsThem has codes and bulk wait for different reasons.
func TestEngine_QueuesSayWhatHoldsThem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		gateway *fakeGateway
		edit    func(*dispatch.Options)
		hold    dispatch.Hold
		class   courier.Class
	}{
		"Rate":    {newGateway("sms", answer(accepted())), limit(0.1), dispatch.HoldRate, ""},
		"Account": {newGateway("sms", answer(down())), nil, dispatch.HoldAccount, courier.ClassUnauthorized},
		"Breaker": {newGateway("sms", answer(refused())), nil, dispatch.HoldBreaker, courier.ClassNetworkError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				options := newOptions(newMemory(), test.gateway)
				if test.edit != nil {
					test.edit(&options)
				}
				engine := start(t, options)
				pass(time.Second)
				began := time.Now()
				enqueue(t, engine, newMessages(20, otp)...)
				pass(7 * time.Second)
				stats, err := options.Store.Stats(t.Context(), time.Now())
				queues := engine.QueueStates(stats.Queues)
				if err != nil || len(queues) != 1 {
					t.Fatalf("queues are %+v, %v", queues, err)
				}
				q := queues[0]
				if q.Lane != courier.LaneOTP || q.Gateway != "sms" || q.Count < 17 || q.OldestDueAt.Before(began) {
					t.Errorf("queue is %+v", q)
				}
				if due := !q.OldestDueAt.After(time.Now()); due && (q.Hold != test.hold || q.Class != test.class) {
					t.Errorf("codes are held by %q, %q, want %q, %q", q.Hold, q.Class, test.hold, test.class)
				}
			})
		})
	}
}

// TestEngine_CodesAreNotSentTooLate has nobody send until less is left of a code than a
// person needs: it expires, says why, and is never sent.
func TestEngine_CodesAreNotSentTooLate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		life, wait time.Duration
		lane       courier.Lane
		want       courier.Status
	}{
		"InTime":    {time.Minute, 38 * time.Second, courier.LaneOTP, courier.StatusSent},
		"TooLate":   {time.Minute, 42 * time.Second, courier.LaneOTP, courier.StatusExpired},
		"ShortLife": {25 * time.Second, 4 * time.Second, courier.LaneOTP, courier.StatusSent},
		"ShortOld":  {25 * time.Second, 6 * time.Second, courier.LaneOTP, courier.StatusExpired},
		"NeverSent": {19 * time.Second, 0, courier.LaneOTP, courier.StatusExpired},
		"NoCode":    {time.Minute, 55 * time.Second, courier.LaneNormal, courier.StatusSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
				m := newMessage(func(m *courier.Message) {
					m.Lane, m.ExpiresAt = test.lane, time.Now().Add(test.life).UTC()
				})
				memory.put(m)
				pass(test.wait)
				start(t, newOptions(memory, gateway))
				pass(time.Second)
				wantStatus(t, memory, m, test.want)
				last := memory.message(m.ID).LastError
				if late := test.want == courier.StatusExpired; late != (last != nil && last.Class == courier.ClassTooLate) || late && len(gateway.sends()) > 0 {
					t.Errorf("last error is %+v after %d attempts", last, len(gateway.sends()))
				}
			})
		})
	}
}
