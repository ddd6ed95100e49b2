//go:build unix && !linux

package pgtest

import (
	"os/exec"
	"syscall"
)

// endWithParent does nothing: this system cannot end a process with its parent.
// A server that is left over ends when its folder is removed.
func endWithParent(*exec.Cmd) {}

// kill ends the postmaster; its processes notice and end by themselves.
func (p *postmaster) kill() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	err := p.signal(syscall.SIGKILL)
	<-p.done
	return err
}
