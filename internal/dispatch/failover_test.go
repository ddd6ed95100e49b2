package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// flow is messages that come in at a rate, with the time that each took to a phone.
type flow struct {
	engine   *dispatch.Engine
	memory   *memory
	gateways []*fakeGateway
	messages []*courier.Message

	mu      sync.Mutex
	arrived map[courier.ID][]arrival
}

// arrival is a message that came to a phone.
type arrival struct {
	gateway string
	at      time.Time
}

// newFlow starts an engine with gateways in a route, of which each delivers what it accepts.
func newFlow(t *testing.T, edit func(*dispatch.Options), gateways ...*fakeGateway) *flow {
	t.Helper()
	f := &flow{memory: newMemory(), gateways: gateways, arrived: make(map[courier.ID][]arrival)}
	options := newOptions(f.memory, gateways[0])
	options.RandFunc = rand.Float64
	options.Gateways = nil
	for _, g := range gateways {
		options.Gateways = append(options.Gateways, optionsOf(f.deliver(g)))
	}
	if edit != nil {
		edit(&options)
	}
	f.engine = start(t, options)
	pass(time.Second)
	return f
}

// deliver has a gateway bring what it accepts to the phones.
func (f *flow) deliver(g *fakeGateway) *fakeGateway {
	send := g.sendFunc
	g.sendFunc = func(ctx context.Context, m *courier.Message) courier.Attempt {
		a := send(ctx, m)
		if a.Outcome == courier.OutcomeAccepted {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.arrived[m.ID] = append(f.arrived[m.ID], arrival{g.name, time.Now()})
		}
		return a
	}
	return g
}

// send brings messages in, one each interval, and returns them.
func (f *flow) send(t *testing.T, count int, interval time.Duration) []*courier.Message {
	t.Helper()
	messages := newMessages(count, func(m *courier.Message) { m.Gateway = "" })
	for i, m := range messages {
		m.To, m.CreatedAt, m.NextAttemptAt = fmt.Sprintf("+1206555%04d", 100+i%100), time.Now().UTC(), time.Time{}
		enqueue(t, f.engine, m)
		<-time.After(interval)
	}
	f.messages = append(f.messages, messages...)
	return messages
}

// delays returns how long messages took to a phone, shortest first.
func (f *flow) delays(t *testing.T, messages []*courier.Message) []time.Duration {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var took []time.Duration
	for _, m := range messages {
		came := f.arrived[m.ID]
		if len(came) != 1 {
			row, attempts := f.memory.read(m.ID)
			t.Errorf("message %s came to a phone %d times: it is %s after %+v", m.ID, len(came), row.Status, attempts)
			continue
		}
		took = append(took, came[0].at.Sub(m.CreatedAt))
	}
	slices.Sort(took)
	return took
}

// p99 is how long all but one in a hundred took.
func p99(took []time.Duration) time.Duration { return took[len(took)*99/100] }

// by counts the messages that a gateway brought to a phone.
func (f *flow) by(gateway string, messages []*courier.Message) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := 0
	for _, m := range messages {
		for _, a := range f.arrived[m.ID] {
			if a.gateway == gateway {
				count++
			}
		}
	}
	return count
}

// hangs answers never.
func hangs(ctx context.Context, _ *courier.Message) courier.Attempt {
	<-ctx.Done()
	return unknown()
}

// failsAt answers 500 to a share of the requests.
func failsAt(share float64) func(context.Context, *courier.Message) courier.Attempt {
	return func(context.Context, *courier.Message) courier.Attempt {
		<-time.After(5 * time.Millisecond)
		if rand.Float64() < share {
			return failing()
		}
		return accepted()
	}
}

// TestFailover_EveryMessageGetsToAPhone has the first gateway of a route go bad and well
// again under a load.
func TestFailover_EveryMessageGetsToAPhone(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(context.Context, *courier.Message) courier.Attempt{
		"Hangs": hangs, "Refuses": answer(refused()), "Unauthorized": answer(down()), "FailsMostly": failsAt(0.6),
		"Ambiguous": answer(ambiguous()), "FailsNowAndThen": failsAt(0.2),
	} {
		for _, others := range []int{1, 2} {
			t.Run(fmt.Sprint(name, others), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { testFailover(t, bad, others) })
			})
		}
	}
}

