package jsonnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Template is a request template that was found free of static errors. It is
// safe for concurrent use and holds nothing that must be released.
type Template struct {
	pool   *Pool
	id     uint64
	name   string
	source []byte
	// plan is set when the template can be run without the interpreter.
	plan *plan
}

// Compile checks a template, a Jsonnet function of ctx. The name stands in
// errors: a path or address; the content of a base64:// address and the
// credentials of a URL are left out.
//
// Errors: *CompileError for a syntax error, an unknown variable, an import or a
// template larger than Options.MaxSource; ErrTimeout and ErrCrashed for one
// that cannot be read within the limits; ErrUnavailable, ErrClosed, or the
// error of ctx.
func (p *Pool) Compile(ctx context.Context, name string, source []byte) (*Template, error) {
	t := &Template{pool: p, id: p.lastID.Add(1), name: label(name), source: slices.Clone(source)}
	if len(source) > p.options.MaxSource {
		return nil, &CompileError{Template: t.name, Message: "template is larger than " +
			strconv.Itoa(p.options.MaxSource) + " bytes"}
	}
	answer, err := p.do(ctx, newJob(operationCompile, t, nil))
	if err != nil {
		return nil, fmt.Errorf("compile template %s: %w", t.name, err)
	}
	if answer.outcome != outcomeOK {
		f, err := decodeFault(answer.payload)
		if err != nil {
			return nil, fmt.Errorf("compile template %s: %w", t.name, err)
		}
		return nil, &CompileError{Template: t.name, Line: f.Line, Column: f.Column, Message: f.Message}
	}
	var c compiled
	if err := json.Unmarshal(answer.payload, &c); err != nil {
		return nil, fmt.Errorf("compile template %s: read plan: %w", t.name, err)
	}
	if c.Plan.sound() {
		t.plan = c.Plan
		t.plan.prepare()
	}
	return t, nil
}

// Evaluate calls the template with the JSON document as its argument ctx and
// returns its result as go-jsonnet prints it: sorted keys, indented by three
// spaces, one final newline. A template that is no function is its own result.
//
// Errors: ErrCanceled; *EvaluationError for a fault of the template, for ctx
// that is not JSON, and for more than Options.MaxInput or Options.MaxOutput
// bytes; ErrTimeout, ErrCrashed, ErrUnavailable, ErrClosed, or the error of ctx.
// No error holds a value of the document. A template that has a plan is evaluated
// in this process and also after Close.
func (t *Template) Evaluate(ctx context.Context, ctxJSON []byte) ([]byte, error) {
	started := time.Now()
	output, err := t.evaluate(ctx, ctxJSON)
	t.pool.metrics.observe(err, time.Since(started))
	return output, err
}

func (t *Template) evaluate(ctx context.Context, ctxJSON []byte) ([]byte, error) {
	if limit := t.pool.options.MaxInput; len(ctxJSON) > limit {
		return nil, t.fail("ctx is larger than " + strconv.Itoa(limit) + " bytes")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("evaluate template %s: %w", t.name, err)
	}
	if t.plan != nil {
		if output, ok := t.plan.run(ctxJSON, t.pool.options.MaxOutput); ok {
			return output, nil
		}
	}
	answer, err := t.pool.do(ctx, newJob(operationEvaluate, t, slices.Clone(ctxJSON)))
	if err != nil {
		return nil, fmt.Errorf("evaluate template %s: %w", t.name, err)
	}
	return t.read(answer)
}

// read turns a reply into the result of Evaluate.
func (t *Template) read(answer reply) ([]byte, error) {
	switch answer.outcome {
	case outcomeOK:
		return answer.payload, nil
	case outcomeCanceled:
		return nil, fmt.Errorf("evaluate template %s: %w", t.name, ErrCanceled)
	case outcomeFault:
		f, err := decodeFault(answer.payload)
		if err != nil {
			return nil, fmt.Errorf("evaluate template %s: %w", t.name, err)
		}
		return nil, &EvaluationError{Template: t.name, Line: f.Line, Column: f.Column, Message: f.Message}
	}
	return nil, fmt.Errorf("evaluate template %s: %w", t.name, errors.Join(ErrUnavailable, errMalformed))
}

func (t *Template) fail(message string) error {
	return &EvaluationError{Template: t.name, Message: message}
}
