package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"strings"

	"courier/internal/store"
)

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