func testFailover(t *testing.T, bad func(context.Context, *courier.Message) courier.Attempt, others int) {
	t.Helper()
	var isBad atomic.Bool
	gateways := []*fakeGateway{newGateway("a", func(ctx context.Context, m *courier.Message) courier.Attempt {
		if isBad.Load() {
			return bad(ctx, m)
		}
		return brisk(ctx, m)
	})}
	for i := range others {
		gateways = append(gateways, newGateway(string(rune('b'+i)), brisk))
	}
	f := newFlow(t, nil, gateways...)
	well := f.send(t, 100, 20*time.Millisecond)
	isBad.Store(true)
	turning := f.send(t, 700, 20*time.Millisecond) // longer than the time-out
	after := f.send(t, 800, 20*time.Millisecond)
	isBad.Store(false)
	f.send(t, 800, 20*time.Millisecond)
	back := f.send(t, 100, 20*time.Millisecond)
	pass(time.Minute)
	if took := p99(f.delays(t, well)); took > 10*time.Millisecond {
		t.Errorf("p99 is %s while all is well", took)
	}
	if took := p99(f.delays(t, turning)); took > dispatch.DefaultTimeout+time.Second {
		t.Errorf("p99 is %s while it goes bad", took)
	}
	if took := p99(f.delays(t, after)); took > 100*time.Millisecond {
		t.Errorf("p99 is %s once it is known to be bad", took)
	}
	if first := f.by("a", well) + f.by("a", back); first != 200 {
		t.Errorf("the first gateway brought %d of 200 while it was well", first)
	}
	f.delays(t, f.messages)
}

// TestFailover_WhatIsQueuedGoesToo has many messages wait for a gateway that hangs, and
// for one that is asked for no more than its rate.
func TestFailover_WhatIsQueuedGoesToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const count = 2000
		a, b := newGateway("a", hangs), newGateway("b", brisk)
		f := newFlow(t, nil, a, b)
		f.messages = newMessages(count, func(m *courier.Message) { m.Gateway = "" })
		enqueue(t, f.engine, f.messages...)
		pass(3 * dispatch.DefaultTimeout)
		if took := f.delays(t, f.messages); len(took) == count && p99(took) > dispatch.DefaultTimeout+time.Second {
			t.Errorf("p99 is %s", p99(took))
		}
	})
}

// TestFailover_HangsAfterALoad has a gateway hang that accepted many just before.
func TestFailover_HangsAfterALoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const timeout, interval = 2 * time.Second, 2500 * time.Microsecond
		var isBad atomic.Bool
		a := newGateway("a", func(ctx context.Context, m *courier.Message) courier.Attempt {
			if isBad.Load() {
				return hangs(ctx, m)
			}
			return brisk(ctx, m)
		})
		f := newFlow(t, func(o *dispatch.Options) { o.Gateways[0].Timeout = timeout }, a, newGateway("b", brisk))
		f.send(t, 2000, interval)
		isBad.Store(true)
		turning := f.send(t, 1200, interval)
		after := f.send(t, 800, interval)
		pass(timeout)
		if took := p99(f.delays(t, turning)); took > timeout+time.Second {
			t.Errorf("p99 is %s while it goes bad", took)
		}
		if took := p99(f.delays(t, after)); took > 100*time.Millisecond {
			t.Errorf("p99 is %s once it is known to be bad", took)
		}
	})
}

// TestFailover_OwnMessagesWaitBehindFew has a slow gateway take over a long queue: what
// is its own waits behind few of them, and the rest goes back.
func TestFailover_OwnMessagesWaitBehindFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		a := newGateway("a", func(ctx context.Context, m *courier.Message) courier.Attempt {
			if well.Load() {
				return brisk(ctx, m)
			}
			return refused()
		})
		f := newFlow(t, func(o *dispatch.Options) {
			o.Gateways[1].MaxRate = 20
			own := via("own", "b")
			own.Channel = "own"
			o.Routes = []dispatch.Route{own, via("all", "a", "b")}
		}, a, newGateway("b", brisk))
		f.messages = newMessages(2000)
		enqueue(t, f.engine, f.messages...)
		pass(10 * time.Second)
		own := newMessage(func(m *courier.Message) { m.Channel = "own" })
		enqueue(t, f.engine, own)
		pass(5 * time.Second)
		wantStatus(t, f.memory, own, courier.StatusSent)
		well.Store(true)
		f.send(t, 100, 100*time.Millisecond)
		pass(10 * time.Second)
		f.delays(t, f.messages)
		if by := f.by("a", f.messages); by < 1000 {
			t.Errorf("%d went through the gateway that is well again", by)
		}
	})
}

