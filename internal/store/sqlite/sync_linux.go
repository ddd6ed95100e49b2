package sqlite

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFile forces the content of a file to the disk, without its times.
func syncFile(file *os.File) error {
	for {
		if err := unix.Fdatasync(int(file.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
