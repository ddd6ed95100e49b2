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
func newTestPool(tb testing.TB, o Options) *Pool {
	tb.Helper()
	return startTestPool(tb, o, startWorker)
}

// startTestPool is newTestPool with a way to start workers.
func startTestPool(tb testing.TB, o Options, startFunc func(*Options) (*worker, error)) *Pool {
	tb.Helper()
	if o.Timeout == 0 {
		o.Timeout = ample
	}
	o.StartTimeout = ample
	p := newPool(o, startFunc)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), ample)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			tb.Errorf("Close() = %v", err)
		}
	})
	return p
}

func compileTest(tb testing.TB, p *Pool, source string) *Template {
	tb.Helper()
	template, err := p.Compile(tb.Context(), "test.jsonnet", []byte(source))
	if err != nil {
		tb.Fatalf("Compile(%q) = %v", clip(source, 200), err)
	}
	return template
}

// decodeTest reads a message.
func decodeTest(tb testing.TB, document string) map[string]any {
	tb.Helper()
	value, err := Decode([]byte(document))
	message, ok := value.(map[string]any)
	if err != nil || !ok {
		tb.Fatalf("decode %q: %v", clip(document, 200), err)
	}
	return message
}

// sandboxed is a template with this body that is evaluated by a worker, since
// plans have one parameter.
func sandboxed(body string) string { return "function(ctx, other=null) " + body }

// mustWork shows that the pool still evaluates.
func mustWork(tb testing.TB, p *Pool) {
	tb.Helper()
	result, err := compileTest(tb, p, sandboxed(`std.length(ctx.a)`)).Evaluate(tb.Context(), map[string]any{"a": "xyz"})
	if err != nil || result != 3.0 {
		tb.Fatalf("after that Evaluate() = %v, %v", result, err)
	}
}
