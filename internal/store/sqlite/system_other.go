//go:build !linux

package sqlite

import (
	"os"
)

// holdDatabase opens the database, readable by its owner alone as it holds the
// texts of messages. The locks that this system has on a file are those of SQLite,
// so another name of it, a hard link, is not noticed.
func holdDatabase(path string, _ func() bool) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// freeDatabase has nothing to give up.
func freeDatabase(*os.File) error { return nil }

// syncFile forces a file to the disk.
func syncFile(file *os.File) error { return file.Sync() }
