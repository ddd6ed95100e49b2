package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"courier/internal/store"
)

// lockSuffix is added to the path of the database to name its lock file.
const lockSuffix = ".lock"

// The patience of a start with the process before it: the system gives up the
// locks of one that was killed a moment after it is gone.
const (
	lockPatience = time.Second
	lockInterval = 50 * time.Millisecond
)

// errHeld reports that another open file holds the lock.
var errHeld = errors.New("lock is held")

// holder is what the lock file tells about the process that holds it.
type holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Program string    `json:"program"`
	Since   time.Time `json:"since"`
}

// String names the process for an operator.
func (h holder) String() string {
	if h.PID == 0 {
		return "a process that did not write its name"
	}
	return fmt.Sprintf("%s, process %d on host %q, since %s", h.Program, h.PID, h.Host, h.Since.Format(time.RFC3339))
}

// locks keep other processes from the database. They end with the process, however
// that ends.
type locks struct {
	// name is the lock file next to the database, which says who holds it. It stays:
	// to remove it would let two processes lock two files of one name.
	name *os.File
	// database is the database itself, which may have other names. It is closed
	// after all connections: when a process closes any descriptor of a file, the
	// system drops the locks that SQLite has on it in that process.
	database *os.File
}

// takeLocks makes the database file when it is missing and takes the locks, or tells
// with store.ErrLocked who has them.
func takeLocks(ctx context.Context, path string, nowFunc func() time.Time) (*locks, error) {
	l := &locks{}
	err := l.takeName(ctx, path, nowFunc)
	if err == nil {
		l.database, err = holdDatabase(path, retries(ctx))
	}
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, errHeld):
		err = fmt.Errorf("open database %s: %w under another name of the file: stop that process, or give this one another store.dsn",
			path, store.ErrLocked)
	case !errors.Is(err, store.ErrLocked):
		err = fileFault("open database", path, err)
	}
	return nil, errors.Join(err, l.release())
}

// retries returns a function that waits a moment, and reports whether to try again.
func retries(ctx context.Context) func() bool {
	until := time.Now().Add(lockPatience)
	return func() bool {
		select {
		case <-time.After(lockInterval):
			return time.Now().Before(until)
		case <-ctx.Done():
			return false
		}
	}
}

// takeName locks the lock file and signs it.
func (l *locks) takeName(ctx context.Context, database string, nowFunc func() time.Time) error {
	file, err := os.OpenFile(database+lockSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = lockFile(file)
	for again := retries(ctx); errors.Is(err, errHeld) && again(); {
		err = lockFile(file)
	}
	if errors.Is(err, errHeld) {
		err = fmt.Errorf("open database %s: %w: %s; stop that process, or give this one another store.dsn",
			database, store.ErrLocked, readHolder(file))
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.name = file
	return sign(file, nowFunc())
}

// sign writes who holds the lock.
func sign(file *os.File, now time.Time) error {
	// Both are empty when they are not known.
	host, _ := os.Hostname()
	program, _ := os.Executable()
	text, err := json.Marshal(holder{
		PID: os.Getpid(), Host: cmp.Or(host, "unknown"), Program: cmp.Or(program, "unknown"), Since: now.UTC(),
	})
	if err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt(append(text, '\n'), 0)
	return err
}

// release empties the lock file and gives the locks up. To close the files is not
// enough: a child process that is just being started may share them for a moment.
func (l *locks) release() error {
	var failures []error
	if l.database != nil {
		failures = append(failures, freeDatabase(l.database), l.database.Close())
	}
	if l.name != nil {
		failures = append(failures, l.name.Truncate(0), unlockFile(l.name), l.name.Close())
	}
	return errors.Join(failures...)
}

func readHolder(file *os.File) holder {
	var found holder
	text, err := io.ReadAll(io.LimitReader(file, 4096))
	if err != nil || json.Unmarshal(text, &found) != nil {
		return holder{}
	}
	return found
}
