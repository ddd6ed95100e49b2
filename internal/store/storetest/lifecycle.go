package storetest

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"

	"courier"
	"courier/internal/store"
)

func lifecycleTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"CheckIsFine":           testCheck,
		"EndedContext":          testEndedContext,
		"ClosedStore":           testClosed,
		"CloseWaitsForTheQueue": testCloseWaits,
	}
}

func testCheck(t *testing.T, k *kit) {
	for range 3 {
		if err := k.store.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
	}
}

// calls are all methods that take a context.
func (k *kit) calls() map[string]func(ctx context.Context) error {
	m := k.message()
	calls := map[string]func(ctx context.Context) error{
		"Enqueue": func(ctx context.Context) error {
			_, err := k.store.Enqueue(ctx, []*courier.Message{m})
			return err
		},
		"Claim": func(ctx context.Context) error {
			_, err := k.store.Claim(ctx, k.claimRequest(1))
			return err
		},
		"Settle": func(ctx context.Context) error {
			_, err := k.store.Settle(ctx, []store.Settlement{k.settlement(m, courier.StatusSent)})
			return err
		},
		"Reclaim": func(ctx context.Context) error {
			_, err := k.store.Reclaim(ctx, store.Reclaim{Node: nodeB, Now: k.now})
			return err
		},
		"Expire": func(ctx context.Context) error {
			_, err := k.store.Expire(ctx, k.now, 1)
			return err
		},
		"Reroute": func(ctx context.Context) error {
			_, err := k.store.Reroute(ctx, nil, gatewayB, k.now)
			return err
		},
		"NextDue": func(ctx context.Context) error {
			_, err := k.store.NextDue(ctx, gatewayA, courier.LaneNormal)
			return err
		},
		"Message": func(ctx context.Context) error {
			_, _, err := k.store.Message(ctx, m.ID)
			return err
		},
		"Messages": func(ctx context.Context) error {
			_, err := k.store.Messages(ctx, store.Query{Limit: 1})
			return err
		},
		"Cancel": func(ctx context.Context) error {
			_, err := k.store.Cancel(ctx, m.ID, k.now)
			return err
		},
		"Requeue": func(ctx context.Context) error {
			_, err := k.store.Requeue(ctx, store.Requeue{ID: m.ID, Now: k.now})
			return err
		},
		"Stats": func(ctx context.Context) error {
			_, err := k.store.Stats(ctx, k.now)
			return err
		},
		"Check": k.store.Check,
	}
	maps.Copy(calls, k.housekeeping())
	return calls
}

// housekeeping are the methods that a node calls for itself and not for a message.
func (k *kit) housekeeping() map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Scrub": func(ctx context.Context) error {
			_, err := k.store.Scrub(ctx, k.sweep(k.now, 1))
			return err
		},
		"Purge": func(ctx context.Context) error {
			_, err := k.store.Purge(ctx, k.sweep(k.now, 1))
			return err
		},
		"Receive": func(ctx context.Context) error {
			_, err := k.store.Receive(ctx, []courier.Receipt{k.receipt(courier.ID{15: 1}, courier.StatusDelivered)})
			return err
		},
		"Receipts": func(ctx context.Context) error {
			_, err := k.store.Receipts(ctx, courier.ID{15: 1})
			return err
		},
		"Waiting": func(ctx context.Context) error {
			_, err := k.store.Waiting(ctx, store.WaitingQuery{Gateway: gatewayA, Limit: 1})
			return err
		},
		"Move": func(ctx context.Context) error {
			_, err := k.store.Move(ctx, []store.Move{{ID: courier.ID{15: 1}, From: gatewayA, To: gatewayB}}, k.now)
			return err
		},
		"Resolve": func(ctx context.Context) error {
			_, err := k.store.Resolve(ctx, store.Resolve{ID: courier.ID{15: 1}, As: store.ResolvedSent, Now: k.now})
			return err
		},
		"Tallies": func(ctx context.Context) error {
			_, err := k.store.Tallies(ctx, k.now)
			return err
		},
		"SetWeight": func(ctx context.Context) error { return k.store.SetWeight(ctx, store.Weight{ChangedAt: k.now}) },
		"Weights": func(ctx context.Context) error {
			_, err := k.store.Weights(ctx)
			return err
		},
		"WeightHistory": func(ctx context.Context) error {
			_, err := k.store.WeightHistory(ctx, "one", 1)
			return err
		},
		"Beat": func(ctx context.Context) error {
			_, err := k.store.Beat(ctx, k.beat(nodeA))
			return err
		},
		"Listen": func(ctx context.Context) error {
			return k.store.Listen(ctx, "one", []courier.Status{courier.StatusSent})
		},
		"Listeners": func(ctx context.Context) error {
			_, err := k.store.Listeners(ctx)
			return err
		},
		"Events": func(ctx context.Context) error {
			_, err := k.store.Events(ctx, "one", 0, 1)
			return err
		},
		"RecordNotices": func(ctx context.Context) error {
			return k.store.RecordNotices(ctx, []store.Notice{{Seq: 1, State: store.NoticeDelivered}})
		},
		"Notices": func(ctx context.Context) error {
			_, err := k.store.Notices(ctx, courier.ID{1})
			return err
		},
		"Forget": func(ctx context.Context) error { return k.store.Forget(ctx, []store.Event{{Seq: 1}}) },
		"Leave":  func(ctx context.Context) error { return k.store.Leave(ctx, nodeA) },
		"Nodes": func(ctx context.Context) error {
			_, err := k.store.Nodes(ctx)
			return err
		},
	}
}

func testEndedContext(t *testing.T, k *kit) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range k.calls() {
		if err := call(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that has ended: %v, want context.Canceled", name, err)
		}
	}
	k.in(t, courier.StatusSent) // the store goes on
}

func testClosed(t *testing.T, k *kit) {
	k.in(t, courier.StatusQueued)
	for range 2 {
		if err := k.store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	for name, call := range k.calls() {
		if err := call(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: %v, want store.ErrClosed", name, err)
		}
	}
}

// testCloseWaits closes the store while it is used: each call is done or is refused.
func testCloseWaits(t *testing.T, k *kit) {
	const callers = 32
	var started, group sync.WaitGroup
	started.Add(callers)
	for range callers {
		messages := k.messages(rounds, nil)
		group.Go(func() {
			for i, m := range messages {
				_, err := k.store.Enqueue(t.Context(), []*courier.Message{m})
				if err != nil && !errors.Is(err, store.ErrClosed) {
					t.Errorf("Enqueue while closing: %v", err)
				}
				if i == 0 {
					started.Done()
				}
			}
		})
	}
	started.Wait()
	if err := k.store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	group.Wait()
}
