package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"courier/internal/jsonnet"
)

// Try writes the bodies of made-up messages by a template that is not in force
// yet, and sends nothing. The error says why the template works for no message;
// the template is not at fault when it is jsonnet.ErrUnavailable or the error of
// ctx. The warnings say for which messages it does not work.
func (g *Gateway) Try(ctx context.Context, template Evaluator) (warnings []string, err error) {
	if g.method == http.MethodTrace {
		return nil, nil
	}
	return g.tryMessages(ctx, func(ctx context.Context, made *madeUp) ([]byte, error) {
		return g.bodyWith(ctx, template, made.message())
	}, notSent, true)
}

// TryQuery is Try for a template of query parameters.
func (g *Gateway) TryQuery(ctx context.Context, template Evaluator) (warnings []string, err error) {
	return g.tryMessages(ctx, func(ctx context.Context, made *madeUp) ([]byte, error) {
		return g.queryWith(ctx, template, made.message())
	}, notSent, g.template == nil)
}

// notSent is what becomes of a message for which a template of its request fails.
const notSent = "and such a message is not sent"

// tryMessages tries a template of requests, whose failure has a consequence. Where isWhole, nothing but this template
// tells the gateway the recipient and the text.
func (g *Gateway) tryMessages(
	ctx context.Context, evaluate func(context.Context, *madeUp) ([]byte, error), consequence string, isWhole bool,
) (warnings []string, err error) {
	t := &trial{evaluateFunc: evaluate, explainFunc: g.explain}
	if err := t.runAll(ctx, madeUpMessages()); err != nil {
		return nil, err
	}
	if isWhole {
		t.bodies = map[string]bool{}
	}
	for _, made := range oddMessages(t.works) {
		if err := t.run(ctx, made); err != nil {
			return nil, err
		}
	}
	return t.warnings(consequence), nil
}

// trial is the test of one template.
type trial struct {
	// evaluateFunc evaluates the template and returns what it makes.
	evaluateFunc func(ctx context.Context, made *madeUp) ([]byte, error)
	explainFunc  func(err error) error
	// mayPass says of a fault that what is really sent may not meet it; nil for never.
	mayPass func(err error, isLast bool) bool
	// works is a message for which the template gives a body, or withdraws it; nil
	// for none.
	works           *madeUp
	tried, canceled int
	failures        []failure
	// bodies are those of messages that differ in recipient and text alone, once it is set.
	bodies map[string]bool
}

// failure is a message for which the template fails.
type failure struct {
	label string
	err   error
	// mayPass is true when what was made up may be the reason.
	mayPass bool
}

// runAll tries what stands for all that may come. The error says why the template works for
// none of it.
func (t *trial) runAll(ctx context.Context, all []*madeUp) error {
	for _, made := range all {
		if err := t.run(ctx, made); err != nil {
			return t.explainFunc(err)
		}
	}
	if t.works != nil {
		return nil
	}
	if slices.ContainsFunc(t.failures, func(f failure) bool { return f.mayPass }) {
		return nil
	}
	return t.explainFunc(t.failures[0].err)
}

// run tries one message and notes what came of it. An error ends the trial.
func (t *trial) run(ctx context.Context, made *madeUp) error {
	t.tried++
	err := t.evaluate(ctx, made)
	mayPass := false
	for err != nil {
		isLast := !made.change(err)
		mayPass = mayPass || t.mayPass != nil && t.mayPass(err, isLast)
		if isLast {
			break
		}
		err = t.evaluate(ctx, made)
	}
	switch {
	case err == nil:
		t.works = made
	case errors.Is(err, jsonnet.ErrCanceled):
		t.canceled++
		t.works = made
	case ctx.Err() != nil || errors.Is(err, jsonnet.ErrUnavailable):
		return err
	case t.works == nil && errors.Is(err, jsonnet.ErrTimeout):
		return err // each further message would take as long
	default:
		t.failures = append(t.failures, failure{made.label, err, mayPass})
	}
	return nil
}

// evaluate writes one body. On a busy machine any template can run out of time once.
func (t *trial) evaluate(ctx context.Context, made *madeUp) error {
	body, err := t.evaluateFunc(ctx, made)
	if errors.Is(err, jsonnet.ErrTimeout) {
		body, err = t.evaluateFunc(ctx, made)
	}
	if err == nil && t.bodies != nil {
		t.bodies[string(body)] = true
	}
	return err
}

// warnings names the messages for which the template fails, together where the
// reason is the same, and what becomes of such a message.
func (t *trial) warnings(consequence string) []string {
	var warnings, reasons []string
	labels := map[string][]string{}
	for _, failed := range t.failures {
		if failed.label == "" || failed.mayPass { // it could not be made up
			continue
		}
		reason := t.explainFunc(failed.err).Error()
		if labels[reason] == nil {
			reasons = append(reasons, reason)
		}
		labels[reason] = append(labels[reason], failed.label)
	}
	for _, reason := range reasons {
		warnings = append(warnings, fmt.Sprintf("the template fails for %s, %s: %s",
			strings.Join(labels[reason], ", "), consequence, reason))
	}
	if t.canceled == t.tried {
		warnings = append(warnings, `the template cancels every message that it was tried with: see its error "cancel"`)
	}
	if len(t.bodies) == 1 {
		warnings = append(warnings, "the template gives the same for every recipient and every text: use ctx.to and ctx.body in it")
	}
	return warnings
}
