package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent lets the system shut the server down at once when the thread
// that started it ends.
func endWithParent(command *exec.Cmd) { command.SysProcAttr.Pdeathsig = syscall.SIGQUIT }

// kill ends the postmaster and the processes it has forked, which lead groups of
// their own. The postmaster is stopped first, so that it forks no more.
func (p *postmaster) kill() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	doomed, err := children(p.command.Process.Pid)
	faults := []error{err, p.signal(syscall.SIGKILL)}
	for _, pid := range doomed {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			faults = append(faults, fmt.Errorf("kill process %d: %w", pid, err))
		}
	}
	<-p.done
	// A server does not start while a process of the one before is attached to
	// its memory.
	for _, pid := range doomed {
		faults = append(faults, poll(nil, func() (bool, error) { return ended(pid), nil }))
	}
	return errors.Join(faults...)
}

// children returns the processes whose parent is the given one.
func children(parent int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if _, of := state(pid); of == parent {
			found = append(found, pid)
		}
	}
	return found, nil
}

// ended reports whether a process is gone, or is only still to be collected.
func ended(pid int) bool {
	letter, _ := state(pid)
	return letter == "" || letter == "Z" || letter == "X"
}

// state returns the letter of a process's state and its parent, or nothing when
// there is no such process; see proc_pid_stat(5).
func state(pid int) (string, int) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return "", 0
	}
	return fields[0], parent
}
