package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func limitTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"CountInOrder":           testLimitOrder,
		"RepeatCountsNothing":    testLimitRepeat,
		"RefusedOfOneBatchOfTwo": testLimitKinds,
		"PurgeForgets":           testLimitPurge,
		"HoldUnderLoad":          testLimitLoad,
	}
}

// limited returns a message of a subject, of which count are taken in an hour.
func (k *kit) limited(subject byte, count int) *courier.Message {
	m := k.message()
	m.Limits = []courier.Limit{{By: courier.LimitByRecipient, Subject: store.Subject{subject}, Count: count, Per: time.Hour}}
	return m
}

func isLimited(answer store.Enqueued) bool {
	_, limited := errors.AsType[*courier.LimitError](answer.Err)
	return limited && answer.Message == nil && !answer.Duplicate
}

// testLimitOrder judges each message of a batch by those before it, also of the calls before.
func testLimitOrder(t *testing.T, k *kit) {
	k.enqueue(t, k.limited(1, 3))
	batch := []*courier.Message{k.limited(1, 3), k.limited(2, 1), k.message(), k.limited(1, 3), k.limited(1, 3), k.limited(2, 1), k.limited(2, 2)}
	for i, answer := range k.enqueueAny(t, batch...) {
		if want := i == 4 || i == 5; isLimited(answer) != want || !want && answer.Message.ID != batch[i].ID {
			t.Errorf("message %d is answered with %+v", i, answer)
		}
	}
	k.isMissing(t, batch[4].ID)
	k.hasCounts(t, "those that were taken", 6, 0, 0)
}

// testLimitRepeat repeats a message by its key, in the same call and in another, where
// there is no room for one more.
func testLimitRepeat(t *testing.T, k *kit) {
	keyed := func(key string) *courier.Message {
		m := k.limited(1, 2)
		m.IdempotencyKey = key
		return m
	}
	answers := k.enqueueAny(t, keyed("a"), keyed("a"), keyed("b"), keyed("a"), keyed("c"))
	again := k.enqueueAny(t, keyed("b"), keyed("c"))
	for i, want := range []bool{false, true, false, true, false, true, false} {
		answer := append(answers, again...)[i]
		refused := i == 4 || i == 6
		if answer.Duplicate != want || isLimited(answer) != refused {
			t.Errorf("answer %d is %+v", i, answer)
		}
	}
}

// testLimitKinds refuses a message for any of its limits, and then counts it for none.
func testLimitKinds(t *testing.T, k *kit) {
	both := func() *courier.Message {
		m := k.limited(1, 5)
		m.Limits = append(m.Limits, courier.Limit{By: courier.LimitByKey, Subject: store.Subject{2}, Count: 1, Per: time.Hour})
		return m
	}
	answers := k.enqueueAny(t, both(), both(), k.limited(1, 2), k.limited(1, 2))
	for i, want := range []bool{false, true, false, true} {
		if isLimited(answers[i]) != want {
			t.Errorf("answer %d is %+v", i, answers[i])
		}
	}
	limit, _ := errors.AsType[*courier.LimitError](answers[1].Err)
	if limit == nil || limit.By != courier.LimitByKey || limit.RetryAfter <= 0 || limit.RetryAfter > time.Hour {
		t.Errorf("the refusal is %+v", limit)
	}
}

func testLimitPurge(t *testing.T, k *kit) {
	k.enqueue(t, k.limited(1, 1), k.limited(2, 1), k.limited(3, 1))
	purge := func(after time.Duration, limit int) int {
		n, err := k.store.PurgeUsage(t.Context(), k.store.Now().Add(after), limit)
		if err != nil {
			t.Fatalf("PurgeUsage: %v", err)
		}
		return n
	}
	if n := purge(30*time.Minute, 10); n != 0 {
		t.Errorf("%d were forgotten that count", n)
	}
	if first, second, third := purge(3*time.Hour, 2), purge(3*time.Hour, 2), purge(3*time.Hour, 2); first != 2 || second != 1 || third != 0 {
		t.Errorf("%d, %d and %d were forgotten, want 2, 1 and none", first, second, third)
	}
	k.enqueue(t, k.limited(1, 1))
}

func testLimitLoad(t *testing.T, k *kit) { k.storeLimited(t, k.store) }

func testLimitsOfTwo(t *testing.T, p *pair) { p.storeLimited(t, p.both()...) }

// storeLimited stores from many sides at once, on every store, with and without keys and
// between messages without limits: exactly as many are taken as the limits allow.
func (k *kit) storeLimited(t *testing.T, stores ...store.Store) {
	t.Helper()
	const callers, calls, allowed = 4, 12, 17
	var taken [3]atomic.Int64
	var wait sync.WaitGroup
	for caller := range callers * len(stores) {
		wait.Go(func() {
			for call := range calls {
				batch := []*courier.Message{k.message()}
				for subject := range taken {
					m := k.limited(byte((subject+caller)%len(taken)), allowed) //nolint:gosec // of three
					if call%2 == 0 {
						m.IdempotencyKey = m.ID.String()
					}
					batch = append(batch, m)
				}
				answers, err := stores[caller%len(stores)].Enqueue(t.Context(), batch)
				if err != nil {
					t.Errorf("Enqueue: %v", err)
					return
				}
				for i, answer := range answers[1:] {
					if answer.Message != nil {
						taken[batch[1+i].Limits[0].Subject[0]].Add(1)
					}
				}
			}
		})
	}
	wait.Wait()
	for subject := range taken {
		if n := taken[subject].Load(); n != allowed {
			t.Errorf("%d messages of subject %d were taken, want %d", n, subject, allowed)
		}
	}
}
