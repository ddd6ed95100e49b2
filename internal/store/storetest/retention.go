package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func retentionTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"ScrubTakesTheContentOfWhatEnded": testScrub,
		"ScrubTakesTheOldestFirst":        testScrubOrder,
		"ScrubbedOnceIsScrubbed":          testScrubTwice,
		"ScrubbedKeyStillAnswers":         testScrubKey,
		"ScrubbedIsNotQueuedAgain":        testScrubRequeue,
		"ScrubbedCanBeCanceledAgain":      testScrubCancel,
		"ScrubOrRequeueNotBoth":           testScrubOrRequeue,
		"StoredMessageIsNotScrubbed":      testScrubEnqueue,
		"PurgeDeletesWhatEnded":           testPurge,
		"PurgeTakesTheOldestFirst":        testPurgeOrder,
		"PurgeCountsFromTheScrub":         testPurgeScrubbed,
		"PurgeTakesBothKinds":             testPurgeBoth,
		"PurgeTakesTheAttempts":           testPurgeAttempts,
		"PurgeFreesTheKey":                testPurgeKey,
		"PurgedIsNotFound":                testPurgedIsNotFound,
	}
}

// sweep asks for what was last changed before a time.
func (k *kit) sweep(before time.Time, limit int) store.Sweep {
	return store.Sweep{Now: k.now, Before: before, Limit: limit}
}

func (k *kit) scrub(t *testing.T, before time.Time, limit int) int {
	t.Helper()
	n, err := k.store.Scrub(t.Context(), k.sweep(before, limit))
	if err != nil {
		t.Fatalf("Scrub: %v", err)
	}
	return n
}

func (k *kit) purge(t *testing.T, before time.Time, limit int) int {
	t.Helper()
	n, err := k.store.Purge(t.Context(), k.sweep(before, limit))
	if err != nil {
		t.Fatalf("Purge: %v", err)
	}
	return n
}

// own returns a message with every field that a caller sets, and a key of its own.
func (k *kit) own() *courier.Message {
	m := k.full()
	m.IdempotencyKey = m.ID.String()
	return m
}

// ended reports whether retention takes a message of the status.
func ended(status courier.Status) bool { return status == courier.StatusSent || status.Final() }

// scrubbed returns what Scrub makes of a message.
func scrubbed(m *courier.Message, now time.Time) *courier.Message {
	after := *m
	after.Body, after.Subject, after.TemplateData, after.RequestHeaders = "", "", nil, nil
	after.ScrubbedAt = floor(now)
	return &after
}

func testScrub(t *testing.T, k *kit) {
	before, attempts := map[courier.Status]*courier.Message{}, map[courier.Status][]courier.Attempt{}
	for _, status := range courier.Statuses() {
		before[status] = k.bring(t, k.own(), status)
		_, attempts[status] = k.read(t, before[status].ID)
	}
	k.now = k.now.Add(time.Hour)
	if n := k.scrub(t, k.now, 100); n != 7 {
		t.Errorf("Scrub took the content of %d messages, want 7", n)
	}
	for status, want := range before {
		if ended(status) {
			want = scrubbed(want, k.now)
		}
		got, after := k.read(t, want.ID)
		same(t, "message that is "+string(status), got, want)
		same(t, "attempts of one that is "+string(status), after, attempts[status])
	}
	if n := k.scrub(t, k.now, 100); n != 0 {
		t.Errorf("a second Scrub took the content of %d messages", n)
	}
	k.hasCounts(t, "a scrub", 1, 1, 1)
}

// endedInTurn stores messages, the first of which ended last, a second apart.
func (k *kit) endedInTurn(t *testing.T, count int) []*courier.Message {
	t.Helper()
	messages := k.enqueue(t, k.messages(count, nil)...)
	for i := count - 1; i >= 0; i-- {
		messages[i] = k.cancel(t, messages[i].ID)
		k.now = k.now.Add(time.Second)
	}
	return messages
}

// steps are limits, and how many of five messages are taken, one limit after the other.
func steps() []struct{ limit, want int } {
	return []struct{ limit, want int }{{0, 0}, {-1, 0}, {2, 2}, {1, 1}, {2, 1}, {2, 0}}
}

// testScrubOrder leaves the message that was changed at the time itself.
func testScrubOrder(t *testing.T, k *kit) {
	messages := k.endedInTurn(t, 5)
	before, taken := messages[0].UpdatedAt, 0
	for _, step := range steps() {
		if n := k.scrub(t, before, step.limit); n != step.want {
			t.Errorf("Scrub with limit %d took %d, want %d", step.limit, n, step.want)
		}
		taken += step.want
		for i, m := range messages {
			got, _ := k.read(t, m.ID)
			if want := len(messages)-i <= taken; got.ScrubbedAt.IsZero() == want {
				t.Errorf("after %d messages, the one that ended %d. is scrubbed: %v", taken, len(messages)-i, !want)
			}
		}
	}
}

