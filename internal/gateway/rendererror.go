package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"courier"
	"courier/internal/jsonnet"
)

// maxErrorText bounds the text of a template's error, in characters.
const maxErrorText = 400

// renderError turns what went wrong into one of the two errors that Render
// returns. The text is masked: a template's names may be made of the message.
func (g *Gateway) renderError(m *courier.Message, err error) error {
	if errors.Is(err, jsonnet.ErrCanceled) || errors.Is(err, courier.ErrTemplateCanceled) {
		return courier.ErrTemplateCanceled
	}
	text := g.masked.forMessage(m).mask(g.explain(err).Error(), maxErrorText)
	return &courier.RenderError{Temporary: isTemporary(err), Scope: renderScope(err), Err: errors.New(text)}
}

// isTemporary reports whether another evaluation may succeed: on a busy machine
// a template runs out of time. One that ran out of memory or stack does so again.
func isTemporary(err error) bool {
	return isAny(jsonnet.ErrTimeout, jsonnet.ErrUnavailable, ErrNoTemplate, context.Canceled, context.DeadlineExceeded)(err)
}

// renderScope says what a failed evaluation is about. A field that no message has
// is the template's fault; whether another fault is the message's, only other
// messages tell.
func renderScope(err error) courier.Scope {
	if errors.Is(err, ErrNoTemplate) || isType[*signError](err) {
		return courier.ScopeGateway
	}
	if isTemporary(err) {
		return courier.ScopeMoment
	}
	if fault, ok := errors.AsType[*jsonnet.TemplateError](err); ok && (fault.Object == "ctx" || fault.Object == "std") {
		return courier.ScopeGateway
	}
	return courier.ScopeAmbiguous
}

// explain says which field is not there, and which one was meant.
func (g *Gateway) explain(err error) error {
	return explainField(err, map[string]func() []string{
		"ctx": contextNames, "ctx.template_data": kratosFields,
		"ctx.params": func() []string { return slices.Collect(maps.Keys(g.params)) },
	})
}

// explainField is explain for a template of some objects, of which the fields are known.
func explainField(err error, known map[string]func() []string) error {
	fault, ok := errors.AsType[*jsonnet.TemplateError](err)
	if !ok || fault.Field == "" || fault.Object == "" || fault.Object == "std" {
		return err
	}
	var fields []string
	if names := known[fault.Object]; names != nil {
		fields = names()
	}
	explained := *fault
	explained.Message = fault.Object + " has no field \"" + fault.Field + "\""
	switch near := courier.Nearest(fault.Field, fields); {
	case near != "" && near != fault.Field:
		explained.Message += "; did you mean " + fault.Object + "." + near + "?"
	case fields != nil && !strings.Contains(fault.Object, "."): // the argument itself
		explained.Message += "; it has " + strings.Join(fields, ", ")
	}
	return &explained
}
