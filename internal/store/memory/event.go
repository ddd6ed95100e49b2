package memory

import (
	"context"
	"maps"
	"slices"

	"courier"
	"courier/internal/store"
)

// event is an event of one listener.
type event struct {
	store.Event
	listener string
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
