package sqlite

import (
	"context"
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
	var failure *driver.Error
	if errors.As(err, &failure) {
		return failure.Code()
	}
	return 0
}

// primary returns the primary result code, which says what kind of failure it is.
func primary(err error) int { return code(err) & 0xff }

// fault wraps an error of the database with the operation, the word of the
// contract for it and the next step.
func (s *Store) fault(operation string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), known(err):
		return fmt.Errorf("%s: %w", operation, err)
	case errors.Is(err, sql.ErrConnDone), code(err) == 0 && s.writer.isClosed():
		return fmt.Errorf("%s: %w", operation, store.ErrClosed)
	}
	word, step := classify(err)
	return fmt.Errorf("%s: %w: %s (%s): %w", operation, word, step, s.path, err)
}

// known reports whether an error has a word of the contract already.
func known(err error) bool {
	var transition *store.TransitionError
	return errors.As(err, &transition) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrClosed) ||
		errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrDuplicateID)
}

// classify returns the sentinel of the contract for a failure of the database,
// and what an operator does about it.
func classify(err error) (word error, step string) {
	switch code(err) {
	case sqlite3.SQLITE_READONLY_DBMOVED:
		return store.ErrUnavailable, "the database file was moved or deleted: put it back and restart"
	case sqlite3.SQLITE_IOERR_SHMSIZE:
		return store.ErrFull, "free space on its disk"
	}
	switch primary(err) {
	case sqlite3.SQLITE_FULL:
		return store.ErrFull, "free space on its disk"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return store.ErrReadOnly, "make the file and its directory writable"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return store.ErrUnavailable, "another program holds a lock on the database: end it"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return store.ErrUnavailable, "the database is damaged: restore it from a backup or salvage it with sqlite3's .recover"
	case sqlite3.SQLITE_IOERR:
		return store.ErrUnavailable, "check the disk and the system's log"
	case sqlite3.SQLITE_CONSTRAINT:
		return store.ErrInvalid, "a rule of the database forbids it"
	}
	return store.ErrUnavailable, "see the cause"
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
