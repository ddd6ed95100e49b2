package jsonnet

import (
	"bufio"
	"fmt"
	"io"
	"slices"
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

// TestLoaded_share fixes how many documents share an interpreter: as many as fit
// into the time, when the template is a known function that did not fail lately.
func TestLoaded_share(t *testing.T) {
	t.Parallel()
	const within = 100 * time.Millisecond
	function := &loaded{combinable: true}
	if function.share(within) != 1 {
		t.Error("a template of unknown cost is combined")
	}
	function.learn(within / 1000)
	if function.share(within) != maxBatch {
		t.Error("a cheap template is not combined")
	}
	function.apart = 1
	if function.share(within) != 1 || function.share(within) != maxBatch {
		t.Error("a failed batch sets exactly one batch apart")
	}
	for range 100 {
		function.learn(within / 5)
	}
	if share := function.share(within); share < 4 || share > 5 {
		t.Errorf("share() = %d, want what fits into the time", share)
	}
	for range 20 {
		function.learn(10 * within)
	}
	if function.share(within) != 1 {
		t.Error("a dear template is combined")
	}
	if (&loaded{cost: 1}).share(within) != 1 {
		t.Error("a template that is no function is combined")
	}
}

// TestFieldsRead fixes which fields of ctx a worker decodes for a template.
func TestFieldsRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fields []string
		whole  bool
	}{
		`function(ctx) {a: ctx.a, b: std.length(ctx["b"].c)}`:               {fields: []string{"a", "b"}},
		`function(ctx) [x + ctx.a for x in ctx.b if x != ctx.c]`:            {fields: []string{"b", "c", "a"}},
		`function(ctx) {assert ctx.a, local l = ctx.b, [ctx.c]: ctx.d[1:]}`: {fields: []string{"a", "b", "c", "d"}},
		`function(ctx, x=ctx.a) x`:                                          {fields: []string{"a"}},
		`local f(x) = x.a; function(ctx) f(ctx)`:                            {whole: true},
		`function(ctx) std.objectHas(ctx, "a")`:                             {whole: true},
		`function(ctx) ctx[ctx.a]`:                                          {whole: true},
		`function(ctx) "a" in ctx`:                                          {whole: true},
		`function(ctx) ctx {b: 1}`:                                          {whole: true},
		`function(ctx) local c = ctx; c.a`:                                  {whole: true},
		`function(ctx) {a: self.b, b:: ctx}`:                                {whole: true},
		`function(ctx) {local c = ctx, a: c}`:                               {whole: true},
		`function(ctx) {assert ctx != {}, a: 1}`:                            {whole: true},
		`{a: 1}`:                                                            {},
		`function(message) message`:                                         {},
		`local ctx = {a: 1}; function(x) [ctx.a]`:                           {fields: []string{"a"}},
	}
	for source, test := range tests {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			parsed, err := parse(source)
			if err != nil {
				t.Fatal(err)
			}
			if parsed.whole != test.whole {
				t.Fatalf("whole = %t, want %t", parsed.whole, test.whole)
			}
			slices.Sort(parsed.fields)
			slices.Sort(test.fields)
			if !test.whole && !slices.Equal(slices.Compact(parsed.fields), test.fields) {
				t.Errorf("fields = %q, want %q", parsed.fields, test.fields)
			}
		})
	}
}
