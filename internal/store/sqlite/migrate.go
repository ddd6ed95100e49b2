package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"
	sqlite3 "modernc.org/sqlite/lib"

	"courier/internal/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

func migrations() store.Migrations {
	return store.Migrations{Dialect: goose.DialectSQLite3, Files: migrationFiles}
}

// applicationID is what the first migration writes into the head of the file: "Cour".
const applicationID = 0x436f7572

// errForeign reports a file that is not a database of the courier.
var errForeign = errors.New("not a database of the courier")

// inspect refuses a file that is no database of the courier before anything is
// written to it. An empty file is one to be.
func inspect(ctx context.Context, path string) error {
	db, err := sql.Open(driverName, address(path, []string{busyTimeout, "query_only(1)"}))
	if err != nil {
		return fmt.Errorf("open database %s: %w", path, err)
	}
	defer func() { _ = db.Close() }()
	var application, foreign int
	err = db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application)
	if err == nil {
		err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name <> ?",
			goose.DefaultTablename).Scan(&foreign)
	}
	if err != nil {
		return inspectFault(path, err)
	}
	if application != applicationID && (application != 0 || foreign > 0) {
		return fmt.Errorf("open database %s: %w: it belongs to another program; give store.dsn another file", path, errForeign)
	}
	return nil
}

// inspectFault tells what is wrong with a file that could not be read.
func inspectFault(path string, err error) error {
	if primary(err) == sqlite3.SQLITE_NOTADB {
		return fmt.Errorf("open database %s: %w: it is no SQLite database at all; give store.dsn another file: %w",
			path, errForeign, err)
	}
	step, word := classify(err)
	return fmt.Errorf("open database %s: %w: %s: %w", path, word, step, err)
}
