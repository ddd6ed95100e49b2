package sqlite

import (
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

// fileLock is a lock of the operating system on a file beside the database. It
// ends with the process, however that ends. The file itself stays: to remove it
// would let two processes lock two files of one name.
type fileLock struct{ file *os.File }

// acquireLock takes the lock, or names the process that has it with store.ErrLocked.
func acquireLock(database string, now time.Time) (*fileLock, error) {
	path := database + lockSuffix
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fileFault("open lock file", path, err)
	}
	if err := lockFile(file); err != nil {
		defer func() { _ = file.Close() }()
		if !errors.Is(err, errHeld) {
			return nil, fileFault("lock file", path, err)
		}
		return nil, fmt.Errorf("open database %s: %w: %s; stop that process, or give this one another store.dsn",
			database, store.ErrLocked, readHolder(file))
	}
	lock := &fileLock{file: file}
	if err := lock.sign(now); err != nil {
		_ = file.Close()
		return nil, fileFault("write lock file", path, err)
	}
	return lock, nil
}

// sign writes who holds the lock.
func (l *fileLock) sign(now time.Time) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	program, err := os.Executable()
	if err != nil {
		program = "unknown"
	}
	text, err := json.Marshal(holder{PID: os.Getpid(), Host: host, Program: program, Since: now.UTC()})
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(append(text, '\n'), 0)
	return err
}

// release empties the file and gives the lock up. To close the file is not
// enough: a child process that is just being started may share it for a moment.
func (l *fileLock) release() error {
	return errors.Join(l.file.Truncate(0), unlockFile(l.file), l.file.Close())
}

func readHolder(file *os.File) holder {
	var found holder
	text, err := io.ReadAll(io.LimitReader(file, 4096))
	if err != nil || json.Unmarshal(text, &found) != nil {
		return holder{}
	}
	return found
}
