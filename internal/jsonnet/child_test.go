package jsonnet

import (
	"bufio"
	"fmt"
	"io"
	"testing"
	"time"
)

// TestEvaluator_combined shows that documents that share an interpreter get
// what they get alone, and that one failing document sends all back.
func TestEvaluator_combined(t *testing.T) {
	t.Parallel()
	e := newEvaluator(workerConfig{MaxStack: defaultMaxStack, MaxOutput: defaultMaxOutput}, bufio.NewWriter(io.Discard))
	parsed, err := parse(`local n = {v:: 0}; function(ctx, more=[std.thisFile]) {a: std.toString(ctx.a), more: more, [ctx.a]: n {w: 1}}`)
	if err != nil {
		t.Fatal(err)
	}
	var documents [][]byte
	for i := range maxBatch {
		documents = append(documents, fmt.Appendf(nil, `{"a":"n%d"}`, i))
	}
	results, ok := e.combined(parsed, documents)
	if !ok || len(results) != len(documents) {
		t.Fatalf("combined() = %d results, %t", len(results), ok)
	}
	for i, document := range documents {
		alone := e.single(parsed, document)
		if alone.outcome != outcomeOK || string(alone.payload) != string(results[i].payload) {
			t.Errorf("document %d: together %q, alone %q", i, results[i].payload, alone.payload)
		}
	}
	if _, ok := e.combined(parsed, append(documents, []byte(`{"b":1}`))); ok {
		t.Error("combined() hides a failing document")
	}
}

// TestLoaded_mayCombine fixes when documents share an interpreter: when the
// template is a known cheap function that did not fail lately.
func TestLoaded_mayCombine(t *testing.T) {
	t.Parallel()
	const below = time.Millisecond
	function := &loaded{combinable: true}
	if function.mayCombine(below) {
		t.Error("a template of unknown cost is combined")
	}
	function.learn(below / 10)
	if !function.mayCombine(below) {
		t.Error("a cheap template is not combined")
	}
	function.apart = 1
	if function.mayCombine(below) || !function.mayCombine(below) {
		t.Error("a failed batch sets exactly one batch apart")
	}
	for range 20 {
		function.learn(10 * below)
	}
	if function.mayCombine(below) {
		t.Error("a dear template is combined")
	}
	if (&loaded{cost: 1}).mayCombine(below) {
		t.Error("a template that is no function is combined")
	}
}
