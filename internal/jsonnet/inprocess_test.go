package jsonnet

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newOwnPool is a pool that works in this process. It starts no other.
func newOwnPool(tb testing.TB, o Options) *Pool {
	tb.Helper()
	o.InProcess = true
	return startTestPool(tb, o, func(*Options) (*worker, error) {
		tb.Error("a process was started")
		return nil, errors.New("not wanted")
	})
}

// TestPool_InProcess evaluates rules with their plans and with the interpreter, and
// has its errors.
func TestPool_InProcess(t *testing.T) {
	t.Parallel()
	p := newOwnPool(t, Options{})
	for name, rule := range rules() {
		template, err := p.CompileFunc(t.Context(), rule.argument, name, []byte(rule.source))
		if err != nil {
			t.Fatal(err)
		}
		want, err := Decode([]byte(rule.want))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := template.Evaluate(t.Context(), rule.value(t)); err != nil || !cmp.Equal(got, want) {
				t.Errorf("%s: Evaluate() = %v, %v, want %v", name, got, err, want)
			}
			template.plan = nil
		}
	}
	ctx := map[string]any{"body": "123456"}
	if _, err := compileTest(t, p, `function(ctx) error "cancel"`).Evaluate(t.Context(), ctx); !errors.Is(err, ErrCanceled) {
		t.Errorf("a template that cancels: %v", err)
	}
	_, err := compileTest(t, p, `function(ctx) { to: ctx.too }`).Evaluate(t.Context(), ctx)
	checkFailure(t, err, nil, "Field does not exist: too")
	_, err = compileTest(t, p, `local f(x) = 1 + f(x + 1); function(ctx) f(0)`).Evaluate(t.Context(), ctx)
	checkFailure(t, err, nil, "max stack frames exceeded")
	if _, err := p.Compile(t.Context(), "large", make([]byte, maxOwnSource+1)); err == nil || !strings.Contains(err.Error(), "larger than 65536 bytes") {
		t.Errorf("Compile() of a large template = %v", err)
	}
}

// TestPool_InProcess_deep reads what would overflow the stack of a small process.
func TestPool_InProcess_deep(t *testing.T) {
	t.Parallel()
	p := newOwnPool(t, Options{})
	for _, part := range []string{"[", "{a:", "local a=1;", "(", "function(a) ", "1+", "if a then "} {
		for _, count := range []int{maxOwnNests / 2, maxOwnSource/len(part) - 1} {
			_, _ = p.Compile(t.Context(), "deep", []byte(strings.Repeat(part, count)+"1")) // this process is still there
		}
	}
	_, err := p.Compile(t.Context(), "deep", []byte(strings.Repeat("[", maxOwnNests+1)))
	checkFailure(t, err, nil, "template has more than 4000 brackets")
}

// TestPool_InProcess_timeout shows that a template that takes too long is left to
// itself once, and delays no other.
func TestPool_InProcess_timeout(t *testing.T) {
	t.Parallel()
	p := newOwnPool(t, Options{Timeout: 30 * time.Millisecond})
	slow := compileTest(t, p, sandboxed(`std.foldl(function(a, i) a + i, std.range(1, 60000), 0)`))
	for range 2 {
		if _, err := slow.Evaluate(t.Context(), nil); !errors.Is(err, ErrTimeout) {
			t.Fatalf("Evaluate() = %v, want %v", err, ErrTimeout)
		}
	}
	mustWork(t, p)
}