// TestFailover_ARateLetsNothingExpire gives a slow gateway more than it takes before
// the messages expire.
func TestFailover_ARateLetsNothingExpire(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*dispatch.Options){
		"New":  nil,
		"Old":  func(o *dispatch.Options) { o.Routes = []dispatch.Route{via("all", "a")} },
		"Long": func(o *dispatch.Options) { o.Gateways[0].MaxRate = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var settings dispatch.Settings
				f := newFlow(t, func(o *dispatch.Options) {
					o.Gateways[0].MaxRate = 1
					if edit != nil {
						edit(o)
					}
					settings = o.Settings
				}, newGateway("a", brisk), newGateway("b", brisk))
				messages := newMessages(100, func(m *courier.Message) {
					m.Gateway, m.ExpiresAt = "", time.Now().Add(40*time.Second).UTC()
				})
				enqueue(t, f.engine, messages...)
				pass(2 * time.Second)
				settings.Routes = nil
				if err := f.engine.Reconfigure(settings); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute)
				f.delays(t, messages)
				if by := f.by("a", messages); by < 20 || by > 45 {
					t.Errorf("%d went through the slow gateway", by)
				}
			})
		})
	}
}

// TestFailover_ADelayIsObeyed has a gateway ask for a delay: what can wait does, and
// what would expire goes another way.
func TestFailover_ADelayIsObeyed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		a := newGateway("a", func(context.Context, *courier.Message) courier.Attempt {
			if time.Since(began) > 20*time.Second {
				return accepted()
			}
			throttled := limited()
			throttled.RetryAfter = 30 * time.Second
			return throttled
		})
		f := newFlow(t, nil, a, newGateway("b", brisk))
		patient := f.send(t, 20, 10*time.Millisecond)
		urgent := newMessages(20, func(m *courier.Message) {
			m.Gateway, m.ExpiresAt = "", time.Now().Add(15*time.Second).UTC()
		})
		enqueue(t, f.engine, urgent...)
		pass(29 * time.Second)
		if sent := len(a.sends()); sent > 20 {
			t.Errorf("the gateway was asked %d times before the delay was over", sent)
		}
		if f.delays(t, urgent); f.by("b", urgent) != 20 {
			t.Errorf("%d of 20 that would expire went another way", f.by("b", urgent))
		}
		pass(time.Minute)
		if f.delays(t, patient); f.by("a", patient) != 20 {
			t.Errorf("%d of 20 that can wait waited", f.by("a", patient))
		}
	})
}

// TestFailover_NotAfterAnUnknownOutcome holds what a gateway may have taken.
func TestFailover_NotAfterAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newGateway("a", hangs)
		f := newFlow(t, func(o *dispatch.Options) { o.Gateways[0].OnUnknown = dispatch.HoldUnknown }, a, newGateway("b", brisk))
		messages := newMessages(200, func(m *courier.Message) { m.Gateway = "" })
		enqueue(t, f.engine, messages...)
		pass(time.Minute)
		for _, m := range messages {
			row, asked := f.memory.message(m.ID), len(a.sendsOf(m.ID))
			if want := []courier.Status{courier.StatusSent, courier.StatusUnknown}[asked]; row.Status != want {
				t.Errorf("message is %s after %d attempts through the gateway that hangs", row.Status, asked)
			}
		}
	})
}

