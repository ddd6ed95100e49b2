package gateway

import (
	"context"
	"errors"
	"sync/atomic"
)

// Evaluator is a template: it turns what it reads of a message into the value of
// the request's body. Values are those of jsonnet.Decode. An error is one of
// internal/jsonnet's; any other is a fault of the template.
type Evaluator interface {
	// Reads returns the fields of ctx that Evaluate needs, unless it needs all.
	Reads() (fields []string, all bool)
	Evaluate(ctx context.Context, message map[string]any) (any, error)
	// Misfit is the error for a value that makes no body.
	Misfit(message string) error
}

// ErrNoTemplate reports a Template that holds none yet.
var ErrNoTemplate = errors.New("the template was not fetched yet: the log says why, and messages wait for it")

// Template holds an Evaluator that can be replaced while messages are rendered.
// The zero value holds none.
type Template struct {
	current atomic.Pointer[Evaluator]
	// requestFunc makes the whole request, nil where an evaluator makes the body.
	requestFunc RequestFunc
}

// NewRequestTemplate returns a Template that is a function.
func NewRequestTemplate(function RequestFunc) *Template { return &Template{requestFunc: function} }

// NewTemplate returns a Template that holds the evaluator.
func NewTemplate(evaluator Evaluator) *Template {
	t := &Template{}
	t.Swap(evaluator)
	return t
}

// Swap replaces the evaluator: evaluations under way end with the old one.
func (t *Template) Swap(evaluator Evaluator) { t.current.Store(&evaluator) }

// evaluator returns the one held, nil for none.
func (t *Template) evaluator() Evaluator {
	if held := t.current.Load(); held != nil {
		return *held
	}
	return nil
}
