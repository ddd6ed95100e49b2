//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// errLocked is what lockFile returns when another process has the file.
const errLocked = unix.EWOULDBLOCK

// lockFile locks a file until it is closed or the process ends, or returns at once why not.
func lockFile(file *os.File) error {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// unlockFile ends the lock at once. Closing the file alone would leave it to a process
// that is just being started and still has a copy.
func unlockFile(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_UN) }
