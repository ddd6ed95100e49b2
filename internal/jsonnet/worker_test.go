package jsonnet

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

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
	req := &request{
		operation: operationEvaluate, template: 1, hasSource: true, documents: [][]byte{[]byte(`{}`)},
		source: []byte(`function(ctx) std.foldl(function(a, i) std.foldl(function(b, j) b + j, std.range(1, 100000), 0), std.range(1, 100000), 0)`),
	}
	if err := writeFrame(w.in, req.appendTo(newFrame(req.size()))); err != nil {
		t.Fatal(err)
	}
	if err := w.in.Close(); err != nil {
		t.Fatal(err)
	}
	<-w.exited
	if !w.state.Exited() || w.state.ExitCode() != exitDone {
		t.Errorf("worker ended with %v", w.state)
	}
}

// TestWorker_protocol sends what no parent sends: the worker ends, and the end
// is not taken for the fault of a template.
func TestWorker_protocol(t *testing.T) {
	t.Parallel()
	valid := &request{operation: operationEvaluate, template: 7, documents: [][]byte{[]byte(`{}`)}}
	tests := map[string][]byte{
		"Empty":            {},
		"Garbage":          []byte("garbage"),
		"UnknownOperation": {99, 0, 0, 0, 0, 0},
		"UnknownTemplate":  valid.appendTo(nil),
		"Truncated":        valid.appendTo(nil)[:5],
	}
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestWorker(t)
			if err := writeFrame(w.in, append(newFrame(len(payload)), payload...)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.receive(); err == nil {
				t.Fatal("the worker answered")
			}
			if err := w.verdict(); !errors.Is(err, errLost) || w.state.ExitCode() != exitProtocol {
				t.Errorf("verdict() = %v, exit code %d", err, w.state.ExitCode())
			}
		})
	}
}

func TestReadFrame(t *testing.T) {
	t.Parallel()
	var stream bytes.Buffer
	for _, payload := range []string{"", "one", "two"} {
		if err := writeFrame(&stream, append(newFrame(0), payload...)); err != nil {
			t.Fatal(err)
		}
	}
	whole := stream.Bytes()
	reader := iotest.OneByteReader(bytes.NewReader(whole))
	for _, want := range []string{"", "one", "two"} {
		if payload, err := readFrame(reader, 3); err != nil || string(payload) != want {
			t.Fatalf("readFrame() = %q, %v, want %q", payload, err, want)
		}
	}
	if _, err := readFrame(reader, 3); !errors.Is(err, io.EOF) {
		t.Errorf("at the end readFrame() = %v, want io.EOF", err)
	}
	if _, err := readFrame(bytes.NewReader(whole[4:]), 2); !errors.Is(err, errFrameTooLarge) {
		t.Errorf("over the limit readFrame() = %v, want errFrameTooLarge", err)
	}
	if _, err := readFrame(bytes.NewReader(whole[4:9]), 3); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut short readFrame() = %v, want io.ErrUnexpectedEOF", err)
	}
}

// TestDecodeRequest shows that a request survives the wire, and that no garbage
// makes the decoder fail other than by its error.
func TestDecodeRequest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		documents := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "documents")
		want := &request{
			operation: operationEvaluate, forget: rapid.Bool().Draw(t, "forget"), hasSource: true,
			template: rapid.Uint64().Draw(t, "template"), source: rapid.SliceOf(rapid.Byte()).Draw(t, "source"),
			documents: documents,
		}
		payload := want.appendTo(nil)
		got, err := decodeRequest(payload)
		if err != nil || len(payload) > want.size() || !sameRequest(got, want) {
			t.Fatalf("decodeRequest() = %+v, %v, want %+v", got, err, want)
		}
		cut := rapid.IntRange(0, len(payload)-1).Draw(t, "cut")
		if _, err := decodeRequest(payload[:cut]); !errors.Is(err, errMalformed) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	})
}

func sameRequest(a, b *request) bool {
	return a.operation == b.operation && a.forget == b.forget && a.hasSource == b.hasSource && a.template == b.template &&
		bytes.Equal(a.source, b.source) && slices.EqualFunc(a.documents, b.documents, bytes.Equal)
}

// FuzzDecodeRequest shows that garbage is refused without a panic.
func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte{2, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		if req, err := decodeRequest(payload); err == nil && len(req.documents) > len(payload) {
			t.Fatalf("%d documents from %d bytes", len(req.documents), len(payload))
		}
	})
}
