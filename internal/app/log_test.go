package app

import (
	"bytes"
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

func TestLogWriter_WritesInOrder(t *testing.T) {
	t.Parallel()
	out := &gate{}
	w := newLogWriter(out)
	var want strings.Builder
	for n := range 300 {
		line := fmt.Sprintf("line %d\n", n)
		want.WriteString(line)
		if _, err := w.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if n%100 != 0 {
			continue
		}
		if err := w.flush(t.Context()); err != nil || out.String() != want.String() {
			t.Errorf("after %d lines the log is %q, %v", n+1, out, err)
		}
	}
	if err := w.flush(t.Context()); err != nil || out.String() != want.String() {
		t.Errorf("the log is %q, want %q, %v", out, want.String(), err)
	}
}

// TestLogWriter_SharesWrites lets lines come while the output is busy: they are
// written at once, and who writes too much waits.
func TestLogWriter_SharesWrites(t *testing.T) {
	t.Parallel()
	out := &gate{writing: make(chan struct{}), goOn: make(chan struct{})}
	w := newLogWriter(out)
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
	go func() { stopped <- w.flush(t.Context()) }()
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
