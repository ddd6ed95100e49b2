//go:build unix && !linux

package jsonnet

import "syscall"

// limitMemory leaves the memory to the guard: these systems do not enforce
// RLIMIT_DATA on mappings.
func limitMemory(int) error { return nil }

// processAttributes puts a worker into a process group of its own.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
