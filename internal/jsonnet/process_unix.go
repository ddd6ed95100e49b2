//go:build unix

package jsonnet

import (
	"os"
	"syscall"
)

// killProcess kills a worker and whatever shares its process group.
func killProcess(process *os.Process) {
	_ = syscall.Kill(-process.Pid, syscall.SIGKILL)
	_ = process.Kill()
}

// workerEnvironment is the whole environment of a worker.
func workerEnvironment() []string { return []string{workerMarker + "=" + workerMarkerValue} }
