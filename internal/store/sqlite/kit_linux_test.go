package sqlite_test

import "golang.org/x/sys/unix"

// sharedLock tells whether another process has the lock that SQLite holds on each
// open database with a write-ahead log.
func sharedLock(path string) string {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err.Error()
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 0x40000002, Len: 510}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &lock); err != nil {
		return err.Error()
	}
	if lock.Type == unix.F_RDLCK {
		return "shared lock is held"
	}
	return "no shared lock"
}
