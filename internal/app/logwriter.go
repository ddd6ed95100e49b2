package app

import (
	"context"
	"io"
	"sync"
)

// logRoom is how much of the log may wait to be written, in bytes. Who writes
// more waits.
const logRoom = 1 << 20

// logWriter writes a log from a goroutine of its own, all lines that wait at
// once, so that an attempt does not wait for the terminal, pipe or disk that
// takes its line, and a busy courier makes one call of the system for many.
// Nothing waits for company. Before start and after stop it writes directly.
type logWriter struct {
	out io.Writer

	mu      sync.Mutex
	changed *sync.Cond
	waiting []byte
	// running is true while the goroutine writes, stopping once it is to end.
	running, stopping bool
	done              chan struct{}
}

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out, done: make(chan struct{})}
	w.changed = sync.NewCond(&w.mu)
	return w
}

// Write implements io.Writer. A line that cannot be written is lost, as it would
// be with a direct write.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.running && len(w.waiting) > 0 && len(w.waiting)+len(line) > logRoom {
		w.changed.Wait()
	}
	if !w.running {
		return w.out.Write(line)
	}
	w.waiting = append(w.waiting, line...)
	w.changed.Broadcast()
	return len(line), nil
}

// start begins to write from a goroutine.
func (w *logWriter) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = true
	go w.run()
}

// stop writes what waits, unless ctx ends first, and then goes on directly. Until
// the goroutine has ended, lines go through it: the output is written by one at a
// time, in order.
func (w *logWriter) stop(ctx context.Context) error {
	w.mu.Lock()
	w.stopping = true
	w.changed.Broadcast()
	w.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *logWriter) run() {
	defer close(w.done)
	var lines []byte
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.stopping || len(w.waiting) > 0 {
		if len(w.waiting) == 0 {
			w.changed.Wait()
			continue
		}
		lines, w.waiting = w.waiting, lines[:0]
		w.changed.Broadcast()
		w.mu.Unlock()
		_, _ = w.out.Write(lines)
		w.mu.Lock()
	}
	w.running = false
	w.changed.Broadcast()
}
