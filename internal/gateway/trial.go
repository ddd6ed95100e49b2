package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"courier"
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
	t := &trial{gateway: g, template: template}
	for _, made := range madeUpMessages() {
		if err := t.run(ctx, made); err != nil {
			return nil, g.explain(err)
		}
	}
	if t.works == nil {
		return nil, g.explain(t.failures[0].err)
	}
	t.bodies = map[string]bool{}
	for _, made := range oddMessages(t.works) {
		if err := t.run(ctx, made); err != nil {
			return nil, err
		}
	}
	return t.warnings(), nil
}

// trial is the test of one template.
type trial struct {
	gateway  *Gateway
	template Evaluator
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
}

// run tries one message and notes what came of it. An error ends the trial.
func (t *trial) run(ctx context.Context, made *madeUp) error {
	t.tried++
	err := t.evaluate(ctx, made.message())
	for err != nil && made.change(err) {
		err = t.evaluate(ctx, made.message())
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
		t.failures = append(t.failures, failure{made.label, err})
	}
	return nil
}

// evaluate writes one body. On a busy machine any template can run out of time once.
func (t *trial) evaluate(ctx context.Context, m *courier.Message) error {
	body, err := t.gateway.bodyWith(ctx, t.template, m)
	if errors.Is(err, jsonnet.ErrTimeout) {
		body, err = t.gateway.bodyWith(ctx, t.template, m)
	}
	if err == nil && t.bodies != nil {
		t.bodies[string(body)] = true
	}
	return err
}

// warnings names the messages for which the template fails, together where the
// reason is the same.
func (t *trial) warnings() []string {
	var warnings, reasons []string
	labels := map[string][]string{}
	for _, failed := range t.failures {
		if failed.label == "" { // it could not be made up
			continue
		}
		reason := t.gateway.explain(failed.err).Error()
		if labels[reason] == nil {
			reasons = append(reasons, reason)
		}
		labels[reason] = append(labels[reason], failed.label)
	}
	for _, reason := range reasons {
		warnings = append(warnings, fmt.Sprintf("the template fails for %s, and such a message is not sent: %s",
			strings.Join(labels[reason], ", "), reason))
	}
	if t.canceled == t.tried {
		warnings = append(warnings, `the template cancels every message that it was tried with: see its error "cancel"`)
	}
	if len(t.bodies) == 1 {
		warnings = append(warnings, "the template gives the same for every recipient and every text: use ctx.to and ctx.body in it")
	}
	return warnings
}
