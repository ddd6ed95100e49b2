package gateway

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrNoTemplate reports a Template that holds none yet.
var ErrNoTemplate = errors.New("no template is loaded")

// Template holds an Evaluator that can be replaced while messages are rendered.
// The zero value holds none.
type Template struct {
	current atomic.Pointer[Evaluator]
}

// NewTemplate returns a Template that holds the evaluator.
func NewTemplate(evaluator Evaluator) *Template {
	t := &Template{}
	t.Swap(evaluator)
	return t
}

// Swap replaces the evaluator: evaluations under way end with the old one.
func (t *Template) Swap(evaluator Evaluator) { t.current.Store(&evaluator) }

// Evaluate implements Evaluator with the one held. Without one it is ErrNoTemplate.
func (t *Template) Evaluate(ctx context.Context, ctxJSON []byte) ([]byte, error) {
	held := t.current.Load()
	if held == nil || *held == nil {
		return nil, ErrNoTemplate
	}
	return (*held).Evaluate(ctx, ctxJSON)
}
