package dispatch_test

import (
	"context"
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
)

// flows are messages that come in at a rate, with the time that each took to a phone.
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
		options.Gateways = append(options.Gateways, optionsOf(g))
	}
	if edit != nil {
		edit(&options)
	}
	f.engine = start(t, options)
	pass(time.Second)
	return f
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
	well := f.send(t, 300, 10*time.Millisecond)
	isBad.Store(true)
	turning := f.send(t, 1500, 10*time.Millisecond) // longer than the time-out
	after := f.send(t, 2000, 10*time.Millisecond)
	isBad.Store(false)
	f.send(t, 2000, 10*time.Millisecond)
	back := f.send(t, 300, 10*time.Millisecond)
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
	if first := f.by("a", well) + f.by("a", back); first != 600 {
		t.Errorf("the first gateway brought %d of 600 while it was well", first)
	}
	f.delays(t, f.messages)
}
