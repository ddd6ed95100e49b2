//go:build unix

package jsonnet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// endless never ends and uses little memory.
const endless = `function(ctx) std.foldl(function(a, i) std.foldl(function(b, j) b + j, std.range(1, 100000), 0), std.range(1, 100000), 0)`

// TestTemplate_Evaluate_killedWorker kills the worker that certainly holds an
// evaluation: the evaluation succeeds on the next one.
func TestTemplate_Evaluate_killedWorker(t *testing.T) {
	t.Parallel()
	started := make(chan *worker, 4)
	p := startTestPool(t, Options{Workers: 1}, func(o *Options) (*worker, error) {
		w, err := startWorker(o)
		started <- w
		return w, err
	})
	template := compileTest(t, p, `function(ctx) ctx.a`)
	held := <-started
	if err := held.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	j := newJob(operationEvaluate, template, []byte(`{"a":1}`))
	if _, err := p.queue.push(j); err != nil {
		t.Fatal(err)
	}
	if err := held.process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r := <-j.done
	if output, err := template.read(r.reply); r.err != nil || err != nil || string(output) != "1\n" {
		t.Fatalf("result = %q, %v, %v", output, err, r.err)
	}
	<-held.exited
	if next := <-started; next == held {
		t.Error("no new worker was started")
	}
}

// TestTemplate_Evaluate_killedAgain kills every worker: the error says that the
// template is not at fault.
func TestTemplate_Evaluate_killedAgain(t *testing.T) {
	t.Parallel()
	metrics := prometheus.NewRegistry()
	kill := false
	var mu sync.Mutex
	p := startTestPool(t, Options{Workers: 1, Registerer: metrics}, func(o *Options) (*worker, error) {
		w, err := startWorker(o)
		mu.Lock()
		defer mu.Unlock()
		if kill && err == nil {
			w.kill()
		}
		return w, err
	})
	template := compileTest(t, p, endless)
	mu.Lock()
	kill = true
	mu.Unlock()
	p.starter.mu.Lock()
	for w := range p.starter.live {
		w.kill()
	}
	p.starter.mu.Unlock()
	_, err := template.Evaluate(t.Context(), []byte(`{}`))
	if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrCrashed) {
		t.Fatalf("Evaluate() = %v, want ErrUnavailable", err)
	}
	mu.Lock()
	kill = false
	mu.Unlock()
	mustWork(t, p)
	if got := countOf(t, metrics, "courier_template_evaluations_total", "unavailable"); got != 1 {
		t.Errorf("unavailable evaluations = %v, want 1", got)
	}
}

