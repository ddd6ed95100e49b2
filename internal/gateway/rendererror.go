package gateway

import (
	"errors"

	"courier"
)

// evaluationError marks an error that came from the template.
type evaluationError struct{ err error }

func (e *evaluationError) Error() string { return "evaluate template: " + e.err.Error() }
func (e *evaluationError) Unwrap() error { return e.err }

// maxErrorText bounds a template's error: it may quote what it was given.
const maxErrorText = 400

// renderError turns what went wrong into one of the two errors that Render
// returns. The text is masked, as a template's error may quote the message.
func (g *Gateway) renderError(m *courier.Message, err error) error {
	if isTemplateCancel(err) {
		return courier.ErrTemplateCanceled
	}
	text := g.masked.forMessage(m).mask(err.Error(), maxErrorText)
	return &courier.RenderError{Temporary: isTemporary(err), Err: errors.New(text)}
}

func isTemplateCancel(err error) bool { return errors.Is(err, courier.ErrTemplateCanceled) }

// isTemporary reports whether the template may well succeed another time.
func isTemporary(err error) bool { return errors.Is(err, ErrNoTemplate) || isInterrupted(err) }
