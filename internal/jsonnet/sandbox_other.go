//go:build !unix

package jsonnet

import (
	"os"
	"os/signal"
	"syscall"
)

// ignoreSignals leaves the end of a worker to its parent.
func ignoreSignals() { signal.Ignore(os.Interrupt) }

// limitProcess leaves the memory to the guard.
func limitProcess(int) error { return nil }

// processAttributes has nothing to set.
func processAttributes() *syscall.SysProcAttr { return nil }

// ownExecutable is the file of the running program.
func ownExecutable() (string, error) { return os.Executable() }

// killProcess kills a worker.
func killProcess(process *os.Process) { _ = process.Kill() }

// workerEnvironment is the whole environment of a worker; Windows programs do
// not run without SYSTEMROOT.
func workerEnvironment() []string {
	return []string{workerMarker + "=" + workerMarkerValue, "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
}
