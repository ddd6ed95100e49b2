package memory

import (
	"fmt"

	"courier"
)

// Place puts a sent message into a status.
func (s *Store) Place(id courier.ID, status courier.Status) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	m := s.byID[id]
	if m == nil || m.Status != courier.StatusSent {
		return fmt.Errorf("message %s is not sent", id)
	}
	s.change(m, func() { m.Status = status })
	return nil
}
