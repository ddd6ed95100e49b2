package webhook

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"courier"
	"courier/internal/store"
)

// The rhythm of what is tried again.
const (
	firstWait = 2 * time.Second
	longWait  = 5 * time.Minute
	// An event is given up once it is older than keepFor and its endpoint, or the event
	// by itself, failed for failFor: who was away for longer than a day learns of nothing
	// that is older, but is asked.
	keepFor = 24 * time.Hour
	failFor = time.Hour
	// downAfter is how many messages in a row make an endpoint one that is down. A single
	// one that it does not take says nothing of the others.
	downAfter = 3
	// perTarget is the most posts to an endpoint at one time.
	perTarget = 32
)

// backoff returns how long to wait after a number of failures in a row, at least 1.
func backoff(failures int) time.Duration {
	wait := longWait
	if failures < 10 {
		wait = min(firstWait<<(failures-1), longWait)
	}
	return wait - rand.N(wait/5)
}

// stream is the events of one message, in order: the next is posted once the one before
// was taken.
type stream struct {
	id     courier.ID
	events []store.Event
	// failures and failingSince are those of the first event.
	failures     int
	failingSince time.Time
	nextAt       time.Time
}

// target is who is told: an endpoint, or all callbacks of one host.
type target struct {
	// name is what the log calls it.
	name    string
	streams map[courier.ID]*stream
	// waiting are the streams of which no event is under way.
	waiting queue
	// events counts those of all streams, busy the ones under way.
	events, busy int

	// failed are the messages whose events failed since one was last taken, up to downAfter.
	failed map[courier.ID]struct{}
	// failures counts the waits since the target is down, and failingSince is when it
	// went down.
	failures     int
	failingSince time.Time
	nextAt       time.Time
	// gone is true once it answered that it wants no more.
	gone bool
}

func newTarget(name string) *target {
	return &target{name: name, streams: map[courier.ID]*stream{}, failed: map[courier.ID]struct{}{}}
}

func (t *target) down() bool { return t.gone || len(t.failed) >= downAfter }

// add takes in an event that follows all others of its message.
func (t *target) add(e store.Event) {
	t.events++
	s := t.streams[e.MessageID]
	if s == nil {
		s = &stream{id: e.MessageID, events: []store.Event{e}}
		t.streams[e.MessageID] = s
		heap.Push(&t.waiting, s)
		return
	}
	s.events = append(s.events, e)
}

// next returns a stream whose first event is to be posted now, or nil.
func (t *target) next(now time.Time) *stream {
	at, ok := t.wakeAt()
	if !ok || at.After(now) {
		return nil
	}
	t.busy++
	return heap.Pop(&t.waiting).(*stream) //nolint:errcheck,forcetypeassert // the heap holds nothing else
}

// wakeAt returns when the next event is to be posted, unless one must be answered before.
func (t *target) wakeAt() (time.Time, bool) {
	limit := perTarget
	if t.down() {
		limit = 1
	}
	if t.gone || t.busy >= limit || len(t.waiting) == 0 {
		return time.Time{}, false
	}
	if first := t.waiting[0].nextAt; first.After(t.nextAt) {
		return first, true
	}
	return t.nextAt, true
}

// taken notes that the first event of a stream was dealt with, and reports since when
// the target was down that is so no more.
func (t *target) taken(s *stream) (downSince time.Time) {
	t.busy--
	if t.down() {
		downSince = t.failingSince
		// What failed because of it need not wait.
		for _, other := range t.waiting {
			other.nextAt = time.Time{}
		}
		heap.Init(&t.waiting)
	}
	clear(t.failed)
	t.failures, t.failingSince, t.nextAt = 0, time.Time{}, time.Time{}
	t.drop(s)
	return downSince
}

// refused notes that the first event of a stream was not taken, and reports whether the
// target is down since.
func (t *target) refused(s *stream, now time.Time, retryAfter time.Duration) (fell bool) {
	t.busy--
	s.failures++
	s.nextAt = now.Add(backoff(s.failures))
	if s.failingSince.IsZero() {
		s.failingSince = now
	}
	before := t.down()
	if !before {
		t.failed[s.id] = struct{}{}
	}
	if t.down() && !now.Before(t.nextAt) { // those that were under way together are one failure
		t.failures++
		t.nextAt = now.Add(backoff(t.failures))
	}
	if fell = t.down() && !before; fell {
		t.failingSince = now
	}
	if at := now.Add(retryAfter); retryAfter > 0 && at.After(t.nextAt) {
		t.nextAt = at
	}
	heap.Push(&t.waiting, s)
	return fell
}

// later has a stream tried again though nothing is known of the target.
func (t *target) later(s *stream, at time.Time) {
	t.busy--
	s.nextAt = at
	heap.Push(&t.waiting, s)
}

// drop takes the first event out of a stream that is not waiting.
func (t *target) drop(s *stream) {
	t.events--
	s.events = s.events[1:]
	s.failures, s.failingSince, s.nextAt = 0, time.Time{}, time.Time{}
	if len(s.events) == 0 {
		delete(t.streams, s.id)
		return
	}
	heap.Push(&t.waiting, s)
}

// giveUp takes out the events that are too old, and returns them. now is on the clock of
// the machine, and today on that of the store.
func (t *target) giveUp(now, today time.Time) (old []store.Event) {
	kept := t.waiting[:0]
	for _, s := range t.waiting {
		since := s.failingSince
		if t.down() {
			since = t.failingSince
		}
		for len(s.events) > 0 && isOld(s.events[0], since, now, today) {
			old = append(old, s.events[0])
			s.events = s.events[1:]
			s.failures, s.failingSince, s.nextAt = 0, time.Time{}, time.Time{}
			t.events--
			if !t.down() {
				since = time.Time{}
			}
		}
		if len(s.events) == 0 {
			delete(t.streams, s.id)
			continue
		}
		kept = append(kept, s)
	}
	clear(t.waiting[len(kept):])
	t.waiting = kept
	heap.Init(&t.waiting)
	return old
}

func isOld(e store.Event, failingSince, now, today time.Time) bool {
	return today.Sub(e.At) > keepFor && !failingSince.IsZero() && now.Sub(failingSince) >= failFor
}

// queue is a heap of streams, the one to be tried first on top.
type queue []*stream

// Len implements heap.Interface.
func (q queue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q queue) Less(i, j int) bool {
	if !q[i].nextAt.Equal(q[j].nextAt) {
		return q[i].nextAt.Before(q[j].nextAt)
	}
	return q[i].events[0].Seq < q[j].events[0].Seq
}

// Swap implements heap.Interface.
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *queue) Push(s any) { *q = append(*q, s.(*stream)) } //nolint:errcheck,forcetypeassert // nothing else is pushed

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return s
}
