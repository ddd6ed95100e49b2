package action_test

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/action"
	"courier/internal/store"
	"courier/internal/store/memory"
)

// faulty is a store that fails now and then.
type faulty struct {
	*memory.Store
	fails atomic.Bool
}

func (f *faulty) Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error) {
	if f.fails.Load() && requeue.ID[15] == 120 {
		return nil, store.ErrUnavailable
	}
	return f.Store.Requeue(ctx, requeue)
}

// put stores messages in a status, and returns their ids, the newest first.
func put(t *testing.T, s *memory.Store, count int, status courier.Status) []courier.ID {
	t.Helper()
	ids := make([]courier.ID, count)
	for i := range ids {
		m := &courier.Message{Status: courier.StatusProcessing, Channel: "sms", Gateway: "old", CreatedAt: time.Now(), Lease: courier.Lease{Node: "n", Until: time.Now().Add(time.Minute)}}
		id := store.FirstID(time.Now().Add(-time.Hour))
		binary.BigEndian.PutUint16(id[14:], uint16(i))
		m.ID, ids[count-1-i] = id, id
		stored, err := s.Enqueue(t.Context(), []*courier.Message{m})
		if err == nil {
			_, err = s.Settle(t.Context(), []store.Settlement{{ID: id, Token: stored[0].Message.Lease.Token, Status: status, At: time.Now()}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

func options(s action.Store) action.Options {
	return action.Options{
		Store: s, Node: "node", GatewayFunc: func(string) (string, error) { return "new", nil }, WakeFunc: func() {}, NowFunc: time.Now,
	}
}

func start(t *testing.T, s store.Store, o action.Options, asked store.Action) (stop func()) {
	t.Helper()
	asked.ID, asked.At, asked.Who = courier.ID{1}, time.Now(), "shop"
	asked.Filter.Until = time.Now()
	if err := s.StartAction(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	r := action.New(o)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	stop = func() { end(); <-done }
	t.Cleanup(stop)
	return stop
}

func pass(d time.Duration) { <-time.After(d); synctest.Wait() }

// TestRunner_RetriesAll changes every message of a filter once, over a fault of the store.
func TestRunner_RetriesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Store: memory.New(memory.Options{})}
		ids := put(t, s.Store, 250, courier.StatusRejected)
		s.fails.Store(true)
		start(t, s, options(s), store.Action{Kind: store.ActionRetry, Filter: store.Query{Status: courier.StatusRejected}})
		pass(time.Second)
		if a, err := s.Action(t.Context(), courier.ID{1}); err != nil || a.Status != store.ActionRunning || a.Examined <= 100 || a.Examined >= 250 {
			t.Fatalf("with a fault: %+v, %v", a, err)
		}
		s.fails.Store(false)
		pass(2 * time.Minute)
		a, err := s.Action(t.Context(), courier.ID{1})
		if err != nil || a.Status != store.ActionDone || a.Changed+a.Skipped != a.Examined || a.EndedAt.IsZero() {
			t.Errorf("%+v, %v", a, err)
		}
		for _, id := range ids {
			if m, _, err := s.Message(t.Context(), id); err != nil || m.Status != courier.StatusQueued || m.Gateway != "new" {
				t.Errorf("message is %+v, %v", m, err)
			}
		}
		entries, err := s.Audits(t.Context(), store.AuditQuery{Limit: 9})
		if err != nil || len(entries) != 1 || entries[0].Action != "action.end" || entries[0].Who != "shop" {
			t.Errorf("audit log: %+v, %v", entries, err)
		}
	})
}

// hanging is a store that does not answer for one message.
type hanging struct{ *memory.Store }

func (h hanging) Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error) {
	if requeue.ID[15] == 120 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Store.Requeue(ctx, requeue)
}

// TestRunner_Stops leaves what it has done to whoever goes on, at once.
func TestRunner_Stops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := hanging{memory.New(memory.Options{})}
		put(t, s.Store, 150, courier.StatusRejected)
		stop := start(t, s, options(s), store.Action{Kind: store.ActionRetry, Filter: store.Query{Status: courier.StatusRejected}})
		pass(time.Second)
		stop()
		if a, err := s.TakeAction(t.Context(), "other", time.Now(), time.Now()); err != nil || a == nil || a.Changed != 99 {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// TestRunner_Kinds does what each kind of action is, and skips what it cannot change.
func TestRunner_Kinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		asked store.Action
		want  courier.Status
	}{
		"Cancel": {store.Action{Kind: store.ActionCancel}, courier.StatusCanceled},
		"Sent":   {store.Action{Kind: store.ActionResolve, As: store.ResolvedSent}, courier.StatusSent},
		"Resend": {store.Action{Kind: store.ActionResolve, As: store.ResolvedResend}, courier.StatusQueued},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := memory.New(memory.Options{})
				ids := put(t, s, 3, courier.StatusUnknown)
				test.asked.Filter.Status = courier.StatusUnknown
				start(t, s, options(s), test.asked)
				pass(time.Second)
				if m, _, err := s.Message(t.Context(), ids[0]); err != nil || m.Status != test.want {
					t.Errorf("message is %+v, %v", m, err)
				}
				if a, err := s.Action(t.Context(), courier.ID{1}); err != nil || a.Changed != 3 || a.Status != store.ActionDone {
					t.Errorf("%+v, %v", a, err)
				}
			})
		})
	}
}

// TestRunner_Fails ends an action that cannot be done, and says why.
func TestRunner_Fails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{})
		put(t, s, 1, courier.StatusRejected)
		o := options(s)
		o.GatewayFunc = func(string) (string, error) {
			return "", &courier.Error{Code: courier.CodeUnknownChannel, Message: "no such channel"}
		}
		start(t, s, o, store.Action{Kind: store.ActionRetry, Filter: store.Query{Status: courier.StatusRejected}})
		pass(time.Second)
		if a, err := s.Action(t.Context(), courier.ID{1}); err != nil || a.Status != store.ActionFailed || a.Fault != "no such channel" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// TestRunner_IsStopped leaves the rest as it is.
func TestRunner_IsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{})
		ids := put(t, s, 150, courier.StatusRejected)
		o, once := options(s), atomic.Bool{}
		o.WakeFunc = func() {
			if !once.Swap(true) {
				if _, err := s.StopAction(context.WithoutCancel(t.Context()), courier.ID{1}, time.Now()); err != nil {
					t.Error(err)
				}
			}
		}
		start(t, s, o, store.Action{Kind: store.ActionRetry, Filter: store.Query{Status: courier.StatusRejected}})
		pass(time.Minute)
		a, err := s.Action(t.Context(), courier.ID{1})
		if err != nil || a.Status != store.ActionStopped {
			t.Errorf("%+v, %v", a, err)
		}
		if m, _, err := s.Message(t.Context(), ids[149]); err != nil || m.Status != courier.StatusRejected {
			t.Errorf("message is %+v, %v", m, err)
		}
	})
}