func testScrubTwice(t *testing.T, k *kit) {
	m := k.bring(t, k.own(), courier.StatusSent)
	k.now = k.now.Add(time.Hour)
	k.scrub(t, k.now, 10)
	check := k.unchanged(t, m.ID)
	k.now = k.now.Add(time.Hour)
	if n := k.scrub(t, k.now, 10); n != 0 {
		t.Errorf("Scrub took the content of %d scrubbed messages", n)
	}
	check()
}

func testScrubKey(t *testing.T, k *kit) {
	k.enqueue(t, k.keyed("key", 1))
	m := k.claim(t, 1)[0]
	k.settleOne(t, m, courier.StatusSent)
	k.now = k.now.Add(time.Hour)
	k.scrub(t, k.now, 10)
	found, _ := k.read(t, m.ID)
	answers := k.enqueueAny(t, k.keyed("key", 1), k.keyed("key", 2))
	same(t, "first of the key", answers[0].Message, found)
	if !answers[0].Duplicate || !errors.Is(answers[1].Err, store.ErrIdempotencyConflict) {
		t.Errorf("answers are %+v, want a duplicate and a conflict", answers)
	}
}

func testScrubRequeue(t *testing.T, k *kit) {
	for _, status := range courier.Statuses() {
		if !ended(status) {
			continue
		}
		m := k.bring(t, k.own(), status)
		k.now = k.now.Add(time.Hour)
		k.scrub(t, k.now, 10)
		check := k.unchanged(t, m.ID)
		_, err := k.store.Requeue(t.Context(), store.Requeue{ID: m.ID, Now: k.now})
		if status.CanBecome(courier.StatusQueued) {
			if !errors.Is(err, store.ErrScrubbed) {
				t.Errorf("Requeue of a scrubbed message that was %s: %v, want store.ErrScrubbed", status, err)
			}
		} else {
			isTransition(t, err, store.TransitionError{ID: m.ID, From: status, To: courier.StatusQueued})
		}
		check()
	}
}

func testScrubCancel(t *testing.T, k *kit) {
	m := k.bring(t, k.own(), courier.StatusCanceled)
	k.now = k.now.Add(time.Hour)
	k.scrub(t, k.now, 10)
	want, _ := k.read(t, m.ID)
	same(t, "answer", k.cancel(t, m.ID), want)
	if want.ScrubbedAt.IsZero() {
		t.Error("the message was not scrubbed")
	}
}

// testScrubOrRequeue lets retries by hand race with a scrub: a message is queued
// with its content or scrubbed, and its caller knows which.
func testScrubOrRequeue(t *testing.T, k *kit) {
	const count = 60
	messages := make([]*courier.Message, count)
	for i := range messages {
		messages[i] = k.in(t, courier.StatusRejected)
	}
	k.now = k.now.Add(time.Hour)
	refused := make([]bool, count)
	var group sync.WaitGroup
	for i, m := range messages {
		group.Go(func() {
			_, err := k.store.Requeue(t.Context(), store.Requeue{ID: m.ID, Now: k.now})
			if refused[i] = errors.Is(err, store.ErrScrubbed); err != nil && !refused[i] {
				t.Errorf("Requeue: %v", err)
			}
		})
		if i%10 == 0 {
			group.Go(func() {
				if _, err := k.store.Scrub(t.Context(), k.sweep(k.now, count/5)); err != nil {
					t.Errorf("Scrub: %v", err)
				}
			})
		}
	}
	group.Wait()
	for i, m := range messages {
		got, _ := k.read(t, m.ID)
		queued, whole := got.Status == courier.StatusQueued, got.Body == m.Body && got.ScrubbedAt.IsZero()
		if queued == refused[i] || queued && !whole {
			t.Errorf("message is %s, whole: %v, and its retry was refused: %v", got.Status, whole, refused[i])
		}
	}
}

func testScrubEnqueue(t *testing.T, k *kit) {
	m := k.message()
	m.ScrubbedAt = k.now
	stored := k.enqueue(t, m)[0]
	got, _ := k.read(t, m.ID)
	same(t, "stored message", got, stored)
	if !got.ScrubbedAt.IsZero() {
		t.Errorf("a new message was scrubbed at %v", got.ScrubbedAt)
	}
}

func testPurge(t *testing.T, k *kit) {
	checks := map[courier.Status]func(){}
	ids := map[courier.Status]courier.ID{}
	for _, status := range courier.Statuses() {
		ids[status] = k.bring(t, k.own(), status).ID
		checks[status] = k.unchanged(t, ids[status])
	}
	k.now = k.now.Add(time.Hour)
	if n := k.purge(t, k.now, 100); n != 7 {
		t.Errorf("Purge deleted %d messages, want 7", n)
	}
	for status, id := range ids {
		if ended(status) {
			k.isMissing(t, id)
			continue
		}
		checks[status]()
	}
	page, err := k.store.Messages(t.Context(), store.Query{Limit: 100})
	if err != nil || len(page.Messages) != 3 {
		t.Errorf("Messages: %d, %v, want the 3 that have not ended", len(page.Messages), err)
	}
	k.hasCounts(t, "a purge", 1, 1, 1)
}

