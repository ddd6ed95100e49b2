package jsonnet

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"
)

// worker is the parent's side of one child process. Only kill may be called
// concurrently with the other methods.
type worker struct {
	process *exec.Cmd
	in, out *os.File
	reader  *bufio.Reader
	// maxReply bounds one reply in bytes.
	maxReply int
	// idleSince is when it began to wait for a request.
	idleSince time.Time
	// expired says that the worker was killed because it took too long.
	expired atomic.Bool
	// exited is closed once the process is gone and reaped.
	exited chan struct{}
}

// startWorker starts a child process and waits until its limits are in force.
func startWorker(o *Options) (*worker, error) {
	w, err := spawn()
	if err != nil {
		return nil, err
	}
	w.maxReply = o.MaxOutput + frameOverhead
	if err := w.greet(o); err != nil {
		w.discard()
		return nil, fmt.Errorf("greet worker (%s): %w", w.process.ProcessState, err)
	}
	return w, nil
}

// spawn starts the running program as a worker. Its standard error is thrown
// away: the last words of a Go program that runs out of memory may quote data.
func spawn() (*worker, error) {
	path := "/proc/self/exe" // on Linux this process, even when its file was replaced
	if _, err := os.Stat(path); runtime.GOOS != "linux" || err != nil {
		if path, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find own executable: %w", err)
		}
	}
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open worker input: %w", err)
	}
	defer func() { _ = childIn.Close() }() // the child has its own
	out, childOut, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("open worker output: %w", err)
	}
	defer func() { _ = childOut.Close() }()
	w := &worker{in: in, out: out, reader: bufio.NewReader(out), exited: make(chan struct{}), process: &exec.Cmd{
		Path: path, Args: []string{"courier-jsonnet"}, Env: []string{workerMarker + "=" + workerMarkerValue},
		Stdin: childIn, Stdout: childOut, SysProcAttr: processAttributes(),
	}}
	if err := w.process.Start(); err != nil {
		w.closePipes()
		return nil, fmt.Errorf("start worker process: %w", err)
	}
	go func() { // so that it never stays a zombie
		defer close(w.exited)
		_ = w.process.Wait() // its state tells more
	}()
	return w, nil
}

// escapedSize is how many bytes of JSON a byte of text takes at most.
const escapedSize = 6

// greet sends the limits and waits for the worker's word.
func (w *worker) greet(o *Options) error {
	timer := time.AfterFunc(o.StartTimeout, w.kill)
	defer timer.Stop()
	if err := writeFrame(w.in, childLimits{
		TimeoutNanos: int64(o.Timeout), MaxMemory: o.MaxMemory, MaxStack: o.MaxStack,
		MaxOutput: o.MaxOutput, MaxRequest: escapedSize*o.MaxSource + o.MaxInput + frameOverhead,
	}); err != nil {
		return err
	}
	return readFrame(w.reader, frameOverhead, &reply{})
}

// call has the child answer a request within the time-out. With an error the
// worker is gone: it is errExpired or errDied when the request is to blame, errLost
// when it is not. One that ran out of time just after it answered is gone too, and has expired.
func (w *worker) call(req *request, timeout time.Duration) (reply, error) {
	timer := time.AfterFunc(timeout, func() {
		w.expired.Store(true)
		w.kill()
	})
	defer timer.Stop()
	_ = writeFrame(w.in, req) // a failed write shows as a missing reply
	var answer reply
	if err := readFrame(w.reader, w.maxReply, &answer); err != nil {
		return reply{}, w.verdict()
	}
	if !timer.Stop() {
		w.expired.Store(true)
		w.discard()
	}
	return answer, nil
}

// kill ends the process; it may be called at any time and more than once.
func (w *worker) kill() { _ = w.process.Process.Kill() }

// stop ends an idle worker: it exits when its input closes.
func (w *worker) stop() {
	_ = w.in.Close()
	w.end(endGrace)
}

// discard kills the worker and waits until it is reaped.
func (w *worker) discard() { w.end(0) }

// endGrace is how long a worker may take to end by itself.
const endGrace = time.Second

// end waits for the end of the process, and kills it after the grace.
func (w *worker) end(grace time.Duration) {
	timer := time.AfterFunc(grace, w.kill)
	<-w.exited
	timer.Stop()
	w.closePipes()
}

func (w *worker) closePipes() {
	_ = w.in.Close()
	_ = w.out.Close()
}

// Reasons why a worker did not answer.
var (
	// errLost: killed from outside, or its end is not its own doing.
	errLost = errors.New("worker was lost")
	// errExpired: killed because an evaluation took too long.
	errExpired = errors.New("worker took too long")
	// errDied: it ended itself, out of memory or stack.
	errDied = errors.New("worker ended itself")
)

// verdict waits for the end of the process and says whose doing it was.
func (w *worker) verdict() error {
	w.end(endGrace)
	switch {
	case w.expired.Load():
		return errExpired
	case endedItself(w.process.ProcessState.ExitCode()):
		return fmt.Errorf("%w (%s)", errDied, w.process.ProcessState)
	}
	return fmt.Errorf("%w (%s)", errLost, w.process.ProcessState)
}

// endedItself judges an exit code. It is -1 after a signal; 1 is what Windows
// gives a process that is terminated from outside.
func endedItself(code int) bool {
	const terminated = 1
	switch code {
	case exitDone, exitOrphaned, exitProtocol, terminated:
		return false
	}
	return code > 0
}
