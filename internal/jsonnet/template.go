package jsonnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"courier/internal/jsonnet/plan"
)

// Template is a template that was found free of static errors. It is safe for
// concurrent use and holds nothing that must be released.
type Template struct {
	pool *Pool
	// own is set when the template is evaluated in this process.
	own *interpreter
	// argument is the name of the one that it is called with.
	argument string
	name     string
	source   string
	// plan is set when the template can be run without the interpreter.
	plan     *plan.Plan
	reads    []string
	whole    bool
	body     place
	warnings []error
}

// Decode reads a JSON text as the value that it is in a template: nil, a bool, a
// float64, a string, a []any or a map[string]any. A number that is out of range
// stays a json.Number. The error quotes nothing of the text.
func Decode(text []byte) (any, error) { return plan.Decode(text) }

// Compile checks a template of a request, a Jsonnet function of ctx: see CompileFunc.
func (p *Pool) Compile(ctx context.Context, name string, source []byte) (*Template, error) {
	return p.CompileFunc(ctx, "ctx", name, source)
}

// CompileFunc checks a template, a Jsonnet function of one argument, which it is
// called with by its name. The name of the template stands in errors.
//
// Errors: *TemplateError for a syntax error, an unknown variable, an import or a
// template larger than Options.MaxSource; ErrTimeout and ErrCrashed for one
// that cannot be read within the limits; ErrUnavailable, ErrClosed, or the
// error of ctx.
func (p *Pool) CompileFunc(ctx context.Context, argument, name string, source []byte) (*Template, error) {
	t := &Template{pool: p, argument: argument, name: name, source: string(source)}
	if len(source) > p.options.MaxSource {
		return nil, t.failed(&fault{Static: true, Message: "template is larger than " + strconv.Itoa(p.options.MaxSource) + " bytes"})
	}
	if p.options.InProcess {
		if nestsTooDeep(t.source) {
			return nil, t.failed(&fault{Static: true, Message: "template has more than " + strconv.Itoa(maxOwnNests) +
				" brackets, operators and keywords, which are not read inside another program: simplify it"})
		}
		t.own = newInterpreter(&p.options)
	}
	answer, err := t.do(ctx, nil)
	switch {
	case err != nil:
		return nil, fmt.Errorf("compile template %s: %w", t.name, err)
	case answer.Fault != nil:
		return nil, t.failed(answer.Fault)
	case answer.Template == nil:
		return nil, fmt.Errorf("compile template %s: %w: %w", t.name, ErrUnavailable, errMalformed)
	}
	f := answer.Template
	if f.Plan.Prepare() {
		t.plan = f.Plan
	} else {
		p.interprets.Store(true)
	}
	t.reads, t.whole, t.body = f.Reads, f.Whole, f.Body
	for i := range f.Warnings {
		t.warnings = append(t.warnings, t.failed(&f.Warnings[i]))
	}
	return t, nil
}

// Warnings are the mistakes that only messages of a certain kind meet, such as a
// function that does not exist in one branch of a condition.
func (t *Template) Warnings() []error { return t.warnings }

// Reads returns the fields of its argument that the template may look at, unless it
// may look at all. The others need not be given to Evaluate.
func (t *Template) Reads() (fields []string, all bool) { return t.reads, t.whole }

// Evaluate calls the template with the value of its argument and returns its
// result. Both are values as Decode makes them; neither may be changed afterwards. A
// template that is no function is its own result.
//
// Errors: ErrCanceled; *TemplateError for a fault of the template and for more
// than Options.MaxInput or Options.MaxOutput bytes; ErrTimeout, ErrCrashed,
// ErrUnavailable, ErrClosed, or the error of ctx. No error holds anything of
// the value. A template that has a plan is evaluated in this process and also after
// Close.
func (t *Template) Evaluate(ctx context.Context, value map[string]any) (any, error) {
	started := time.Now()
	result, err := t.evaluate(ctx, value)
	t.pool.metrics.observe(err, time.Since(started))
	return result, err
}

func (t *Template) evaluate(ctx context.Context, value map[string]any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("evaluate template %s: %w", t.name, err)
	}
	if t.plan != nil {
		if result, ok := t.plan.Run(value, t.pool.options.MaxOutput); ok {
			return result, nil
		}
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, t.failed(&fault{Message: t.argument + " is not a JSON document"})
	}
	if limit := t.pool.options.MaxInput; len(encoded) > limit {
		return nil, t.failed(&fault{Message: t.argument + " is larger than " + strconv.Itoa(limit) + " bytes"})
	}
	answer, err := t.do(ctx, encoded)
	switch {
	case err != nil:
		return nil, fmt.Errorf("evaluate template %s: %w", t.name, err)
	case answer.Canceled:
		return nil, fmt.Errorf("evaluate template %s: %w", t.name, ErrCanceled)
	case answer.Fault != nil:
		return nil, t.failed(answer.Fault)
	}
	result, err := Decode(answer.Result)
	if err != nil {
		return nil, fmt.Errorf("evaluate template %s: %w", t.name, errors.Join(ErrUnavailable, errMalformed))
	}
	return result, nil
}

// do asks for the value of the template with the argument, or without one for what it is.
func (t *Template) do(ctx context.Context, argument json.RawMessage) (reply, error) {
	req := &request{Source: t.source, Argument: t.argument, Value: argument}
	if t.own != nil {
		return t.own.do(ctx, t.pool, req)
	}
	return t.pool.do(ctx, req)
}

func (t *Template) failed(f *fault) error {
	return &TemplateError{
		Template: t.name, Static: f.Static, Line: f.Line, Column: f.Column, Message: f.Message, Object: f.Object, Field: f.Field,
	}
}

// Misfit returns an *TemplateError for a result that is of no use to the
// caller, with the place where the template writes its result.
func (t *Template) Misfit(message string) error {
	return t.failed(&fault{place: t.body, Message: message})
}
