package jsonnet

import (
	"errors"
	"fmt"
	"net/url"
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

// CompileError is a fault of a template that is found without evaluating it: a
// syntax error, an unknown variable, an import. Its text speaks of the template
// alone and quotes at most a token of it.
type CompileError struct {
	// Template is the name the template was compiled under, without the content
	// of a base64:// address and without the credentials of a URL.
	Template string
	// Line and Column count from 1; both are 0 when the fault has no position.
	Line, Column int
	// Message is the fault in the words of go-jsonnet.
	Message string
}

// Error implements error as "compile template NAME: LINE:COLUMN: MESSAGE".
func (e *CompileError) Error() string {
	return "compile template " + e.Template + ": " + locate(e.Line, e.Column, e.Message)
}

// EvaluationError is a fault of a template that shows when it is evaluated. Its
// text is made of the template and of the names of types; it never holds a
// value of the message: see evaluator.failure.
type EvaluationError struct {
	// Template is the name the template was compiled under, as in CompileError.
	Template string
	// Line and Column count from 1; both are 0 when the fault has no position.
	Line, Column int
	// Message is the fault, free of message data.
	Message string
	// Field is a field that does not exist, and Object what it was read from as the
	// template spells it, "ctx.template_data" for one, when it is such a path. Both
	// are empty for any other fault.
	Object, Field string
}

// Error implements error as "evaluate template NAME: LINE:COLUMN: MESSAGE".
func (e *EvaluationError) Error() string {
	return "evaluate template " + e.Template + ": " + locate(e.Line, e.Column, e.Message)
}

func locate(line, column int, message string) string {
	if line == 0 {
		return message
	}
	return fmt.Sprintf("%d:%d: %s", line, column, message)
}

// maxLabel bounds, in bytes, the name of a template inside an error.
const maxLabel = 200

// label returns the name of a template as errors may show it: a base64://
// address is the template itself, and a URL may hold credentials.
func label(name string) string {
	if strings.HasPrefix(name, "base64://") {
		return "(base64)"
	}
	if address, err := url.Parse(name); err == nil && address.Host != "" {
		address.User, address.RawQuery, address.Fragment = nil, "", ""
		name = address.String()
	} else if strings.Contains(name, "://") && !strings.HasPrefix(name, "file://") {
		name = "(unreadable address)"
	}
	return clip(name, maxLabel)
}

// clip shortens text to at most limit bytes at a rune boundary.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