// TestFailover_BurnsNoAttempts gives all gateways of a route a wrong password, until it
// is corrected.
func TestFailover_BurnsNoAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newGateway("a", answer(down())), newGateway("b", answer(down()))
		var settings dispatch.Settings
		f := newFlow(t, func(o *dispatch.Options) { o.MessageRetries = 0; settings = o.Settings }, a, b)
		messages := f.send(t, 500, 10*time.Millisecond)
		pass(10 * time.Minute)
		if sent := len(a.sends()) + len(b.sends()); sent > 600 {
			t.Errorf("%d attempts in ten minutes", sent)
		}
		for _, m := range messages {
			if row := f.memory.message(m.ID); row.Status != courier.StatusQueued || row.RetryCount != 0 {
				t.Fatalf("message is %s with %d tries held against it", row.Status, row.RetryCount)
			}
		}
		fixed := newGateway("b", answer(accepted()))
		settings.Gateways[1] = optionsOf(fixed)
		if err := f.engine.Reconfigure(settings); err != nil {
			t.Fatal(err)
		}
		pass(40 * time.Second)
		if sent := len(fixed.sends()); sent != 500 {
			t.Errorf("%d of 500 went out once the password was right: %v", sent, f.memory.statuses())
		}
	})
}

// TestFailover_AttemptsSayWhy reads the attempts of messages that went another way.
func TestFailover_AttemptsSayWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFlow(t, nil, newGateway("a", answer(down())), newGateway("b", brisk))
		messages := f.send(t, 20, 10*time.Millisecond)
		pass(time.Second)
		first, last := f.memory.tried(messages[0].ID), f.memory.tried(messages[19].ID)
		if len(first) != 2 || first[0].Gateway != "a" || first[0].Class != courier.ClassUnauthorized || first[1].Gateway != "b" {
			t.Errorf("attempts are %+v", first)
		}
		if len(last) != 1 || last[0].Gateway != "b" || last[0].Warning != "not asked, as it takes no messages: a (unauthorized)" {
			t.Errorf("attempts once the breaker was open are %+v", last)
		}
	})
}

// TestFailover_TrafficDoesNotFlap counts how often a gateway is taken for well that is not.
func TestFailover_TrafficDoesNotFlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		f := newFlow(t, log.install, newGateway("a", failsAt(0.6)), newGateway("b", brisk))
		messages := f.send(t, 5000, 120*time.Millisecond)
		if took := p99(f.delays(t, messages)); took > 100*time.Millisecond {
			t.Errorf("p99 is %s", took)
		}
		if back := len(log.lines(t, "gateway takes messages again")); back > 1 {
			t.Errorf("traffic returned %d times in ten minutes", back)
		}
		if asked := len(f.gateways[0].sends()); asked > 600 {
			t.Errorf("a gateway that fails was asked %d times", asked)
		}
	})
}

// TestFailover_ThreeNodes has a gateway fail on all nodes, of which one is cut off.
func TestFailover_ThreeNodes(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(context.Context, *courier.Message) courier.Attempt{
		"Hangs": hangs, "Refuses": answer(refused()), "FailsMostly": failsAt(0.6),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &flow{memory: newShared(), arrived: make(map[courier.ID][]arrival)}
				a, b := f.deliver(newGateway("a", bad)), f.deliver(newGateway("b", brisk))
				var nodes []*peer
				for i := range 3 {
					nodes = append(nodes, startPeer(t, f.memory, fmt.Sprint("node-", i), a, func(o *dispatch.Options) {
						o.Gateways = append(o.Gateways, optionsOf(b))
						o.RandFunc = rand.Float64
					}))
				}
				pass(3 * time.Second)
				for i := range 3 {
					f.engine = nodes[i].Engine
					f.send(t, 500, 10*time.Millisecond)
				}
				enqueue(t, f.engine, newMessages(500, func(m *courier.Message) { m.Gateway = "" })...)
				pass(time.Minute)
				f.delays(t, f.messages)
				if a.twice || b.twice {
					t.Error("a message was attempted twice at once")
				}
				if got := f.memory.statuses()[courier.StatusSent]; got != 2000 {
					t.Errorf("%d of 2000 are sent: %v", got, f.memory.statuses())
				}
			})
		})
	}
}

