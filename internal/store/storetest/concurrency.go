package storetest

import (
	"errors"
	"sync"
	"testing"

	"courier"
	"courier/internal/store"
)

func concurrencyTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"NothingIsClaimedTwice":   testClaimOnce,
		"SettleOrReclaimNotBoth":  testSettleOrReclaim,
		"CancelOrClaimNotBoth":    testCancelOrClaim,
		"ReadersSeeWholeMessages": testReadersSeeWhole,
		"OneFaultFailsOneCall":    testOneFaultFailsOne,
	}
}

const (
	crowd     = 8
	crowdSize = 8 // messages a call
	rounds    = 12
)

// testClaimOnce lets some goroutines enqueue while others claim and settle.
// Each notice stands for crowdSize messages that are stored, so that a claim of
// as many finds them.
func testClaimOnce(t *testing.T, k *kit) {
	notices := make(chan struct{}, crowd*rounds)
	batches := make([][]*courier.Message, crowd*rounds)
	for i := range batches {
		batches[i] = k.messages(crowdSize, nil)
	}
	var producers, consumers sync.WaitGroup
	for p := range crowd {
		producers.Go(func() {
			for _, batch := range batches[p*rounds : (p+1)*rounds] {
				if _, err := k.store.Enqueue(t.Context(), batch); err != nil {
					t.Errorf("Enqueue: %v", err)
				}
				notices <- struct{}{}
			}
		})
	}
	claims := newLedger()
	for range crowd {
		consumers.Go(func() {
			for range notices {
				k.consume(t, claims)
			}
		})
	}
	producers.Wait()
	close(notices)
	consumers.Wait()
	claims.isEachOnce(t, len(batches)*crowdSize)
	k.hasCounts(t, "all is settled", 0, 0, 0)
}

// consume claims crowdSize messages and settles them.
func (k *kit) consume(t *testing.T, claims *ledger) {
	t.Helper()
	claimed, err := k.store.Claim(t.Context(), k.claimRequest(crowdSize))
	if err != nil || len(claimed) != crowdSize {
		t.Errorf("Claim: %d messages, %v, want %d", len(claimed), err, crowdSize)
	}
	settlements := make([]store.Settlement, len(claimed))
	for i, m := range claimed {
		claims.add(m.ID)
		settlements[i] = k.settlement(m, courier.StatusSent)
	}
	applied, err := k.store.Settle(t.Context(), settlements)
	if err != nil {
		t.Errorf("Settle: %v", err)
	}
	for i, ok := range applied {
		if !ok {
			t.Errorf("settlement %d did not apply", i)
		}
	}
}

// ledger counts how often things happened to messages.
type ledger struct {
	mutex  sync.Mutex
	counts map[courier.ID]int
}

func newLedger() *ledger { return &ledger{counts: map[courier.ID]int{}} }

func (l *ledger) add(id courier.ID) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.counts[id]++
}

func (l *ledger) isEachOnce(t *testing.T, want int) {
	t.Helper()
	if len(l.counts) != want {
		t.Errorf("%d messages were seen, want %d", len(l.counts), want)
	}
	for id, count := range l.counts {
		if count != 1 {
			t.Errorf("message %s was seen %d times", id, count)
		}
	}
}

// testSettleOrReclaim lets settlements race with a reclaim of the same leases.
func testSettleOrReclaim(t *testing.T, k *kit) {
	const count = 100
	stored := k.enqueue(t, k.messages(count, func(_ int, m *courier.Message) { k.leased(m) })...)
	k.now = k.now.Add(2 * leaseTime)
	applied := make([]bool, count)
	reclaimed := 0
	var group sync.WaitGroup
	for i, m := range stored {
		group.Go(func() {
			answer, err := k.store.Settle(t.Context(), []store.Settlement{k.settlement(m, courier.StatusSent)})
			if err != nil {
				t.Errorf("Settle: %v", err)
				return
			}
			applied[i] = answer[0]
		})
		if i == count/2 {
			group.Go(func() {
				var err error
				reclaimed, err = k.store.Reclaim(t.Context(), store.Reclaim{Node: nodeB, Now: k.now})
				if err != nil {
					t.Errorf("Reclaim: %v", err)
				}
			})
		}
	}
	group.Wait()
	for i, m := range stored {
		want := courier.StatusQueued
		if applied[i] {
			want, reclaimed = courier.StatusSent, reclaimed+1
		}
		if got, attempts := k.read(t, m.ID); got.Status != want || len(attempts) != 1 {
			t.Errorf("message is %s with %d attempts, want %s and 1", got.Status, len(attempts), want)
		}
	}
	if reclaimed != count {
		t.Errorf("%d messages were settled or reclaimed, want %d", reclaimed, count)
	}
}

