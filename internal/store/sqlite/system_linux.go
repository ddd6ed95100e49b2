package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// databaseLockOffset is the byte of the database that is locked: no file is as
// large, so that it is none of those by which SQLite locks
// (https://www.sqlite.org/src/file/src/os.h).
const databaseLockOffset = 1 << 62

// holdDatabase opens the database, readable by its owner alone as it holds the
// texts of messages, and locks it, whatever its name. The lock is one of the open
// file (fcntl(2), open file description locks), which other descriptors do not end.
// errHeld means that somebody else has it.
func holdDatabase(path string, again func() bool) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	for {
		switch err := setDatabaseLock(fd, unix.F_WRLCK); {
		case errors.Is(err, unix.EINTR):
		case err == nil, errors.Is(err, unix.EINVAL): // a system without such locks has the lock file
			return os.NewFile(uintptr(fd), path), nil
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES):
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		case !again():
			// The descriptor stays open: it may be this process that holds the database,
			// and to close it would drop the locks of SQLite there.
			return nil, errHeld
		}
	}
}

// freeDatabase gives the lock up.
func freeDatabase(file *os.File) error {
	err := setDatabaseLock(int(file.Fd()), unix.F_UNLCK)
	if errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

func setDatabaseLock(fd int, kind int16) error {
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: databaseLockOffset, Len: 1})
}

// syncFile forces the content of a file to the disk, without its times.
func syncFile(file *os.File) error {
	for {
		if err := unix.Fdatasync(int(file.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
