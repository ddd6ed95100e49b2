//go:build unix

package jsonnet

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// ignoreSignals leaves the end of a worker to its parent: a Ctrl-C or the
// SIGTERM of a service manager goes to every process of a group, and messages
// in flight are still rendered while the courier stops.
func ignoreSignals() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}

// limitProcess forbids core dumps, which would hold message bodies, and
// writing files, and bounds the memory where the system can.
func limitProcess(maxMemory int) error {
	for _, resource := range []int{syscall.RLIMIT_CORE, syscall.RLIMIT_FSIZE} {
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", resource, err)
		}
	}
	return limitMemory(maxMemory)
}

// killProcess kills a worker and whatever shares its process group.
func killProcess(process *os.Process) {
	_ = syscall.Kill(-process.Pid, syscall.SIGKILL)
	_ = process.Kill()
}

// workerEnvironment is the whole environment of a worker.
func workerEnvironment() []string { return []string{workerMarker + "=" + workerMarkerValue} }
