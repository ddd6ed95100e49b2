//go:build windows

package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// errLocked is what lockFile returns when another process has the file.
const errLocked = windows.ERROR_LOCK_VIOLATION

// lockFile locks a file until it is closed or the process ends, or returns at once why not.
func lockFile(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
}

// unlockFile ends the lock.
func unlockFile(file *os.File) error {
	return windows.UnlockFileEx(windows.Handle(file.Fd()), 0, 1, 0, &windows.Overlapped{})
}
