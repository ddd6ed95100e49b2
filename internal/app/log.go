package app

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// NewLogger returns a logger that writes lines of the given format ("json",
// "json_pretty", "text", "gelf" or empty) at the given level, in Kratos's words:
// panic and fatal stand for error, trace for debug, and empty for info.
func NewLogger(out io.Writer, level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: logLevel(level)}
	if strings.HasPrefix(format, "json") || format == "gelf" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

func logLevel(level string) slog.Level {
	switch strings.ToLower(level) {
	case "panic", "fatal", "error":
		return slog.LevelError
	case "warn", "warning":
		return slog.LevelWarn
	case "debug", "trace":
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// logRoom is how much of the log may wait to be written, in bytes. Who writes
// more waits.
const logRoom = 1 << 20

// logWriter writes a log from a goroutine of its own, all lines that wait at
// once, so that an attempt does not wait for the terminal, pipe or disk that
// takes its line, and a busy courier makes one call of the system for many.
// Nothing waits for company. The goroutine ends when there is nothing to write.
type logWriter struct {
	out io.Writer

	mu      sync.Mutex
	changed *sync.Cond
	waiting []byte
	writing bool
}

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out}
	w.changed = sync.NewCond(&w.mu)
	return w
}

// Write implements io.Writer. A line that cannot be written is lost, as it would
// be with a direct write.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > 0 && len(w.waiting)+len(line) > logRoom {
		w.changed.Wait()
	}
	w.waiting = append(w.waiting, line...)
	if !w.writing {
		w.writing = true
		go w.run()
	}
	return len(line), nil
}

func (w *logWriter) run() {
	var lines []byte
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > 0 {
		lines, w.waiting = w.waiting, lines[:0]
		w.changed.Broadcast()
		w.mu.Unlock()
		_, _ = w.out.Write(lines)
		w.mu.Lock()
	}
	w.writing = false
	w.changed.Broadcast()
}

// flush returns when everything is written.
func (w *logWriter) flush(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.writing {
		w.changed.Wait()
	}
	return nil
}
