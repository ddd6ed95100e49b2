package jsonnet

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrCanceled says that the template cancelled the message with
	// `error "cancel"`. As in Ory Kratos (request/builder.go, ErrCancel) every
	// error message that begins with "cancel" counts.
	ErrCanceled = errors.New("template canceled the message")
	// ErrTimeout says that an evaluation took longer than Options.Timeout. It is
	// final for this template with this input.
	ErrTimeout = errors.New("template took too long: simplify it, its loops or recursion do not end in time")
	// ErrCrashed says that an evaluation used more memory or stack than it may
	// and took its worker down. It is final for this template with this input.
	ErrCrashed = errors.New("template used too much memory or stack: simplify it")
	// ErrUnavailable says that no worker could be had: it does not start, or it
	// was killed from outside repeatedly. The template is not at fault; the same
	// evaluation may succeed later.
	ErrUnavailable = errors.New("template worker unavailable")
	// ErrClosed says that the pool was closed. It wraps ErrUnavailable.
	ErrClosed = fmt.Errorf("%w: pool is closed", ErrUnavailable)
)

// TemplateError is a fault of a template. Its text is made of the template and of
// the names of types; it never holds a value of the message: see evaluator.failure.
type TemplateError struct {
	// Template is the name the template was compiled under.
	Template string
	// Static is true for a fault that is found without evaluating the template: a
	// syntax error, an unknown variable, an import.
	Static bool
	// Line and Column count from 1; both are 0 when the fault has no position.
	Line, Column int
	// Message is the fault, free of message data.
	Message string
	// Field is a field that does not exist, and Object what it was read from as the
	// template spells it, "ctx.template_data" for one, when it is such a path. Both
	// are empty for any other fault.
	Object, Field string
}

// Error implements error as "evaluate template NAME: LINE:COLUMN: MESSAGE", or
// "compile" for a static fault.
func (e *TemplateError) Error() string {
	text := "evaluate template " + e.Template + ": "
	if e.Static {
		text = "compile template " + e.Template + ": "
	}
	if e.Line > 0 {
		text += fmt.Sprintf("%d:%d: ", e.Line, e.Column)
	}
	return text + e.Message
}

// clip shortens text to at most limit bytes at a rune boundary.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
