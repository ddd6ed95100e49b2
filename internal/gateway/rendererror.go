package gateway

import (
	"context"
	"errors"

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
	text := g.masked.forMessage(m).mask(err.Error(), maxErrorText)
	return &courier.RenderError{Temporary: isTemporary(err), Err: errors.New(text)}
}

// isTemporary reports whether another evaluation may succeed: on a busy machine
// a template runs out of time. One that ran out of memory or stack does so again.
func isTemporary(err error) bool {
	for _, passing := range [...]error{
		jsonnet.ErrTimeout, jsonnet.ErrUnavailable, ErrNoTemplate,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
