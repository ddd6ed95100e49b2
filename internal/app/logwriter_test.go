package app

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// gate is an output that lets one write through at a time.
type gate struct {
	mu      sync.Mutex
	text    bytes.Buffer
	writes  int
	writing chan struct{}
	goOn    chan struct{}
}

func (g *gate) Write(lines []byte) (int, error) {
	if g.writing != nil {
		g.writing <- struct{}{}
		<-g.goOn
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes++
	return g.text.Write(lines)
}

func (g *gate) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}

// TestLogWriter_WritesInOrder writes before, during and after the run of the goroutine.
func TestLogWriter_WritesInOrder(t *testing.T) {
	t.Parallel()
	out := &gate{}
	w := newLogWriter(out)
	var want strings.Builder
	write := func(phase string) {
		for n := range 100 {
			line := fmt.Sprintf("%s %d\n", phase, n)
			want.WriteString(line)
			if _, err := w.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("before")
	w.start()
	write("during")
	if err := w.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	write("after")
	if got := out.String(); got != want.String() {
		t.Errorf("the log is %q, want %q", got, want.String())
	}
}

// TestLogWriter_SharesWrites lets lines come while the output is busy: they are
// written at once, and who writes too much waits.
func TestLogWriter_SharesWrites(t *testing.T) {
	t.Parallel()
	out := &gate{writing: make(chan struct{}), goOn: make(chan struct{})}
	w := newLogWriter(out)
	w.start()
	line := []byte(strings.Repeat("x", 1023) + "\n")
	write := func() {
		if _, err := w.Write(line); err != nil {
			t.Error(err)
		}
	}
	write()
	<-out.writing
	for range logRoom / len(line) {
		write()
	}
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		write()
	}()
	select {
	case <-blocked:
		t.Error("a line was taken that there was no room for")
	default:
	}
	out.goOn <- struct{}{}
	<-out.writing
	<-blocked
	out.goOn <- struct{}{}
	stopped := make(chan error)
	go func() { stopped <- w.stop(t.Context()) }()
	for {
		select {
		case <-out.writing:
			out.goOn <- struct{}{}
			continue
		case err := <-stopped:
			if err != nil {
				t.Error(err)
			}
		}
		break
	}
	if out.writes > 3 || len(out.String()) != logRoom+2*len(line) {
		t.Errorf("%d bytes came in %d writes, want %d in at most 3", len(out.String()), out.writes, logRoom+2*len(line))
	}
}

// TestLogWriter_StopKeepsTheOrder logs while a stop waits for a slow output: that
// line comes after those before it, and the output is written by one at a time.
func TestLogWriter_StopKeepsTheOrder(t *testing.T) {
	t.Parallel()
	out := &gate{writing: make(chan struct{}), goOn: make(chan struct{})}
	w := newLogWriter(out)
	w.start()
	write := func(line string) {
		if _, err := w.Write([]byte(line)); err != nil {
			t.Error(err)
		}
	}
	write("one\n")
	<-out.writing
	write("two\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.stop(ctx); err == nil {
		t.Fatal("stop did not wait for the output")
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		write("three\n")
	}()
	select {
	case <-out.writing:
		t.Error("a line was written beside those that waited")
		out.goOn <- struct{}{}
	case <-written:
	}
	out.goOn <- struct{}{}
	for ended := false; !ended; {
		select {
		case <-out.writing:
			out.goOn <- struct{}{}
		case <-w.done:
			ended = true
		}
	}
	if got, want := out.String(), "one\ntwo\nthree\n"; got != want {
		t.Errorf("the log is %q, want %q", got, want)
	}
}
