package jsonnet

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// worker is the parent's side of one child process. Only kill may be called
// concurrently with the other methods.
type worker struct {
	process *os.Process
	in, out *os.File
	reader  *bufio.Reader
	// maxReply bounds one reply in bytes.
	maxReply int
	// expired says that the worker was killed because it took too long.
	expired atomic.Bool
	// exited is closed once the process is gone and reaped; state is set then.
	exited chan struct{}
	state  *os.ProcessState
}

// startWorker starts a child process and waits until its limits are in force.
func startWorker(o *Options) (*worker, error) {
	w, err := spawn()
	if err != nil {
		return nil, err
	}
	w.maxReply = o.MaxOutput + frameOverhead
	if err := w.greet(o); err != nil {
		w.kill()
		<-w.exited
		w.closePipes()
		return nil, fmt.Errorf("greet worker (%s): %w", w.state, err)
	}
	return w, nil
}

// spawn starts the running program as a worker. Its standard error is thrown
// away: the last words of a Go program that runs out of memory may quote data.
func spawn() (*worker, error) {
	path, err := ownExecutable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	pipes, err := openPipes()
	if err != nil {
		return nil, err
	}
	process, err := os.StartProcess(path, []string{"courier-jsonnet"}, &os.ProcAttr{
		Env: workerEnvironment(), Files: pipes.child[:], Sys: processAttributes(),
	})
	pipes.closeChild()
	if err != nil {
		pipes.closeParent()
		return nil, fmt.Errorf("start worker process: %w", err)
	}
	w := &worker{
		process: process, in: pipes.in, out: pipes.out, reader: bufio.NewReader(pipes.out),
		exited: make(chan struct{}),
	}
	go w.reap()
	return w, nil
}

// pipeSet is the two ends of the pipes to a worker.
type pipeSet struct {
	in, out *os.File
	child   [3]*os.File
}

func openPipes() (*pipeSet, error) {
	p := &pipeSet{}
	var err error
	if p.child[0], p.in, err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("open worker input: %w", err)
	}
	if p.out, p.child[1], err = os.Pipe(); err == nil {
		p.child[2], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	if err != nil {
		p.closeChild()
		p.closeParent()
		return nil, fmt.Errorf("open worker output: %w", err)
	}
	return p, nil
}

// closeChild closes the child's ends; a nil file is closed without effect.
func (p *pipeSet) closeChild() {
	for _, file := range p.child {
		_ = file.Close()
	}
}

func (p *pipeSet) closeParent() {
	_ = p.in.Close()
	_ = p.out.Close()
}

// reap waits for the process, so that it never stays a zombie.
func (w *worker) reap() {
	defer close(w.exited)
	state, err := w.process.Wait()
	if err == nil {
		w.state = state
	}
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
	var word greeting
	if err := readFrame(w.reader, frameOverhead, &word); err != nil {
		return err
	}
	if !word.Ready {
		return errMalformed
	}
	return nil
}

// call has the child answer a request within the time-out. With an error the
// worker is gone: it is errExpired or errDied when the request is to blame, errLost
// when it is not. One that was killed just after it answered has expired.
func (w *worker) call(req *request, timeout time.Duration) (reply, error) {
	timer := time.AfterFunc(timeout, w.expire)
	defer timer.Stop()
	_ = writeFrame(w.in, req) // a failed write shows as a missing reply
	var answer reply
	if err := readFrame(w.reader, w.maxReply, &answer); err != nil {
		return reply{}, w.verdict()
	}
	if !timer.Stop() {
		w.expired.Store(true)
	}
	return answer, nil
}

// kill ends the process; it may be called at any time and more than once.
func (w *worker) kill() {
	select {
	case <-w.exited:
	default:
		killProcess(w.process)
	}
}

// expire kills a worker that took too long.
func (w *worker) expire() {
	w.expired.Store(true)
	w.kill()
}

func (w *worker) closePipes() {
	_ = w.in.Close()
	_ = w.out.Close()
}

// stop ends an idle worker: it exits when its input closes, and is killed when
// it does not within the grace.
func (w *worker) stop(grace time.Duration) {
	_ = w.in.Close()
	timer := time.AfterFunc(grace, w.kill)
	<-w.exited
	timer.Stop()
	w.closePipes()
}

// discard kills the worker and waits until it is reaped.
func (w *worker) discard() {
	w.kill()
	<-w.exited
	w.closePipes()
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

// endGrace is how long a worker whose pipe broke may take to end by itself.
const endGrace = time.Second

// verdict waits for the end of the process and says whose doing it was.
func (w *worker) verdict() error {
	timer := time.AfterFunc(endGrace, w.kill)
	<-w.exited
	timer.Stop()
	w.closePipes()
	switch {
	case w.expired.Load():
		return errExpired
	case w.state == nil:
		return errLost
	case endedItself(w.state.ExitCode()):
		return fmt.Errorf("%w (%s)", errDied, w.state)
	}
	return fmt.Errorf("%w (%s)", errLost, w.state)
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
