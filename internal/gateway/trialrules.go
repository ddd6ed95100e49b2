package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"courier/internal/jsonnet"
)

// TryResponse judges made-up answers by a template that is not in force yet. The error says
// why it works for none, the warnings for which it does not: those are judged by their
// status. Errors are those of Try.
func (g *Gateway) TryResponse(ctx context.Context, template Evaluator) (warnings []string, err error) {
	return tryRules(ctx, template, madeUpAnswers(g.codes()), resNames, "and such an answer is judged by its HTTP status", func(value any) string {
		_, misfit := decodeRuling(value)
		return misfit
	})
}

// TryLookup asks for made-up messages by templates of a Lookup that are not in force yet,
// and sends nothing. The error says which of the two works for nothing, and why.
func (g *Gateway) TryLookup(ctx context.Context, request, response Evaluator) (warnings []string, err error) {
	warnings, err = g.tryMessages(ctx, func(ctx context.Context, made *madeUp) ([]byte, error) {
		at, err := g.lookupHop(ctx, request, made.message())
		if err != nil {
			return nil, ignore(err, ErrNoLookup)
		}
		return []byte(at.target.String()), nil
	}, "and nobody asks for such a message", false)
	if err != nil {
		return nil, err
	}
	own := madeUpMessages()[0].message()
	known, err := g.lookupContext(own, everything{})
	if err != nil {
		return nil, err
	}
	answers := slices.DeleteFunc(madeUpAnswers(g.codes()), func(made *madeUp) bool {
		status, _ := made.fields["status"].(float64)
		return status >= http.StatusMultipleChoices
	})
	for _, made := range answers {
		made.fields["ctx"] = known
	}
	more, err := tryRules(ctx, response, answers, lookupNames, "and such an answer leaves open what became of the message", func(value any) string {
		_, _, misfit := decodeFound(value)
		return misfit
	})
	return append(warnings, more...), err
}

func ignore(err, ignored error) error {
	if errors.Is(err, ignored) {
		return nil
	}
	return err
}

// Try reads made-up receipts by a template that is not in force yet. The error says why it
// works for none, the warnings for which it does not. Errors are those of Gateway.Try.
func (r *Receiver) Try(ctx context.Context, template Evaluator) (warnings []string, err error) {
	return tryRules(ctx, template, madeUpReceipts(r.errors, r.params), reqNames, "and such a receipt is not taken", func(value any) string {
		_, misfit := decodeReceipts(value)
		return misfit
	})
}

// tryRules tries a template of what gateways send, which has an argument with some fields.
// misfit says why a value is of no use, empty when it is not.
func tryRules(
	ctx context.Context, template Evaluator, all []*madeUp, names func() []string, consequence string, misfit func(value any) string,
) (warnings []string, err error) {
	argument := all[0].argument
	t := &trial{
		evaluateFunc: func(ctx context.Context, made *madeUp) ([]byte, error) {
			value, err := template.Evaluate(ctx, made.fields)
			if err == nil {
				if text := misfit(value); text != "" {
					err = template.Misfit(text)
				}
			}
			return nil, err
		},
		explainFunc: func(err error) error { return explainField(err, map[string]func() []string{argument: names}) },
	}
	reads, whole := template.Reads()
	isFree := func(name string) bool {
		return name != "status" && name != "method" && name != "errors" && name != "params"
	}
	if whole || slices.ContainsFunc(reads, isFree) {
		t.mayPass = func(err error, isLast bool) bool { return dependsOnData(err, argument, isLast) }
	}
	if err := t.runAll(ctx, all); err != nil {
		return nil, err
	}
	return t.warnings(consequence), nil
}

// dependsOnData reports whether a fault may come of what was made up: an error that the
// template raises itself, a look-up of what it was given in a table of its own, or, when
// nothing is left to try, a field of what it parsed out of a text.
func dependsOnData(err error, argument string, isLast bool) bool {
	fault, ok := errors.AsType[*jsonnet.TemplateError](err)
	switch {
	case !ok:
		return false
	case fault.Field != "":
		return isLast && fault.Object != argument && fault.Object != "std"
	}
	for _, begin := range [...]string{"error: ", "Field does not exist", "index out of bounds", "Assertion failed", "Object assertion failed"} {
		if strings.HasPrefix(fault.Message, begin) {
			return true
		}
	}
	return strings.HasPrefix(fault.Message, misfitChoice)
}

// madeUpAnswers are answers of the statuses that mean something of their own, with JSON in
// which the template finds what it asks for, and two without.
func madeUpAnswers(codes map[string]any) []*madeUp {
	var all []*madeUp
	add := func(status int, kind, text string, value any) {
		all = append(all, &madeUp{
			label: "answers of " + strconv.Itoa(status) + " " + kind, argument: "res", isAnywhere: true,
			free: []string{"res.json", "res.headers"},
			fields: map[string]any{
				"status": float64(status), "headers": map[string]any{}, "text": text, "json": value, "errors": plainObject(codes),
			},
		})
	}
	for _, status := range [...]int{
		http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusBadRequest, http.StatusUnauthorized,
		http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError,
	} {
		add(status, "with JSON", "{}", map[string]any{})
	}
	json := len(all)
	add(http.StatusOK, "with a number", "100", 100.0)
	add(http.StatusOK, "without a body", "", nil)
	add(http.StatusBadGateway, "with HTML", "<html>Bad Gateway</html>", nil)
	for _, made := range all[json:] {
		made.free, made.isAnywhere = nil, false // nothing can be found in them
	}
	return all
}

// madeUpReceipts are a form, a query and JSON in which the template finds what it asks for.
func madeUpReceipts(codes, params map[string]any) []*madeUp {
	var all []*madeUp
	for _, shape := range [...]struct{ label, method, field string }{
		{"a form", http.MethodPost, "form"}, {"a query", http.MethodGet, "query"}, {"a JSON object", http.MethodPost, "json"}, {"a JSON list", http.MethodPost, "json"},
	} {
		made := &madeUp{
			argument: "req", isAnywhere: true, free: []string{"req." + shape.field, "req.headers", "req.query", "req.claims"},
			fields: map[string]any{
				"method": shape.method, "query": map[string]any{}, "form": map[string]any{}, "json": nil, "text": "", "headers": map[string]any{},
				"claims": map[string]any{}, "errors": plainObject(codes), "params": plainObject(params),
			},
		}
		made.fields[shape.field] = map[string]any{}
		if shape.label == "a JSON list" {
			made.fields["json"], made.fields["text"] = []any{map[string]any{}}, "[{}]"
		}
		all = append(all, made)
	}
	return all
}

func plainObject(object map[string]any) map[string]any {
	if object == nil {
		return map[string]any{}
	}
	return object
}
