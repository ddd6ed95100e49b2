package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"courier"
	"courier/internal/store"
)

// session is the one connection that writes, with its statements. Only the
// goroutine of the writer uses it.
type session struct {
	statements
	conn *sql.Conn
	// change is how the counts change by the operation that runs.
	change store.Counts
}

func openSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	prepared, err := prepare(ctx, conn, false)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &session{conn: conn, statements: prepared}, nil
}

// exec runs a statement and returns how many rows it changed.
func (s *session) exec(ctx context.Context, name string, args ...any) (int64, error) {
	result, err := s.statements[name].ExecContext(ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", name, err)
	}
	return result.RowsAffected()
}

// move runs a statement that moves messages from one status to another, and
// returns how many it moved.
func (s *session) move(ctx context.Context, from, to courier.Status, name string, args ...any) (int64, error) {
	moved, err := s.exec(ctx, name, args...)
	if err == nil {
		s.change.Move(from, to, moved)
	}
	return moved, err
}

// discard closes the connection for good instead of giving it back to the pool.
func (s *session) discard() {
	s.close()
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
}
