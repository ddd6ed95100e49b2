package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTimeout bounds how long a process may take to end after it was asked to.
const stopTimeout = time.Minute

// command makes a command that ends with ctx, as an operator would end it.
func command(ctx context.Context, binary string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the binary that is measured, or this program
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	return cmd
}

// helper makes a command that runs this program in a role.
func helper(ctx context.Context, role string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := command(ctx, self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// terminate ends a process in order.
func terminate(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop process: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("wait for process: %w", err)
	}
	return nil
}

// tick is the unit of the times in /proc/PID/stat: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// treeCPU returns the processor time of a process, of what it started and of
// those of them that have ended. It is 0 where the system does not tell.
func treeCPU(pid int) time.Duration {
	total := sum(statTimes(pid))
	for _, child := range children(pid) {
		total += treeCPU(child)
	}
	return total
}

// ownCPU returns the processor time of this process alone.
func ownCPU() time.Duration { return sum(statTimes(os.Getpid())[:2]) }

func sum(times []time.Duration) time.Duration {
	var total time.Duration
	for _, part := range times {
		total += part
	}
	return total
}

// statTimes returns utime, stime, cutime and cstime of a process (proc(5)).
func statTimes(pid int) []time.Duration {
	times := make([]time.Duration, 4)
	// The name of the program is in brackets and may hold anything.
	const firstTime = 11
	fields := statFields(pid)
	if len(fields) < firstTime+len(times) {
		return times
	}
	for at := range times {
		ticks, _ := strconv.ParseInt(fields[firstTime+at], 10, 64)
		times[at] = time.Duration(ticks) * tick
	}
	return times
}

// statFields returns the fields of /proc/PID/stat from the state on.
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

func children(pid int) []int {
	var pids []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(filepath.Clean(list))
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// peakRSS returns the largest memory of a process and of its children so far,
// in MiB, or 0 where the system does not tell.
func peakRSS(pid int) float64 {
	total := highWater(pid)
	for _, child := range children(pid) {
		total += highWater(child)
	}
	return float64(total) / 1024
}

// highWater returns VmHWM in KiB.
func highWater(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kib
		}
	}
	return 0
}
