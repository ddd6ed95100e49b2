package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"fmt"
	"strings"

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
	// thinner says when to thin out the sums.
	thinner store.Thinner
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

//go:embed queries.sql
var queriesFile string

// preparer is a database or one of its connections.
type preparer interface {
	PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
}

// statements are the prepared statements of queries.sql by name.
type statements map[string]*sql.Stmt

// prepare prepares all statements, or those that only read, all or none.
func prepare(ctx context.Context, on preparer, reading bool) (statements, error) {
	prepared := statements{}
	for name, text := range store.ParseQueries(queriesFile) {
		if reading && !strings.HasPrefix(text, "SELECT") && !strings.HasPrefix(text, "WITH") {
			continue
		}
		statement, err := on.PrepareContext(ctx, text) //nolint:sqlclosecheck // statements.close does it
		if err != nil {
			prepared.close()
			return nil, fmt.Errorf("prepare statement %s: %w", name, err)
		}
		prepared[name] = statement
	}
	return prepared, nil
}

func (s statements) close() {
	for _, statement := range s {
		// What a statement holds goes with its connection in any case.
		_ = statement.Close()
	}
}

// read runs a statement, calls row for each row, and closes the rows.
func (s statements) read(ctx context.Context, name string, row func(*sql.Rows) error, args ...any) error {
	rows, err := s[name].QueryContext(ctx, args...)
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return fmt.Errorf("read row of %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}