// testCancelOrClaim lets cancels race with claims.
func testCancelOrClaim(t *testing.T, k *kit) {
	const count = 100
	stored := k.enqueue(t, k.messages(count, nil)...)
	seen := newLedger()
	var group sync.WaitGroup
	for i, m := range stored {
		group.Go(func() {
			_, err := k.store.Cancel(t.Context(), m.ID, k.now)
			var refused *store.TransitionError
			switch {
			case err == nil:
				seen.add(m.ID)
			case !errors.As(err, &refused) || refused.From != courier.StatusProcessing:
				t.Errorf("Cancel: %v", err)
			}
		})
		if i%10 == 0 {
			group.Go(func() {
				claimed, err := k.store.Claim(t.Context(), k.claimRequest(5))
				if err != nil {
					t.Errorf("Claim: %v", err)
				}
				for _, m := range claimed {
					seen.add(m.ID)
				}
			})
		}
	}
	group.Wait()
	for _, m := range k.claim(t, count) {
		seen.add(m.ID)
	}
	seen.isEachOnce(t, count)
}

// testReadersSeeWhole reads messages while others write them: a message that is
// sent has its attempt, one that is processing has its lease.
func testReadersSeeWhole(t *testing.T, k *kit) {
	messages := k.messages(crowd*rounds, nil)
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	writers.Go(func() {
		for _, m := range messages {
			if _, err := k.store.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
				t.Errorf("Enqueue: %v", err)
				return
			}
			claimed, err := k.store.Claim(t.Context(), k.claimRequest(1))
			if err != nil || len(claimed) != 1 {
				t.Errorf("Claim: %d, %v", len(claimed), err)
				return
			}
			if _, err := k.store.Settle(t.Context(), []store.Settlement{k.settlement(claimed[0], courier.StatusSent)}); err != nil {
				t.Errorf("Settle: %v", err)
			}
		}
	})
	for range 3 {
		readers.Go(func() { k.watch(t, messages, done) })
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

// watch reads messages until done is closed.
func (k *kit) watch(t *testing.T, messages []*courier.Message, done <-chan struct{}) {
	t.Helper()
	for i := 0; ; i = (i + 1) % len(messages) {
		select {
		case <-done:
			return
		default:
		}
		m, attempts, err := k.store.Message(t.Context(), messages[i].ID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Errorf("Message: %v", err)
			return
		}
		if leased := m.Lease.Token != 0; leased != (m.Status == courier.StatusProcessing) {
			t.Errorf("message is %s with lease %+v", m.Status, m.Lease)
		}
		if sent := len(attempts) == 1; sent != (m.Status == courier.StatusSent) || m.SendCount != len(attempts) {
			t.Errorf("message is %s with %d of %d attempts", m.Status, len(attempts), m.SendCount)
		}
	}
}

// testOneFaultFailsOne mixes calls that must fail with calls that must not.
func testOneFaultFailsOne(t *testing.T, k *kit) {
	taken := k.enqueue(t, k.message())[0]
	var group sync.WaitGroup
	for range 20 {
		good, bad := k.messages(3, nil), k.message()
		bad.ID = taken.ID
		group.Go(func() {
			if _, err := k.store.Enqueue(t.Context(), good); err != nil {
				t.Errorf("a good call failed: %v", err)
			}
		})
		group.Go(func() {
			if _, err := k.store.Enqueue(t.Context(), []*courier.Message{bad}); !errors.Is(err, store.ErrDuplicateID) {
				t.Errorf("a bad call: %v, want store.ErrDuplicateID", err)
			}
		})
	}
	group.Wait()
	k.hasCounts(t, "the crowd", 61, 0, 0)
}

// testSettleAndReceive lets receipts race with the settlements of their messages:
// whichever is first, both count.
func testSettleAndReceive(t *testing.T, k *kit) { k.race(t, k.store) }

func (k *kit) race(t *testing.T, other store.Store) {
	t.Helper()
	const count = 60
	k.enqueue(t, k.messages(count, nil)...)
	var group sync.WaitGroup
	claimed := k.claim(t, count)
	for i, m := range claimed {
		r := k.receipt(m.ID, courier.StatusDelivered)
		if i%2 == 0 {
			r = k.reference(gatewayA, m.ID, courier.StatusDelivered)
		}
		group.Go(func() { k.settleOne(t, m, courier.StatusSent) })
		group.Go(func() {
			if _, err := other.Receive(t.Context(), []courier.Receipt{r}); err != nil {
				t.Errorf("Receive: %v", err)
			}
		})
	}
	group.Wait()
	for _, m := range claimed {
		for got, _ := k.read(t, m.ID); got.Status != courier.StatusDelivered; got, _ = k.read(t, m.ID) {
			if t.Context().Err() != nil {
				t.Fatalf("message stays %s", got.Status)
			}
			beatOn(t, k.store, k.beat(nodeA)) // the housekeeping looks at what crossed
		}
	}
}
