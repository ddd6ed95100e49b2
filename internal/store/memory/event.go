package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// event is an event of one listener, and how often that was told of it in vain.
type event struct {
	store.Event
	listener string
	tries    int
	triedAt  time.Time
	fault    string
}

// notice is what became of it so far.
func (e *event) notice() store.Notice {
	return store.Notice{
		Seq: e.Seq, Listener: e.listener, To: e.To, At: e.At, State: store.NoticeWaiting, Tries: e.tries, TriedAt: e.triedAt, Fault: e.fault,
	}
}

// leaveEvent tells the listeners that a message came into its status.
func (d *database) leaveEvent(m *courier.Message, from courier.Status) {
	for _, listener := range slices.Sorted(maps.Keys(d.listeners)) {
		if !slices.Contains(d.listeners[listener], m.Status) {
			continue
		}
		d.lastEvent++
		e := store.Event{Seq: d.lastEvent, MessageID: m.ID, From: from, To: m.Status, At: m.UpdatedAt}
		d.events = append(d.events, event{Event: e, listener: listener})
	}
}

// Listen implements store.Store.
func (s *Store) Listen(ctx context.Context, listener string, statuses []courier.Status) error {
	return s.do(ctx, "listen to messages", func() error {
		if err := store.CheckListener(listener, statuses); err != nil {
			return err
		}
		s.listeners[listener] = slices.Clone(statuses)
		if len(statuses) == 0 {
			delete(s.listeners, listener)
			s.events = slices.DeleteFunc(s.events, func(e event) bool { return e.listener == listener })
		}
		return nil
	})
}

// Listeners implements store.Store.
func (s *Store) Listeners(ctx context.Context) ([]string, error) {
	return get(ctx, s, "read listeners", func() ([]string, error) { return slices.Sorted(maps.Keys(s.listeners)), nil })
}

// Events implements store.Store.
func (s *Store) Events(ctx context.Context, listener string, after int64, limit int) ([]store.Event, error) {
	return get(ctx, s, "read events", func() (events []store.Event, _ error) {
		for _, e := range s.events {
			if e.listener == listener && e.Seq > after && len(events) < limit {
				events = append(events, e.Event)
			}
		}
		return events, nil
	})
}

// Forget implements store.Store.
func (s *Store) Forget(ctx context.Context, events []store.Event) error {
	return s.do(ctx, "forget events", func() error {
		gone := map[int64]bool{}
		for _, e := range events {
			gone[e.Seq] = true
		}
		s.events = slices.DeleteFunc(s.events, func(e event) bool { return gone[e.Seq] })
		return nil
	})
}

// RecordNotices implements store.Store.
func (s *Store) RecordNotices(ctx context.Context, notices []store.Notice) error {
	return s.do(ctx, "record notices", func() error {
		waiting, ended := store.CleanNotices(notices)
		for _, n := range append(waiting, ended...) {
			at := slices.IndexFunc(s.events, func(e event) bool { return e.Seq == n.Seq })
			if at < 0 {
				continue
			}
			e := &s.events[at]
			e.tries += n.Tries
			if !n.TriedAt.IsZero() {
				e.triedAt = n.TriedAt
			}
			switch {
			case n.State == store.NoticeDelivered:
				e.fault = ""
			case n.State == store.NoticeWaiting || n.Fault != "":
				e.fault = n.Fault
			}
			if n.State == store.NoticeWaiting {
				continue
			}
			if s.byID[e.MessageID] != nil {
				told := e.notice()
				told.State = n.State
				s.notices[e.MessageID] = append(s.notices[e.MessageID], told)
			}
			s.events = slices.Delete(s.events, at, at+1)
		}
		return nil
	})
}

// Notices implements store.Store.
func (s *Store) Notices(ctx context.Context, id courier.ID) ([]store.Notice, error) {
	return get(ctx, s, "read notices", func() ([]store.Notice, error) {
		found := slices.Clone(s.notices[id])
		for i := range s.events {
			if s.events[i].MessageID == id {
				found = append(found, s.events[i].notice())
			}
		}
		return store.SortNotices(found), nil
	})
}
