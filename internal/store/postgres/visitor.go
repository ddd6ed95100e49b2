package postgres

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"

	"courier/internal/store"
)

// PutSession implements store.Store.
func (s *Store) PutSession(ctx context.Context, visit store.Session) error {
	err := s.write(ctx, "put session", func(ctx context.Context, on *session) error {
		seen := store.Floor(visit.SeenAt)
		if err := on.exec(ctx, "EndSessions", seen.Add(-store.SessionIdle), seen.Add(-store.SessionLife)); err != nil {
			return err
		}
		return on.exec(ctx, "PutSession", visit.ID[:], visit.Key[:], store.Floor(visit.CreatedAt), seen)
	})
	return s.fault("put session", err)
}

// UseSession implements store.Store.
func (s *Store) UseSession(ctx context.Context, id [sha256.Size]byte, at time.Time) error {
	err := s.write(ctx, "use session", func(ctx context.Context, on *session) error {
		return on.exec(ctx, "UseSession", id[:], store.Floor(at))
	})
	return s.fault("use session", err)
}

// Session implements store.Store.
func (s *Store) Session(ctx context.Context, id [sha256.Size]byte) (store.Session, error) {
	found, err := store.Session{ID: id}, store.ErrNotFound
	failed := s.reading(ctx, func(ctx context.Context, on *session) error {
		return on.read(ctx, "Session", func(rows pgx.Rows) error {
			var key []byte
			scanned := rows.Scan(&key, &found.CreatedAt, &found.SeenAt)
			found.Key = [sha256.Size]byte(key)
			found.CreatedAt, found.SeenAt = found.CreatedAt.UTC(), found.SeenAt.UTC()
			err = nil
			return scanned
		}, id[:])
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		return store.Session{}, s.fault("read session", err)
	}
	return found, nil
}

// EndSession implements store.Store.
func (s *Store) EndSession(ctx context.Context, id [sha256.Size]byte) error {
	err := s.write(ctx, "end session", func(ctx context.Context, on *session) error { return on.exec(ctx, "EndSession", id[:]) })
	return s.fault("end session", err)
}
