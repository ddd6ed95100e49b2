package dispatch_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
)

// bulk makes a message one of those that may wait.
func bulk(m *courier.Message) { m.Lane = courier.LaneBulk }

// sendsIn returns when messages of a lane were at any of the gateways.
func sendsIn(s *memory, lane courier.Lane, gateways ...*fakeGateway) []time.Time {
	var times []time.Time
	for _, g := range gateways {
		for _, sending := range g.sends() {
			if s.message(sending.id).Lane == lane {
				times = append(times, sending.at)
			}
		}
	}
	return times
}

// TestLanes_ACodeFindsRoomInARate has bulk wait at a gateway of 20 a second: a code is at
// the gateway within 100 ms, on one node and on three, and bulk has the rest of the rate.
func TestLanes_ACodeFindsRoomInARate(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const rate, length = 20, 20 * time.Second
				memory := newShared()
				memory.put(newMessages(500, bulk)...)
				var gateways []*fakeGateway
				var peers []*peer
				for i := range nodes {
					gateways = append(gateways, newGateway("sms", brisk))
					peers = append(peers, startPeer(t, memory, fmt.Sprint("node-", i), gateways[i], limit(rate)))
				}
				pass(3 * time.Second)
				before, began := sentBy(gateways...), time.Now()
				for i := 0; time.Since(began) < length; i++ {
					m := newMessage(otp)
					asked := time.Now()
					enqueue(t, peers[i%nodes].Engine, m)
					pass(530 * time.Millisecond)
					var at []time.Time
					for _, g := range gateways {
						at = append(at, g.sendsOf(m.ID)...)
					}
					if len(at) != 1 || at[0].Sub(asked) > 100*time.Millisecond {
						t.Errorf("a code of %v was sent at %v", asked, at)
					}
				}
				wantRate(t, rate, sentBy(gateways...)-before, time.Since(began))
			})
		})
	}
}

// TestLanes_EachKeepsAPart has every lane wait at a rate and at slots: none starves.
func TestLanes_EachKeepsAPart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit   func(*dispatch.Options)
		length time.Duration
	}{
		"Rate":    {limit(40), 9 * time.Second},
		"Slots":   {func(o *dispatch.Options) { o.Gateways[0].MaxInFlight = 4 }, 2 * time.Second},
		"OneSlot": {func(o *dispatch.Options) { o.Gateways[0].MaxInFlight = 1 }, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newShared()
				for _, lane := range courier.Lanes() {
					memory.put(newMessages(400, func(m *courier.Message) { m.Lane = lane })...)
				}
				gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
					<-time.After(25 * time.Millisecond)
					return accepted()
				})
				startPeer(t, memory, "a", gateway, test.edit)
				pass(test.length)
				total, counts := len(gateway.sends()), map[courier.Lane]int{}
				for _, lane := range courier.Lanes() {
					counts[lane] = len(sendsIn(memory, lane, gateway))
				}
				if least := total / 20; counts[courier.LaneBulk] < least || counts[courier.LaneNormal] < least || counts[courier.LaneOTP] < total/2 {
					t.Errorf("of %d attempts each lane had %v, want 5 %% of each and most of codes", total, counts)
				}
			})
		})
	}
}

// TestLanes_SlowBulkLeavesSlots has bulk take ten seconds each: it holds half of the
// slots, with normal messages four fifths, and a code goes at once.
func TestLanes_SlowBulkLeavesSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway := newGateway("sms", func(_ context.Context, m *courier.Message) courier.Attempt {
			if m.Lane != courier.LaneOTP {
				<-time.After(8 * time.Second)
			}
			return accepted()
		})
		options := newOptions(memory, gateway)
		options.Gateways[0].MaxInFlight = 10
		engine := start(t, options)
		pass(time.Second)
		enqueue(t, engine, newMessages(50, bulk)...)
		pass(time.Second)
		if held := len(gateway.sends()); held != 5 {
			t.Errorf("bulk holds %d of 10 slots, want 5", held)
		}
		enqueue(t, engine, newMessages(50)...)
		pass(time.Second)
		if held := len(gateway.sends()); held != 8 {
			t.Errorf("bulk and normal messages hold %d of 10 slots, want 8", held)
		}
		for range 40 { // over several attempts of the others
			m := newMessage(otp)
			enqueue(t, engine, m)
			synctest.Wait()
			if len(gateway.sendsOf(m.ID)) != 1 {
				t.Fatal("a code waits though only slow bulk is there")
			}
			pass(300 * time.Millisecond)
		}
	})
}

// TestLanes_QuickAttemptsUseEverySlot lends what other lanes do not use.
func TestLanes_QuickAttemptsUseEverySlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			<-time.After(100 * time.Millisecond)
			return accepted()
		})
		memory.put(newMessages(1000, bulk)...)
		options := newOptions(memory, gateway)
		options.Gateways[0].MaxInFlight = 10
		start(t, options)
		pass(8 * time.Second)
		if gateway.peak != 10 {
			t.Errorf("quick bulk held %d of 10 slots", gateway.peak)
		}
	})
}

// TestLanes_NewestCodeFirst ends an outage: the codes that were asked for last go first,
// until none waits for long, and then the first go first again.
func TestLanes_NewestCodeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), newGateway("sms", answer(accepted()))
		var old []*courier.Message
		for i := range 40 {
			old = append(old, newMessage(otp, func(m *courier.Message) {
				m.CreatedAt = time.Now().Add(time.Duration(i-60) * time.Second)
				m.NextAttemptAt = m.CreatedAt
			}))
		}
		memory.put(old...)
		options := newOptions(memory, gateway)
		options.Gateways[0].MaxRate = 10
		engine := start(t, options)
		pass(time.Second)
		fresh := newMessage(otp)
		enqueue(t, engine, fresh)
		pass(110 * time.Millisecond)
		if len(gateway.sendsOf(fresh.ID)) != 1 {
			t.Error("a new code waits behind those of an outage")
		}
		pass(6 * time.Second)
		var order []courier.ID
		for _, sent := range gateway.sends() {
			if sent.id != fresh.ID {
				order = append(order, sent.id)
			}
		}
		slices.Reverse(old)
		for i, m := range old {
			if order[i] != m.ID {
				t.Fatalf("code %d was sent out of the order of the newest first", i)
			}
		}
		late := newMessages(20, otp)
		for _, m := range late {
			enqueue(t, engine, m)
		}
		pass(3 * time.Second)
		sends := gateway.sends()
		for i, m := range late {
			if sends[41+i].id != m.ID {
				t.Fatal("after the outage the first does not go first again")
			}
		}
	})
}
