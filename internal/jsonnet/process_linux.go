package jsonnet

import (
	"os"
	"syscall"
)

// processAttributes puts a worker into a process group of its own and lets the
// kernel kill it when the courier dies. The kernel counts the death of the
// starting thread as well; Go ends a thread only when a goroutine locked to it
// returns, and then the worker is merely replaced.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// ownExecutable is the running program itself, even after its file was
// replaced or removed by an upgrade.
func ownExecutable() (string, error) {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self, nil
	}
	return os.Executable()
}
