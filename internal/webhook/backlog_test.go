package webhook_test

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"courier"
	"courier/internal/store"
)

// backlog is a store with more callbacks than fit on a page: two changes of each message,
// the second of which is far behind the first. The first changes of some messages become
// visible only after the first page was read, as those of another node's transaction may.
type backlog struct {
	mu     sync.Mutex
	events []store.Event
	late   []store.Event
}

func newBacklog(count int) *backlog {
	b := &backlog{}
	for i := range count {
		id := courier.ID{0: 1}
		binary.BigEndian.PutUint16(id[14:], uint16(i%(count/2))) //nolint:gosec // a few thousand
		e := store.Event{Seq: int64(i + 1), MessageID: id, To: courier.StatusSent}
		if i >= count/2 {
			e.From, e.To = courier.StatusSent, courier.StatusDelivered
		}
		if i%100 == 7 && i < count/2 {
			b.late = append(b.late, e)
			continue
		}
		b.events = append(b.events, e)
	}
	return b
}

// Listen implements webhook.Store.
func (b *backlog) Listen(context.Context, string, []courier.Status) error { return nil }

// Listeners implements webhook.Store.
func (b *backlog) Listeners(context.Context) ([]string, error) { return nil, nil }

// Events implements webhook.Store.
func (b *backlog) Events(_ context.Context, _ string, after int64, limit int) ([]store.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var page []store.Event
	for _, e := range b.events {
		if e.Seq > after && len(page) < limit {
			page = append(page, e)
		}
	}
	b.events, b.late = append(b.events, b.late...), nil
	slices.SortFunc(b.events, func(x, y store.Event) int { return int(x.Seq - y.Seq) })
	return page, nil
}

// Forget implements webhook.Store.
func (b *backlog) Forget(_ context.Context, events []store.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = slices.DeleteFunc(b.events, func(e store.Event) bool {
		return slices.ContainsFunc(events, func(gone store.Event) bool { return gone.Seq == e.Seq })
	})
	return nil
}

// RecordNotices implements webhook.Store.
func (b *backlog) RecordNotices(ctx context.Context, notices []store.Notice) error {
	var ended []store.Event
	for _, n := range notices {
		if n.State != store.NoticeWaiting {
			ended = append(ended, store.Event{Seq: n.Seq})
		}
	}
	return b.Forget(ctx, ended)
}

// Message implements webhook.Store: some messages are for other hosts.
func (b *backlog) Message(_ context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	m := &courier.Message{ID: id, CallbackURL: "http://bad/"}
	switch number := binary.BigEndian.Uint16(id[14:]) % 250; {
	case number < 10:
		m.CallbackURL = "http://good/"
	case number < 100:
		m.CallbackURL = "http://other/"
	}
	return m, nil, nil
}