// isPurged checks that of messages which ended in turn the oldest are gone.
func (k *kit) isPurged(t *testing.T, messages []*courier.Message, taken int) {
	t.Helper()
	for i, m := range messages {
		if len(messages)-i <= taken {
			k.isMissing(t, m.ID)
		} else {
			k.read(t, m.ID)
		}
	}
}

// testPurgeOrder leaves the message that was changed at the time itself.
func testPurgeOrder(t *testing.T, k *kit) {
	messages := k.endedInTurn(t, 5)
	before, taken := messages[0].UpdatedAt, 0
	for _, step := range steps() {
		if n := k.purge(t, before, step.limit); n != step.want {
			t.Errorf("Purge with limit %d deleted %d, want %d", step.limit, n, step.want)
		}
		taken += step.want
		k.isPurged(t, messages, taken)
	}
}

func testPurgeScrubbed(t *testing.T, k *kit) {
	messages := k.endedInTurn(t, 5)
	changed := k.now
	for range messages { // each at a time of its own
		k.now = k.now.Add(time.Hour)
		k.scrub(t, changed, 1)
	}
	if n := k.purge(t, changed.Add(time.Minute), 100); n != 0 {
		t.Errorf("Purge deleted %d messages that were scrubbed after the time", n)
	}
	last, taken := floor(k.now), 0
	for _, step := range steps() {
		if n := k.purge(t, last, step.limit); n != step.want {
			t.Errorf("Purge with limit %d deleted %d, want %d", step.limit, n, step.want)
		}
		taken += step.want
		k.isPurged(t, messages, taken)
	}
}

func testPurgeBoth(t *testing.T, k *kit) {
	k.endedInTurn(t, 4)
	k.scrub(t, k.now, 2)
	k.now = k.now.Add(time.Second)
	for _, step := range []struct{ limit, want int }{{3, 3}, {3, 1}, {3, 0}} {
		if n := k.purge(t, k.now, step.limit); n != step.want {
			t.Errorf("Purge with limit %d deleted %d, want %d", step.limit, n, step.want)
		}
	}
}

// testPurgeAttempts stores a message of the same id again: it has no attempts.
func testPurgeAttempts(t *testing.T, k *kit) {
	m := k.processing(t)
	s := k.settleOne(t, m, courier.StatusQueued)
	k.now = s.NextAttemptAt
	k.settleOne(t, k.claim(t, 1)[0], courier.StatusSent)
	if _, attempts := k.read(t, m.ID); len(attempts) != 2 {
		t.Fatalf("%d attempts are recorded, want 2", len(attempts))
	}
	k.now = k.now.Add(time.Hour)
	k.purge(t, k.now, 10)
	again := k.message()
	again.ID = m.ID
	k.enqueue(t, again)
	got, attempts := k.read(t, m.ID)
	if len(attempts) != 0 || got.LastError != nil || got.SendCount != 0 {
		t.Errorf("the new message is %+v with %d attempts of the old one", got, len(attempts))
	}
}

func testPurgeKey(t *testing.T, k *kit) {
	for round := range 2 { // deleted with its content and without
		k.enqueue(t, k.keyed("key", 1))
		k.settleOne(t, k.claim(t, 1)[0], courier.StatusSent)
		k.now = k.now.Add(time.Hour)
		if round == 1 {
			k.scrub(t, k.now, 10)
			k.now = k.now.Add(time.Hour)
		}
		k.purge(t, k.now, 10)
	}
	other := k.keyed("key", 2)
	if got := k.enqueue(t, other)[0]; got.ID != other.ID {
		t.Errorf("the key still answers with %s", got.ID)
	}
}

// testPurgedIsNotFound goes on with a message as one does who does not know.
func testPurgedIsNotFound(t *testing.T, k *kit) {
	m := k.processing(t)
	late := k.settlement(m, courier.StatusSent)
	k.settleOne(t, m, courier.StatusRejected)
	k.now = k.now.Add(time.Hour)
	k.purge(t, k.now, 10)
	if applied := k.settle(t, late); applied[0] {
		t.Error("a settlement of a deleted message applied")
	}
	if _, err := k.store.Cancel(t.Context(), m.ID, k.now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Cancel: %v, want store.ErrNotFound", err)
	}
	if _, err := k.store.Requeue(t.Context(), store.Requeue{ID: m.ID, Now: k.now}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Requeue: %v, want store.ErrNotFound", err)
	}
}
