package storetest

import (
	"errors"
	"sync"
	"testing"

	"courier"
	"courier/internal/store"
)

func idempotencyTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"RepeatReturnsTheFirst":       testRepeatReturnsTheFirst,
		"RepeatSeesThePresentState":   testRepeatSeesThePresentState,
		"OtherContentIsAConflict":     testOtherContentIsAConflict,
		"HoldsInsideABatch":           testHoldsInsideABatch,
		"LeavesTheOthersOfTheBatch":   testLeavesTheOthersOfTheBatch,
		"ManyCallersStoreOne":         testManyCallersStoreOne,
		"NoKeyIsNoKey":                testNoKeyIsNoKey,
		"KeysAreComparedByteForByte":  testKeysAreComparedByteForByte,
		"CallersHaveKeysOfTheirOwn":   testKeysOfCallers,
		"LeasedRepeatIsNotProcessing": testLeasedRepeat,
	}
}

func (k *kit) keyed(key string, fingerprint byte) *courier.Message {
	m := k.message()
	m.IdempotencyKey, m.Fingerprint[0] = key, fingerprint
	return m
}

func (k *kit) enqueueAny(t *testing.T, messages ...*courier.Message) []store.Enqueued {
	t.Helper()
	answers, err := k.store.Enqueue(t.Context(), messages)
	if err != nil || len(answers) != len(messages) {
		t.Fatalf("Enqueue: %d answers, %v", len(answers), err)
	}
	return answers
}

func (k *kit) isMissing(t *testing.T, id courier.ID) {
	t.Helper()
	if _, _, err := k.store.Message(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Message: %v, want store.ErrNotFound", err)
	}
}

func testRepeatReturnsTheFirst(t *testing.T, k *kit) {
	first, again := k.keyed("key", 1), k.keyed("key", 1)
	k.enqueue(t, first)
	answer := k.enqueueAny(t, again)[0]
	if !answer.Duplicate || answer.Err != nil || answer.Message.ID != first.ID {
		t.Errorf("answer is %+v, want a duplicate of %s", answer, first.ID)
	}
	k.isMissing(t, again.ID)
	k.hasCounts(t, "it", 1, 0, 0)
}

func testRepeatSeesThePresentState(t *testing.T, k *kit) {
	first := k.keyed("key", 1)
	k.enqueue(t, first)
	claimed := k.claim(t, 1)
	k.settleOne(t, claimed[0], courier.StatusRejected)
	answer := k.enqueueAny(t, k.keyed("key", 1))[0]
	found, _ := k.read(t, first.ID)
	same(t, "message of the answer", answer.Message, found)
	if found.Status != courier.StatusRejected || found.LastError == nil {
		t.Errorf("message is %+v, want it rejected", found)
	}
}

func testOtherContentIsAConflict(t *testing.T, k *kit) {
	first, other := k.keyed("key", 1), k.keyed("key", 2)
	k.enqueue(t, first)
	check := k.unchanged(t, first.ID)
	answer := k.enqueueAny(t, other)[0]
	if answer.Duplicate || !errors.Is(answer.Err, store.ErrIdempotencyConflict) {
		t.Errorf("answer is %+v, want store.ErrIdempotencyConflict", answer)
	}
	k.isMissing(t, other.ID)
	check()
}

func testHoldsInsideABatch(t *testing.T, k *kit) {
	first, again, other := k.keyed("key", 1), k.keyed("key", 1), k.keyed("key", 2)
	answers := k.enqueueAny(t, first, again, other)
	if answers[0].Duplicate || answers[0].Err != nil {
		t.Errorf("first answer is %+v", answers[0])
	}
	if !answers[1].Duplicate || answers[1].Message.ID != first.ID {
		t.Errorf("second answer is %+v, want a duplicate", answers[1])
	}
	if !errors.Is(answers[2].Err, store.ErrIdempotencyConflict) {
		t.Errorf("third answer is %+v, want a conflict", answers[2])
	}
	if claimed := k.claim(t, 10); len(claimed) != 1 {
		t.Errorf("%d messages were stored, want 1", len(claimed))
	}
}

