package jsonnet

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestTemplate_Evaluate_limits lets hostile templates loose on real workers and
// shows that each is stopped by the limit it meets, and that the next
// evaluation works.
func TestTemplate_Evaluate_limits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source string
		// timeout is set for templates that would run for ever.
		timeout time.Duration
		want    error
		message string
	}{
		"KratosTimeoutCase": {
			source:  `function(ctx) { a: std.foldl(function(a, i) a + std.foldl(function(b, j) b + j, std.range(1, 1000), 0), std.range(1, 20000), 0) }`,
			timeout: 3 * time.Second, want: ErrTimeout,
		},
		"InfiniteRecursion": {source: `local f(x) = 1 + f(x + 1); function(ctx) f(0)`, message: "max stack frames exceeded"},
		"TailRecursion":     {source: `local f(x) = f(x) tailstrict; function(ctx) f(0)`, want: ErrCrashed},
		"DeepOutput":        {source: `local f(n) = if n == 0 then [] else [f(n - 1)]; function(ctx) f(100000)`, message: "max stack frames exceeded"},
		"RepeatBomb":        {source: `function(ctx) std.repeat("x", 2000000000)`, want: ErrCrashed},
		"MakeArrayBomb":     {source: `function(ctx) std.length(std.makeArray(400000000, function(i) i))`, want: ErrCrashed},
		"StringDoubling":    {source: `function(ctx) std.length(std.foldl(function(s, i) std.asciiLower(s + s), std.range(1, 40), "xy"))`, want: ErrCrashed},
		"ArrayDoubling":     {source: `function(ctx) std.length(std.foldl(function(a, i) a + a, std.range(1, 40), [1]))`, want: ErrCrashed},
		"OutputOverLimit":   {source: `function(ctx) ctx.large + ctx.large`, message: "output is larger than 1048576 bytes"},
		"OutputWithinLimit": {source: `function(ctx) [ctx.large]`},
		"LargeErrorText":    {source: `function(ctx) error ctx.large`, message: "error: …"},
	}
	large := map[string]any{"large": strings.Repeat("x", 900<<10)}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTestPool(t, Options{Workers: 1, Timeout: test.timeout})
			_, err := compileTest(t, p, test.source).Evaluate(t.Context(), large)
			checkFailure(t, err, test.want, test.message)
			mustWork(t, p)
		})
	}
}

// checkFailure compares an error with a sentinel, or with the message of an
// TemplateError; with neither it must be nil.
func checkFailure(t *testing.T, err, want error, message string) {
	t.Helper()
	var evaluation *TemplateError
	switch {
	case want != nil:
		if !errors.Is(err, want) {
			t.Fatalf("error = %v, want %v", err, want)
		}
	case message != "":
		if !errors.As(err, &evaluation) || !strings.Contains(evaluation.Message, message) {
			t.Fatalf("error = %v, want a TemplateError with %q", err, message)
		}
	case err != nil:
		t.Fatalf("error = %v", err)
	}
}

func TestPool_Compile_limits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source  string
		timeout time.Duration
		want    error
	}{
		"DeepArrays":  {source: strings.Repeat("[", 250<<10), want: ErrCrashed},
		"DeepObjects": {source: strings.Repeat("{a:", 80<<10), want: ErrCrashed},
		"DeepLocals":  {source: strings.Repeat("local a=1;", 25<<10) + "a", want: ErrCrashed},
		"DeepParens":  {source: strings.Repeat("(", 250<<10), want: ErrCrashed},
		"DeepUnary":   {source: strings.Repeat("-", 250<<10) + "1", timeout: 3 * time.Second, want: ErrTimeout},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTestPool(t, Options{Workers: 1, Timeout: test.timeout})
			_, err := p.Compile(t.Context(), "deep", []byte(test.source))
			if !errors.Is(err, test.want) {
				t.Fatalf("Compile() = %v, want %v", err, test.want)
			}
			mustWork(t, p)
		})
	}
}