// countOf returns the counter of one result.
func countOf(t *testing.T, gatherer prometheus.Gatherer, name, result string) float64 {
	t.Helper()
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name && metric.GetLabel()[0].GetValue() == result {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// TestPool_startFailure shows a clear error and no spin when no worker starts.
func TestPool_startFailure(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	tries := 0
	p := startTestPool(t, Options{Workers: 2}, func(*Options) (*worker, error) {
		mu.Lock()
		defer mu.Unlock()
		tries++
		return nil, errors.New("no more processes")
	})
	for range 100 {
		_, err := p.Compile(t.Context(), "sms", []byte(`function(ctx) 1`))
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no more processes") {
			t.Fatalf("Compile() = %v", err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if tries >= 100 {
		t.Errorf("%d starts for 100 calls", tries)
	}
}

// TestPool_batchFault shows that one evaluation that takes its worker down does
// not take those along that travel with it.
func TestPool_batchFault(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	template := compileTest(t, p, `function(ctx) if ctx.bad then std.length(std.makeArray(400000000, function(i) i)) else ctx.n`)
	for _, warm := range []bool{false, true} {
		if warm { // now that its cost is known the batch shares an interpreter
			if _, err := template.Evaluate(t.Context(), []byte(`{"bad":false,"n":0}`)); err != nil {
				t.Fatal(err)
			}
		}
		var jobs []*job
		for i := range 10 {
			j := newJob(operationEvaluate, template, fmt.Appendf(nil, `{"bad":%t,"n":%d}`, i == 4, i))
			jobs = append(jobs, j)
		}
		p.queue.putBack(jobs)
		for i, j := range jobs {
			r := <-j.done
			if i == 4 {
				if !errors.Is(r.err, ErrCrashed) {
					t.Errorf("bad evaluation = %v, want ErrCrashed", r.err)
				}
				continue
			}
			if output, err := template.read(r.reply); r.err != nil || err != nil || string(output) != fmt.Sprintln(i) {
				t.Errorf("evaluation %d = %q, %v, %v", i, output, err, r.err)
			}
		}
	}
}

// TestTemplate_Evaluate_context shows that a caller need not wait for an
// evaluation it gave up.
func TestTemplate_Evaluate_context(t *testing.T) {
	t.Parallel()
	p := startTestPool(t, Options{Workers: 1}, startWorker)
	template := compileTest(t, p, endless)
	ctx, cancel := context.WithCancel(t.Context())
	j := newJob(operationEvaluate, template, []byte(`{}`))
	if _, err := p.queue.push(j); err != nil { // occupies the only worker
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := template.Evaluate(ctx, []byte(`{}`))
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Evaluate() = %v, want context.Canceled", err)
	}
	p.starter.killAll()
	<-j.done
}

func TestPool_Close(t *testing.T) {
	t.Parallel()
	t.Run("Idle", func(t *testing.T) {
		t.Parallel()
		p := newTestPool(t, Options{Workers: 2})
		template := compileTest(t, p, sandboxed(`std.length(ctx)`))
		for range 2 {
			if err := p.Close(t.Context()); err != nil {
				t.Fatalf("Close() = %v", err)
			}
		}
		if _, err := template.Evaluate(t.Context(), []byte(`{}`)); !errors.Is(err, ErrClosed) {
			t.Errorf("Evaluate() = %v, want ErrClosed", err)
		}
		if _, err := p.Compile(t.Context(), "x", []byte(`1`)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Compile() = %v, want ErrUnavailable", err)
		}
	})
	t.Run("Busy", func(t *testing.T) {
		t.Parallel()
		p := newTestPool(t, Options{Workers: 1})
		template := compileTest(t, p, endless)
		j := newJob(operationEvaluate, template, []byte(`{}`))
		if _, err := p.queue.push(j); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Close(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Close() = %v, want context.Canceled", err)
		}
		if r := <-j.done; !errors.Is(r.err, ErrUnavailable) {
			t.Errorf("evaluation = %v, want ErrUnavailable", r.err)
		}
	})
}

// TestPool_concurrent uses several templates from many goroutines at once.
func TestPool_concurrent(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 3})
	echo := compileTest(t, p, sandboxed(`[std.asciiUpper(ctx.a)]`))
	fails := compileTest(t, p, `function(ctx) if std.parseInt(ctx.a) % 5 == 0 then error "cancel" else ctx.b`)
	var wait sync.WaitGroup
	for i := range 300 {
		document := fmt.Appendf(nil, `{"a":"%d"}`, i)
		wait.Go(func() {
			output, err := echo.Evaluate(t.Context(), document)
			if want := fmt.Sprintf("[\n   \"%d\"\n]\n", i); err != nil || string(output) != want {
				t.Errorf("Evaluate() = %q, %v, want %q", output, err, want)
			}
		})
		wait.Go(func() {
			_, err := fails.Evaluate(t.Context(), document)
			var evaluation *EvaluationError
			if canceled := errors.Is(err, ErrCanceled); canceled != (i%5 == 0) || (!canceled && !errors.As(err, &evaluation)) {
				t.Errorf("Evaluate() of %d = %v", i, err)
			}
		})
	}
	wait.Wait()
}

// TestPool_manyTemplates shows that a worker forgets old templates and gets
// them again when they are used.
func TestPool_manyTemplates(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	var templates []*Template
	for i := range 2*maxLoaded + 3 {
		templates = append(templates, compileTest(t, p, sandboxed(fmt.Sprintf(`%d + std.length(ctx)`, i))))
	}
	for range 2 {
		for i, template := range templates {
			output, err := template.Evaluate(t.Context(), []byte(`{}`))
			if err != nil || string(output) != fmt.Sprintln(i) {
				t.Fatalf("template %d = %q, %v", i, output, err)
			}
		}
	}
}
