package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"courier/internal/store"
)

// code returns the extended result code of SQLite in the chain, 0 for none.
func code(err error) int {
	if failure, ok := errors.AsType[*driver.Error](err); ok {
		return failure.Code()
	}
	return 0
}

// primary returns the primary result code, which says what kind of failure it is.
func primary(err error) int { return code(err) & 0xff }

// fault wraps an error of the database with the operation, the sentinel of the
// contract for it and the next step.
func (s *Store) fault(operation string, err error) error {
	switch {
	case err == nil:
		return nil
	case store.IsContext(err), store.Known(err):
		return fmt.Errorf("%s: %w", operation, err)
	case errors.Is(err, sql.ErrConnDone), code(err) == 0 && s.writer.isClosed():
		return fmt.Errorf("%s: %w", operation, store.ErrClosed)
	}
	if moved, ok := errors.AsType[*misplaced](err); ok {
		return fmt.Errorf("%s: %w: %w", operation, store.ErrUnavailable, moved)
	}
	step, word := classify(err)
	return fmt.Errorf("%s: %w: %s (%s): %w", operation, word, step, s.path, err)
}

// classify returns what an operator does about a failure of the database, and
// the sentinel of the contract for it.
func classify(err error) (step string, word error) {
	switch code(err) {
	case sqlite3.SQLITE_READONLY_DBMOVED:
		return "the database file was moved or deleted: put it back and restart", store.ErrUnavailable
	case sqlite3.SQLITE_IOERR_SHMSIZE:
		return "free space on its disk", store.ErrFull
	}
	switch primary(err) {
	case sqlite3.SQLITE_FULL:
		return "free space on its disk", store.ErrFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return "make the file and its directory writable", store.ErrReadOnly
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "another program holds a lock on the database: end it", store.ErrUnavailable
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "the database is damaged: restore it from a backup or salvage it with sqlite3's .recover", store.ErrUnavailable
	case sqlite3.SQLITE_IOERR:
		return "check the disk and the system's log", store.ErrUnavailable
	case sqlite3.SQLITE_CONSTRAINT:
		return "a rule of the database forbids it", store.ErrInvalid
	}
	return "see the cause", store.ErrUnavailable
}

// fileFault wraps an error of the file system at Open like fault does those of the database.
func fileFault(operation, path string, err error) error {
	word, step := store.ErrUnavailable, "check the path"
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		word, step = store.ErrReadOnly, "make the file and its directory writable for this user"
	case errors.Is(err, syscall.ENOSPC):
		word, step = store.ErrFull, "free space on its disk"
	case errors.Is(err, fs.ErrNotExist):
		step = "create its directory or change store.dsn"
	}
	return fmt.Errorf("%s %s: %w: %s: %w", operation, path, word, step, err)
}
