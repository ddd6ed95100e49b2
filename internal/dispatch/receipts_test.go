package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// receiptStore counts the transactions of receipts, which take a while, and fails
// those with a bad one.
type receiptStore struct {
	*memory
	mu      sync.Mutex
	batches []int
}

// Receive implements dispatch.Store.
func (s *receiptStore) Receive(ctx context.Context, receipts []courier.Receipt) ([]store.Received, error) {
	<-time.After(5 * time.Millisecond)
	s.mu.Lock()
	s.batches = append(s.batches, len(receipts))
	s.mu.Unlock()
	for _, r := range receipts {
		if r.Code == "bad" {
			return nil, store.ErrInvalid
		}
	}
	return s.memory.Receive(ctx, receipts)
}

// naming accepts messages under a name of its own.
func naming(_ context.Context, m *courier.Message) courier.Attempt {
	a := accepted()
	a.GatewayMessageID = fmt.Sprint("gw-", m.ID)
	return a
}

// delivered is the receipt of a message.
func delivered(m *courier.Message) courier.Receipt {
	return courier.Receipt{Gateway: "sms", GatewayMessageID: fmt.Sprint("gw-", m.ID), Status: courier.StatusDelivered}
}

// TestEngine_ReceiptsShareTransactions has many receipts come at the same time, twice
// and in random order: a few transactions write them.
func TestEngine_ReceiptsShareTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, registry := &receiptStore{memory: newMemory()}, prometheus.NewPedanticRegistry()
		options := newOptions(s, newGateway("sms", naming))
		options.Registerer = registry
		engine := start(t, options)
		pass(time.Second)
		messages := newMessages(1000)
		enqueue(t, engine, messages...)
		pass(time.Second)
		var callers sync.WaitGroup
		order := append(rand.Perm(len(messages)), rand.Perm(len(messages))...)
		for _, i := range order {
			callers.Go(func() {
				answers, err := engine.Receipts(t.Context(), []courier.Receipt{delivered(messages[i])})
				if err != nil || len(answers) != 1 || answers[0].MessageID != messages[i].ID {
					t.Errorf("got %+v, %v", answers, err)
				}
			})
		}
		callers.Wait()
		if got := s.statuses()[courier.StatusDelivered]; got != 1000 {
			t.Errorf("%d of 1000 are delivered", got)
		}
		if len(s.batches) > 10 {
			t.Errorf("%d transactions for 2000 receipts: %v", len(s.batches), s.batches)
		}
		counts := gather(t, registry)
		applied, repeated := counts["courier_receipts_total,gateway=sms,result=applied"], counts["courier_receipts_total,gateway=sms,result=duplicate"]
		if applied != 1000 || repeated != 1000 {
			t.Errorf("%v applied and %v duplicates are counted, want 1000 each", applied, repeated)
		}
	})
}

// TestEngine_ABadReceiptFailsAlone has one call fail whatever is in its transaction.
func TestEngine_ABadReceiptFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &receiptStore{memory: newMemory()}
		engine := start(t, newOptions(s, newGateway("sms", naming)))
		pass(time.Second)
		messages := newMessages(50)
		enqueue(t, engine, messages...)
		pass(time.Second)
		var callers sync.WaitGroup
		for i, m := range messages {
			callers.Go(func() {
				r := delivered(m)
				if i == 20 {
					r.Code = "bad"
				}
				if _, err := engine.Receipts(t.Context(), []courier.Receipt{r}); errors.Is(err, store.ErrInvalid) != (i == 20) {
					t.Errorf("receipt %d: %v", i, err)
				}
			})
		}
		callers.Wait()
		if got := s.statuses()[courier.StatusDelivered]; got != 49 {
			t.Errorf("%d of 49 are delivered", got)
		}
	})
}

