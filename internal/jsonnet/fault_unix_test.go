//go:build unix

package jsonnet

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

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
	template := compileTest(t, p, sandboxed(`[ctx.a]`))
	held := <-started
	if err := held.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		result, err := template.Evaluate(t.Context(), map[string]any{"a": "x"})
		if diff := cmp.Diff(any([]any{"x"}), result); diff != "" {
			err = errors.Join(err, errors.New(diff))
		}
		done <- err
	}()
	untilBusy(p)
	if err := held.process.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	<-held.exited
	if next := <-started; next == held {
		t.Error("no new worker was started")
	}
}

// untilBusy waits until the only worker of a pool has a request.
func untilBusy(p *Pool) {
	for len(p.idle) > 0 {
		runtime.Gosched()
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
	template := compileTest(t, p, endlessSource)
	mu.Lock()
	kill = true
	mu.Unlock()
	p.mu.Lock()
	for w := range p.live {
		w.kill()
	}
	p.mu.Unlock()
	_, err := template.Evaluate(t.Context(), nil)
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

// TestTemplate_Evaluate_context shows that a caller need not wait for an
// evaluation it gave up, whether it runs or waits for a worker.
func TestTemplate_Evaluate_context(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	template := compileTest(t, p, endlessSource)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := template.Evaluate(ctx, nil)
			done <- err
		}()
	}
	untilBusy(p)
	cancel()
	for range 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Evaluate() = %v, want context.Canceled", err)
		}
	}
	p.killAll()
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
		if _, err := template.Evaluate(t.Context(), nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Evaluate() = %v, want ErrClosed", err)
		}
		if _, err := p.Compile(t.Context(), "x", []byte(`1`)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Compile() = %v, want ErrUnavailable", err)
		}
	})
	t.Run("Slow", func(t *testing.T) {
		t.Parallel()
		slow := make(chan struct{}) // it does not come up before it has to go
		p := newPool(Options{Workers: 1}, func(o *Options) (*worker, error) {
			<-slow
			return startWorker(o)
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.AfterFunc(10*time.Millisecond, func() { close(slow) })
		if err := p.Close(ctx); err != nil {
			t.Errorf("Close() = %v, though no request was cut short", err)
		}
	})
	t.Run("Busy", func(t *testing.T) {
		t.Parallel()
		p := newTestPool(t, Options{Workers: 1})
		template := compileTest(t, p, endlessSource)
		done := make(chan error)
		for range 2 { // one runs, one waits
			go func() {
				_, err := template.Evaluate(context.WithoutCancel(t.Context()), nil)
				done <- err
			}()
		}
		untilBusy(p)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Close(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Close() = %v, want context.Canceled", err)
		}
		for range 2 {
			if err := <-done; !errors.Is(err, ErrUnavailable) {
				t.Errorf("Evaluate() = %v, want ErrUnavailable", err)
			}
		}
	})
}

// TestPool_concurrent uses several templates from many goroutines at once.
func TestPool_concurrent(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 3})
	echo := compileTest(t, p, sandboxed(`std.asciiUpper(ctx.a)`))
	fails := compileTest(t, p, `function(ctx) if std.parseInt(ctx.a) % 5 == 0 then error "cancel" else ctx.b`)
	var wait sync.WaitGroup
	for i := range 300 {
		message := map[string]any{"a": strconv.Itoa(i)}
		wait.Go(func() {
			result, err := echo.Evaluate(t.Context(), message)
			if err != nil || result != strconv.Itoa(i) {
				t.Errorf("Evaluate() = %v, %v, want %d", result, err, i)
			}
		})
		wait.Go(func() {
			_, err := fails.Evaluate(t.Context(), message)
			var evaluation *TemplateError
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
			result, err := template.Evaluate(t.Context(), map[string]any{})
			if err != nil || result != float64(i) {
				t.Fatalf("template %d = %v, %v", i, result, err)
			}
		}
	}
}
