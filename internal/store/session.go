package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"sync"
	"time"
)

// How long a session lasts that nobody uses, and how long any does.
const (
	SessionIdle = 30 * time.Minute
	SessionLife = 8 * time.Hour
)

// Session is a visitor of the pages who has signed in with an API key.
type Session struct {
	// ID is the SHA-256 of the secret in the visitor's cookie.
	ID [sha256.Size]byte
	// Key is the SHA-256 of the hash of the key. The session ends with the key.
	Key               [sha256.Size]byte
	CreatedAt, SeenAt time.Time
}

// Over reports whether the session has ended by itself.
func (s *Session) Over(now time.Time) bool {
	return now.Sub(s.SeenAt) >= SessionIdle || now.Sub(s.CreatedAt) >= SessionLife
}

// Sessions are those of an engine that one process has for itself: they end with it. The
// zero value has none. It is safe for concurrent use.
type Sessions struct {
	mutex sync.Mutex
	byID  map[[sha256.Size]byte]Session
}

// PutSession implements Store.
func (s *Sessions) PutSession(_ context.Context, session Session) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.byID == nil {
		s.byID = map[[sha256.Size]byte]Session{}
	}
	maps.DeleteFunc(s.byID, func(_ [sha256.Size]byte, old Session) bool { return old.Over(session.SeenAt) })
	s.byID[session.ID] = session
	return nil
}

// UseSession implements Store.
func (s *Sessions) UseSession(_ context.Context, id [sha256.Size]byte, at time.Time) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if session, known := s.byID[id]; known {
		session.SeenAt = at
		s.byID[id] = session
	}
	return nil
}

// Session implements Store.
func (s *Sessions) Session(_ context.Context, id [sha256.Size]byte) (Session, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	session, known := s.byID[id]
	if !known {
		return Session{}, fmt.Errorf("read session: %w", ErrNotFound)
	}
	return session, nil
}

// EndSession implements Store.
func (s *Sessions) EndSession(_ context.Context, id [sha256.Size]byte) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.byID, id)
	return nil
}