// TestEngine_ReceiptsOfAStoreInTrouble are refused, so that the gateway tries again.
func TestEngine_ReceiptsOfAStoreInTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		l := &link{memory: memory}
		engine := start(t, newOptions(l, newGateway("sms", naming)))
		pass(time.Second)
		l.fail(store.ErrUnavailable)
		if _, err := engine.Receipts(t.Context(), []courier.Receipt{delivered(newMessage())}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		l.fail(nil)
		stop(t, engine)
		var problem *courier.Error
		if _, err := engine.Receipts(t.Context(), []courier.Receipt{delivered(newMessage())}); !errors.As(err, &problem) || problem.Code != courier.CodeShuttingDown {
			t.Errorf("got %v once the engine stopped", err)
		}
	})
}

// TestEngine_ReceiptsOfUnknownMessagesAreToldOnce has many of them come.
func TestEngine_ReceiptsOfUnknownMessagesAreToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		options := newOptions(newMemory(), newGateway("sms", naming))
		log.install(&options)
		engine := start(t, options)
		for range 100 {
			if _, err := engine.Receipts(t.Context(), []courier.Receipt{delivered(newMessage())}); err != nil {
				t.Fatal(err)
			}
			pass(100 * time.Millisecond)
		}
		if lines := log.lines(t, "receipts name messages that are not known; they are kept for a day, in case they were early"); len(lines) != 1 {
			t.Errorf("%d lines", len(lines))
		}
	})
}

// TestEngine_DemotesAGatewayThatDeliversNothing has the first gateway of a route take
// messages and never deliver them, and get well.
func TestEngine_DemotesAGatewayThatDeliversNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, registry := &logBuffer{}, prometheus.NewRegistry()
		var engine *dispatch.Engine
		var well atomic.Bool
		reporting := func(name string, delivers func() bool) *fakeGateway {
			return newGateway(name, func(ctx context.Context, m *courier.Message) courier.Attempt {
				if delivers() {
					time.AfterFunc(3*time.Second, func() {
						r := delivered(m)
						r.Gateway = name
						_, _ = engine.Receipts(context.WithoutCancel(ctx), []courier.Receipt{r})
					})
				}
				return naming(ctx, m)
			})
		}
		a, b := reporting("a", well.Load), reporting("b", func() bool { return true })
		options := newOptions(newMemory(), a)
		options.Gateways = []dispatch.GatewayOptions{{Gateway: a, Receipts: true}, {Gateway: b, Receipts: true}}
		options.Routes = []dispatch.Route{via("all", "a", "b")}
		options.Routes[0].Demote = true
		options.Registerer, options.RandFunc = registry, rand.Float64
		log.install(&options)
		engine = start(t, options)
		pass(time.Second)
		share := func(length, each time.Duration) int {
			before, count := len(a.sends()), 0
			for began := time.Now(); time.Since(began) < length; count++ {
				enqueue(t, engine, newMessage(func(m *courier.Message) { m.TemplateType = fmt.Sprint(count) }))
				<-time.After(each)
			}
			return 100 * (len(a.sends()) - before) / count
		}
		if first := share(2*time.Minute, time.Second); first != 100 {
			t.Errorf("the first gateway gets %d %% before it is known", first)
		}
		share(4*time.Minute, time.Second)
		if bad := share(10*time.Minute, time.Second); bad > 15 {
			t.Errorf("a gateway that delivers nothing gets %d %%", bad)
		}
		if lines := log.lines(t, "gateway delivers few of the messages that it takes"); len(lines) != 1 {
			t.Errorf("%d lines say that it is degraded", len(lines))
		}
		if counts := gather(t, registry); counts["courier_gateway_degraded,gateway=a"] != 1 || counts["courier_gateway_degraded,gateway=b"] != 0 ||
			counts["courier_route_weight,gateway=a,route=all"] != 5 {
			t.Errorf("metrics are %v", counts)
		}
		well.Store(true)
		share(2*time.Hour, 5*time.Second)
		if back := share(10*time.Minute, 5*time.Second); back < 95 {
			t.Errorf("a gateway that is well again gets %d %%", back)
		}
		pass(10 * time.Second)
	})
}
