package jsonnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"
)

// endlessSource never ends and uses little memory.
const endlessSource = `function(ctx) std.foldl(function(a, i) std.foldl(function(b, j) b + j, std.range(1, 100000), 0), std.range(1, 100000), 0)`

// newTestWorker starts a worker without a pool.
func newTestWorker(t *testing.T) *worker {
	t.Helper()
	o := Options{Timeout: ample, StartTimeout: ample}.withDefaults()
	w, err := startWorker(&o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.discard)
	return w
}

// TestWorker_orphan closes the pipe of a worker that evaluates for ever, as the
// death of the courier does: the worker ends.
func TestWorker_orphan(t *testing.T) {
	t.Parallel()
	w := newTestWorker(t)
	req := &request{Source: endlessSource, Argument: "ctx", Value: json.RawMessage(`{}`)}
	if err := writeFrame(w.in, req); err != nil {
		t.Fatal(err)
	}
	if err := w.in.Close(); err != nil {
		t.Fatal(err)
	}
	<-w.exited
	if !w.process.ProcessState.Exited() || w.process.ProcessState.ExitCode() != exitDone {
		t.Errorf("worker ended with %v", w.process.ProcessState)
	}
}

// TestWorker_protocol sends what no parent sends: the worker ends, and the end
// is not taken for the fault of a template.
func TestWorker_protocol(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string]string{
		"Empty":    "\x00\x00\x00\x00",
		"Garbage":  "\x00\x00\x00\x07garbage",
		"TooLarge": "\x7f\xff\xff\xff",
		"CutShort": "\x00\x00\x00\x07{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestWorker(t)
			if _, err := io.WriteString(w.in, frame); err != nil {
				t.Fatal(err)
			}
			if name == "CutShort" {
				_ = w.in.Close()
			}
			var answer reply
			if err := readFrame(w.reader, w.maxReply, &answer); err == nil {
				t.Fatal("the worker answered")
			}
			if err := w.verdict(); !errors.Is(err, errLost) || w.process.ProcessState.ExitCode() != exitProtocol {
				t.Errorf("verdict() = %v, exit code %d", err, w.process.ProcessState.ExitCode())
			}
		})
	}
}

func TestReadFrame(t *testing.T) {
	t.Parallel()
	var stream bytes.Buffer
	for _, text := range []string{"", "one", "<two>"} {
		if err := writeFrame(&stream, text); err != nil {
			t.Fatal(err)
		}
	}
	whole := stream.Bytes()
	reader := iotest.OneByteReader(bytes.NewReader(whole))
	var got string
	for _, want := range []string{"", "one", "<two>"} {
		if err := readFrame(reader, 8, &got); err != nil || got != want {
			t.Fatalf("readFrame() = %q, %v, want %q", got, err, want)
		}
	}
	if err := readFrame(reader, 8, &got); !errors.Is(err, io.EOF) {
		t.Errorf("at the end readFrame() = %v, want io.EOF", err)
	}
	if err := readFrame(bytes.NewReader(whole), 2, &got); !errors.Is(err, errFrameTooLarge) {
		t.Errorf("over the limit readFrame() = %v, want errFrameTooLarge", err)
	}
	if err := readFrame(bytes.NewReader(whole[:5]), 8, &got); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut short readFrame() = %v, want io.ErrUnexpectedEOF", err)
	}
}

// FuzzReadFrame shows that garbage is refused without a panic.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0c{\"source\":1}"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		req := &request{}
		if err := readFrame(bytes.NewReader(stream), 1<<10, req); err == nil && len(req.Source) > len(stream) {
			t.Fatalf("a source of %d bytes from %d", len(req.Source), len(stream))
		}
	})
}

// TestPool_EndIdle ends the workers that nothing needs: all of them, or all but one
// when a template needs a worker for each message.
func TestPool_EndIdle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, template string
		left           int
	}{
		{"Planned", `function(ctx) { to: ctx.to }`, 0},
		{"Interpreted", `function(ctx) { to: std.manifestYamlDoc(ctx.to) }`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newTestPool(t, Options{Workers: 2})
			first := <-p.idle // the pool has started it
			<-p.spare
			second, err := p.start()
			if err != nil {
				t.Fatal(err)
			}
			p.putBack(first)
			p.putBack(second)
			compiled, err := p.Compile(t.Context(), "t", []byte(test.template))
			if err != nil {
				t.Fatal(err)
			}
			p.endIdle(time.Now().Add(-time.Hour))
			if len(p.idle) != 2 {
				t.Fatal("a worker was ended that had just been used")
			}
			p.endIdle(time.Now().Add(time.Hour))
			if got := len(p.idle); got != test.left {
				t.Errorf("%d workers are left, want %d", got, test.left)
			}
			if _, err := compiled.Evaluate(t.Context(), map[string]any{"to": "a"}); err != nil {
				t.Errorf("Evaluate after that: %v", err)
			}
		})
	}
}
