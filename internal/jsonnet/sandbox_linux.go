package jsonnet

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// memorySlack is what the system grants above the guard's limit, so that the
// guard decides first and only a single huge allocation meets the system.
const memorySlack = 128 << 20

// limitMemory bounds the private writable memory (RLIMIT_DATA, which counts
// mappings since Linux 4.7) to what is mapped now and the grant. It is not
// RLIMIT_AS, since Go reserves address space far beyond what it uses.
func limitMemory(grant int) error {
	mapped, err := mappedData()
	if err != nil {
		return err
	}
	limit := mapped + uint64(max(grant, 0)) + memorySlack
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	return nil
}

// mappedData returns the private writable memory of this process in bytes:
// field 6 of /proc/self/statm, see proc_pid_statm(5). Without /proc it is 0.
func mappedData() (uint64, error) {
	const dataField = 5
	content, err := os.ReadFile("/proc/self/statm")
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read mapped memory: %w", err)
	}
	fields := bytes.Fields(content)
	if len(fields) <= dataField {
		return 0, errMalformed
	}
	pages, err := strconv.ParseUint(string(fields[dataField]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read mapped memory: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil //nolint:gosec // a page size is positive
}

// processAttributes puts a worker into a process group of its own and lets the
// kernel kill it when the courier dies. The kernel counts the death of the
// starting thread as well; Go ends a thread only when a goroutine locked to it
// returns, and then the worker is merely replaced.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
