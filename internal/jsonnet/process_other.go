//go:build !unix

package jsonnet

import (
	"os"
	"syscall"
)

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