// TestNodes_EachGatewayHoldsForItself has a node die whose gateways have different policies.
func TestNodes_EachGatewayHoldsForItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		mixed := func(send func(context.Context, *courier.Message) courier.Attempt) func(*dispatch.Options) {
			return func(o *dispatch.Options) {
				careful := optionsOf(newGateway("careful", send))
				careful.OnUnknown, careful.Timeout = dispatch.HoldUnknown, time.Hour
				o.Gateways = append(o.Gateways, careful)
			}
		}
		a := startPeer(t, memory, "a", newGateway("sms", untilEnd), longTimeout, mixed(untilEnd))
		pass(time.Second)
		quick, careful := newMessage(), newMessage(func(m *courier.Message) { m.Gateway = "careful" })
		enqueue(t, a.Engine, quick, careful)
		startPeer(t, memory, "b", newGateway("sms", answer(accepted())), mixed(answer(accepted())))
		pass(10 * time.Second)
		a.link.fail(store.ErrUnavailable)
		pass(10 * time.Second)
		wantStatus(t, memory, quick, courier.StatusSent)
		wantStatus(t, memory, careful, courier.StatusUnknown)
		a.link.fail(nil)
		pass(10 * time.Second)
	})
}

// asked is a gateway that knows what it took.
type asked struct {
	*fakeGateway
	receipt courier.Receipt
	found   bool
	err     error
}

// Lookup implements dispatch.Inquirer.
func (a *asked) Lookup(context.Context, *courier.Message) (courier.Receipt, bool, error) {
	return a.receipt, a.found, a.err
}

// TestFailover_AsksBeforeItSendsAgain has attempts end without an answer.
func TestFailover_AsksBeforeItSendsAgain(t *testing.T) {
	t.Parallel()
	errAway := errors.New("away")
	for name, test := range map[string]struct {
		gateway asked
		policy  dispatch.UnknownPolicy
		want    courier.Status
		through string
	}{
		"Taken":         {asked{found: true, receipt: courier.Receipt{GatewayMessageID: "gw-9"}}, dispatch.ResendUnknown, courier.StatusSent, "a"},
		"TakenHold":     {asked{found: true}, dispatch.HoldUnknown, courier.StatusSent, "a"},
		"Delivered":     {asked{found: true, receipt: courier.Receipt{GatewayMessageID: "gw-9", Status: courier.StatusDelivered}}, dispatch.HoldUnknown, courier.StatusDelivered, "a"},
		"NotFound":      {asked{}, dispatch.ResendUnknown, courier.StatusSent, "b"},
		"NotFoundHold":  {asked{}, dispatch.HoldUnknown, courier.StatusUnknown, "a"},
		"CannotBeAsked": {asked{err: errAway}, dispatch.ResendUnknown, courier.StatusSent, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFlow(t, func(o *dispatch.Options) {
					test.gateway.fakeGateway = newGateway("a", hangs)
					o.Gateways[0].Gateway, o.Gateways[0].OnUnknown = &test.gateway, test.policy
				}, newGateway("a", hangs), newGateway("b", brisk))
				m := newMessage(func(m *courier.Message) { m.Gateway = "" })
				enqueue(t, f.engine, m)
				pass(dispatch.DefaultTimeout + time.Second)
				row, tried := f.memory.read(m.ID)
				if row.Status != test.want || row.Gateway != test.through || row.GatewayMessageID != "" && row.Gateway == "a" && row.GatewayMessageID != "gw-9" {
					t.Errorf("message is %s through %s after %+v", row.Status, row.Gateway, tried)
				}
			})
		})
	}
}

// TestEngine_AsksForWhatADeadProcessSent has a message back whose attempt was cut short.
func TestEngine_AsksForWhatADeadProcessSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newMemory(), &asked{fakeGateway: newGateway("sms", brisk), found: true}
		m := newMessage(func(m *courier.Message) {
			m.Status, m.Lease = courier.StatusProcessing, courier.Lease{Node: "dead", Token: 1, Until: time.Now().Add(time.Minute)}
		})
		memory.put(m)
		start(t, newOptions(memory, gateway))
		pass(10 * time.Second)
		wantStatus(t, memory, m, courier.StatusSent)
		if sent := len(gateway.sends()); sent != 0 {
			t.Errorf("it was sent %d times more", sent)
		}
	})
}
