package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// postmaster is the first process of a running server.
type postmaster struct {
	command *exec.Cmd
	// done is closed once the process has ended; err then says how.
	done chan struct{}
	err  error
}

// startPostmaster starts the process and waits for its end in a goroutine. That
// keeps its thread for as long: the system ends the server with the thread that
// started it.
func startPostmaster(command *exec.Cmd) (*postmaster, error) {
	endWithParent(command)
	p := &postmaster{command: command, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			p.err = command.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	return p, nil
}

func (p *postmaster) signal(with os.Signal) error {
	if err := p.command.Process.Signal(with); err != nil {
		return fmt.Errorf("signal process %d: %w", p.command.Process.Pid, err)
	}
	return nil
}
