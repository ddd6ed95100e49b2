package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
)

// session is the one connection that writes, with its statements. Only the
// goroutine of the writer uses it.
type session struct {
	conn       *sql.Conn
	statements statements
}

func openSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	prepared, err := prepare(ctx, conn, writerQueries())
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &session{conn: conn, statements: prepared}, nil
}

// exec runs a statement and returns how many rows it changed.
func (s *session) exec(ctx context.Context, name query, args ...any) (int64, error) {
	result, err := s.statements[name].ExecContext(ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", name, err)
	}
	return result.RowsAffected()
}

// query runs a statement and reads all its rows.
func (s *session) query(ctx context.Context, name query, read func(*sql.Rows) error, args ...any) error {
	return queryAll(ctx, s.statements[name], name, read, args...)
}

// discard closes the connection for good instead of giving it back to the pool.
func (s *session) discard() {
	s.statements.close()
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
}

// queryAll runs a statement, calls read for each row, and closes the rows.
func queryAll(ctx context.Context, statement *sql.Stmt, name query, read func(*sql.Rows) error, args ...any) error {
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := read(rows); err != nil {
			return fmt.Errorf("read row of %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}
