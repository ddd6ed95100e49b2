//go:build unix

package httpapi

import "syscall"

// openFileLimit returns how many files the process may have open, 0 for unknown.
func openFileLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}
