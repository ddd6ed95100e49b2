package memory

import (
	"bytes"
	"time"

	"courier"
	"courier/internal/store"
)

// add lets a new message take its place, and answers for it.
func (s *Store) add(taking *store.Superseding, row *store.Row) store.Enqueued {
	key := store.PlaceKeyOf(row.Message)
	for _, subject := range store.Subjects(row.Limits) {
		if !taking.Counts(subject) {
			_ = taking.Set(subject, s.usage[subject].times) // what was written here can be read
		}
	}
	if key.Key == "" {
		return taking.Add(row, s.nowFunc())
	}
	if !taking.Knows(key) {
		var rivals []store.Rival
		for _, m := range s.rows {
			if inFlight := m.Status == courier.StatusProcessing; store.PlaceKeyOf(m) == key && (inFlight || m.Status == courier.StatusQueued) {
				rivals = append(rivals, store.Rival{ID: m.ID, InFlight: inFlight, Marked: !m.SupersededBy.IsZero()})
			}
		}
		taking.Hold(key, rivals)
	}
	of := store.Latest(row.Message)
	var latest *courier.Message
	for _, m := range s.rows {
		if store.PlaceKeyOf(m) == key && m.To == of.To && m.CreatedAt.After(of.Since) && (latest == nil || bytes.Compare(m.ID[:], latest.ID[:]) > 0) {
			latest = m
		}
	}
	taking.SetLatest(latest)
	return taking.Add(row, s.nowFunc())
}

// takePlace writes that a newer message takes the place of a stored one.
func (s *Store) takePlace(place store.Place) {
	m := s.byID[place.ID]
	s.change(m, func() {
		m.SupersededBy = place.By
		if !place.InFlight {
			m.Status, m.NextAttemptAt, m.UpdatedAt = courier.StatusCanceled, time.Time{}, place.At
			store.NoteEnd(m)
		}
	})
}

// endSuperseded cancels a message whose attempt through a gateway is over, if it must not
// be sent after the newer one.
func (d *database) endSuperseded(m *courier.Message, gateway string) {
	if m.SupersededBy.IsZero() || !store.Ends(m.Status) {
		return
	}
	m.Status, m.NextAttemptAt, m.Gateway = courier.StatusCanceled, time.Time{}, gateway
	store.NoteEnd(m)
}

// release has a message that waits for older ones due, if it is the last that it waits for.
func (s *Store) release(m *courier.Message, at time.Time) {
	if m == nil || m.Status != courier.StatusQueued || m.SendCount > 0 || s.heldDueAt[m.ID].IsZero() {
		return
	}
	for _, other := range s.rows {
		if other.Status == courier.StatusProcessing && store.PlaceKeyOf(other) == store.PlaceKeyOf(m) {
			return
		}
	}
	m.NextAttemptAt = s.heldDueAt[m.ID]
	if at = store.Floor(at); at.After(m.NextAttemptAt) {
		m.NextAttemptAt = at
	}
	delete(s.heldDueAt, m.ID)
	s.wakeOthers(m)
}
