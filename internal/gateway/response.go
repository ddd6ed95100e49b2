package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"courier"
)

// responseRules are the Rules of a gateway in use.
type responseRules struct {
	template *Template
	errors   map[string]any
	faults   faultLog
}

// maxParts bounds the ids of one message: a text has no more parts (3GPP TS 23.040, 9.2.3.24.1).
const maxParts = 255

// ruling is what the rules say of an answer. What is absent is left to the HTTP status.
type ruling struct {
	outcome          courier.Outcome
	class            courier.Class
	message, warning string
	// code and ids are nil when nothing is said of them.
	code *string
	ids  []string
	// retryAfter is negative when nothing is said of it.
	retryAfter time.Duration
}

// ruleOn returns what the rules say of an answer to a message, nothing where there are
// none. The fault says why they could not be asked; it holds no value of the answer.
func (g *Gateway) ruleOn(ctx context.Context, m *courier.Message, answer *Answer) (said ruling, fault string) {
	if g.response == nil || answer.Status == 0 || answer.Cut {
		return ruling{retryAfter: -1}, ""
	}
	said, err := g.response.evaluate(ctx, g.response.template.evaluator(), answer)
	if err != nil && ctx.Err() != nil {
		// The answer is there: it is judged also when the attempt has no time left.
		more, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.timeout)
		defer cancel()
		said, err = g.response.evaluate(more, g.response.template.evaluator(), answer)
	}
	if err != nil {
		fault = g.masked.forMessage(m).mask(err.Error(), maxErrorText)
		g.response.faults.report(ctx, g.name, "response", fault)
	}
	return said, fault
}

func (r *responseRules) evaluate(ctx context.Context, template Evaluator, answer *Answer) (ruling, error) {
	nothing := ruling{retryAfter: -1}
	if template == nil {
		return nothing, ErrNoTemplate
	}
	value, err := template.Evaluate(ctx, answer.fields(template, r.errors))
	if err != nil {
		return nothing, explainField(err, map[string]func() []string{"res": resNames})
	}
	said, misfit := decodeRuling(value)
	if misfit != "" {
		return nothing, template.Misfit(misfit)
	}
	return said, nil
}

// codes are the gateway's own codes and what they mean.
func (g *Gateway) codes() map[string]any {
	if g.response == nil {
		return map[string]any{}
	}
	return plainObject(g.response.errors)
}

// resNames are the fields of res.
func resNames() []string { return []string{"status", "headers", "text", "json", "errors"} }

// fields returns what a template reads of an answer as res.
func (a *Answer) fields(template Evaluator, codes map[string]any) map[string]any {
	names, all := template.Reads()
	if all {
		names = resNames()
	}
	fields := make(map[string]any, len(names))
	for _, name := range names {
		switch name {
		case "status":
			fields[name] = float64(a.Status)
		case "headers":
			fields[name] = headerFields(a.Header)
		case "text":
			fields[name] = validText(a.Body)
		case "json":
			fields[name] = a.json()
		case "errors":
			fields[name] = codes
		}
	}
	return fields
}

// headerFields are the first values of headers, by their names in lower case.
func headerFields(header http.Header) map[string]any {
	fields := make(map[string]any, len(header))
	for name, values := range header {
		if len(values) > 0 {
			fields[lowerASCII(name)] = validText(values[0])
		}
	}
	return fields
}

// validText is a text that a template can hold.
func validText[T string | []byte](text T) string { return strings.ToValidUTF8(string(text), "\ufffd") }

// decodeRuling reads what a template gave for an answer.
func decodeRuling(value any) (said ruling, misfit string) {
	said = ruling{retryAfter: -1}
	if value == nil {
		return said, ""
	}
	object, ok := value.(map[string]any)
	if !ok {
		return said, fmt.Sprintf("template gave %s: give null, or an object such as { class: 'invalid_destination', code: '21211' }", kindName(value))
	}
	f := fieldReader{object: object}
	f.allow("outcome", "class", "code", "id", "message", "retry_after", "warning")
	said.outcome = oneOf(&f, "outcome", courier.OutcomeAccepted, courier.OutcomeRejected, courier.OutcomeRetry,
		courier.OutcomeGatewayDown, courier.OutcomeUnknown)
	said.class = oneOf(&f, "class", courier.Classes()...)
	if code, given := f.scalar("code"); given {
		said.code = &code
	}
	said.ids = f.list("id")
	said.message, _ = f.scalar("message")
	said.warning, _ = f.scalar("warning")
	if seconds, given := f.number("retry_after"); given {
		said.retryAfter = time.Duration(min(max(seconds, 0), maxRetryAfter.Seconds()) * float64(time.Second))
	}
	return said, f.misfit
}

// refine puts what the rules say in the place of what the status implies. A class
// decides outcome and scope; an outcome that is given too has the last word.
func (r *ruling) refine(verdict *judgement) {
	if r.class == "" && r.outcome == "" {
		return
	}
	byStatus := verdict.Verdict
	verdict.Known = true
	if r.class != "" {
		verdict.Class = r.class
		verdict.Outcome, verdict.Scope = r.class.Verdict()
	}
	if r.outcome != "" && (r.class == "" || r.outcome != verdict.Outcome) {
		verdict.Outcome = r.outcome
		class, scope := impliedBy(r.outcome)
		verdict.Scope = scope
		if r.class == "" && byStatus.Outcome != r.outcome {
			verdict.Class = class
		}
	}
	if verdict.Outcome == courier.OutcomeAccepted {
		verdict.Class = ""
	}
	if verdict.Outcome != byStatus.Outcome || verdict.Class != byStatus.Class {
		verdict.advice = advice(verdict.Scope, verdict.Outcome)
	}
}

// impliedBy returns the scope of an outcome, and the class of one that is known alone.
func impliedBy(outcome courier.Outcome) (courier.Class, courier.Scope) {
	switch outcome {
	case courier.OutcomeRejected:
		return courier.ClassUnroutable, courier.ScopeMessage
	case courier.OutcomeGatewayDown:
		return courier.ClassGatewayError, courier.ScopeGateway
	case courier.OutcomeRetry:
		return courier.ClassGatewayError, courier.ScopeMoment
	case courier.OutcomeUnknown:
		return courier.ClassOutcomeUnknown, courier.ScopeMoment
	case courier.OutcomeAccepted, courier.OutcomeCanceled:
	}
	return "", ""
}

// advice says what to do next about a verdict of the rules.
func advice(scope courier.Scope, outcome courier.Outcome) string {
	switch {
	case outcome == courier.OutcomeUnknown:
		return lookThere
	case scope == courier.ScopeMessage:
		return "it refused this message: check the recipient and the text"
	case scope == courier.ScopeGateway:
		return "check the account there, and its configuration here"
	}
	return mayPass
}
