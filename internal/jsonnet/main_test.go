package jsonnet

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	ServeIfChild()
	goleak.VerifyTestMain(m)
}

// ample is a time-out for tests that are about something else.
const ample = 2 * time.Minute

// newTestPool returns a pool that the test closes. Without a time-out of its
// own it is patient, since the machine may be busy.
func newTestPool(t testing.TB, o Options) *Pool {
	t.Helper()
	return startTestPool(t, o, startWorker)
}

// startTestPool is newTestPool with a way to start workers.
func startTestPool(t testing.TB, o Options, spawnFunc func(*Options) (*worker, error)) *Pool {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = ample
	}
	o.StartTimeout = ample
	p := newPool(o, spawnFunc)
	p.addSlot(true)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), ample)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return p
}

func compileTest(t testing.TB, p *Pool, source string) *Template {
	t.Helper()
	template, err := p.Compile(t.Context(), "test.jsonnet", []byte(source))
	if err != nil {
		t.Fatalf("Compile(%q) = %v", clip(source, 200), err)
	}
	return template
}

// mustWork shows that the pool still evaluates.
func mustWork(t testing.TB, p *Pool) {
	t.Helper()
	output, err := compileTest(t, p, `function(ctx) [std.length(ctx.a)]`).Evaluate(t.Context(), []byte(`{"a":"xyz"}`))
	if err != nil || string(output) != "[\n   3\n]\n" {
		t.Fatalf("after that Evaluate() = %q, %v", output, err)
	}
}