func testLeavesTheOthersOfTheBatch(t *testing.T, k *kit) {
	k.enqueue(t, k.keyed("taken", 1))
	batch := []*courier.Message{k.message(), k.keyed("taken", 2), k.keyed("free", 1), k.keyed("taken", 1), k.message()}
	answers := k.enqueueAny(t, batch...)
	for _, i := range []int{0, 2, 4} {
		if answers[i].Err != nil || answers[i].Duplicate || answers[i].Message.ID != batch[i].ID {
			t.Errorf("answer %d is %+v, want the message stored", i, answers[i])
		}
		k.read(t, batch[i].ID)
	}
}

func testManyCallersStoreOne(t *testing.T, k *kit) {
	const callers = 24
	answers := make([]store.Enqueued, callers)
	var group sync.WaitGroup
	for i := range callers {
		message := k.keyed("key", 1)
		group.Go(func() {
			found, err := k.store.Enqueue(t.Context(), []*courier.Message{message})
			if err != nil {
				t.Errorf("Enqueue: %v", err)
				return
			}
			answers[i] = found[0]
		})
	}
	group.Wait()
	fresh := 0
	for _, answer := range answers {
		if !answer.Duplicate {
			fresh++
		}
		if answer.Message == nil || answer.Message.ID != answers[0].Message.ID {
			t.Errorf("callers got different messages: %+v", answer)
		}
	}
	if fresh != 1 {
		t.Errorf("%d callers stored the message, want 1", fresh)
	}
}

func testNoKeyIsNoKey(t *testing.T, k *kit) {
	k.enqueue(t, k.keyed("", 1), k.keyed("", 1), k.keyed("", 2))
	if got := k.stats(t).Queued; got != 3 {
		t.Errorf("%d messages were stored, want 3", got)
	}
}

func testKeysAreComparedByteForByte(t *testing.T, k *kit) {
	k.enqueue(t, k.keyed("key", 1), k.keyed("Key", 2), k.keyed("key ", 3), k.keyed("ké", 4), k.keyed("ke\u0301", 5))
	if got := k.stats(t).Queued; got != 5 {
		t.Errorf("%d messages were stored, want 5", got)
	}
}

// testKeysOfCallers uses one key for other content under several names: nobody
// finds out by a key what another asked for.
func testKeysOfCallers(t *testing.T, k *kit) {
	var batch []*courier.Message
	for i, caller := range []string{"", "shop", "bank", "shop "} {
		m := k.keyed("key", byte(i))
		m.Caller = caller
		batch = append(batch, m)
	}
	k.enqueue(t, batch[:2]...)
	k.enqueue(t, batch[2:]...)
	for i, first := range batch {
		again, other := k.keyed("key", byte(i)), k.keyed("key", 9)
		again.Caller, other.Caller = first.Caller, first.Caller
		answers := k.enqueueAny(t, again, other)
		if !answers[0].Duplicate || answers[0].Message.ID != first.ID {
			t.Errorf("caller %q: answer is %+v, want a duplicate of its own", first.Caller, answers[0])
		}
		if !errors.Is(answers[1].Err, store.ErrIdempotencyConflict) || answers[1].Message.ID != first.ID {
			t.Errorf("caller %q: answer is %+v, want a conflict with its own", first.Caller, answers[1])
		}
	}
}

func testLeasedRepeat(t *testing.T, k *kit) {
	first, again := k.keyed("key", 1), k.leased(k.keyed("key", 1))
	k.enqueue(t, first)
	answer := k.enqueueAny(t, again)[0]
	if !answer.Duplicate || answer.Message.Status != courier.StatusQueued {
		t.Errorf("answer is %+v, want the queued first", answer)
	}
	if stats := k.stats(t); stats.Queued != 1 || stats.Processing != 0 {
		t.Errorf("stats are %+v, want one queued message", stats)
	}
}
