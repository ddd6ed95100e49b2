package cli

import (
	"context"
	"errors"
	"strings"

	"courier"
	"courier/client"
	"courier/internal/config"
)

// usageError is wrong usage or configuration: the program ends with ExitUsage.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// usageText returns an error that ends the program with ExitUsage.
func usageText(text string) error { return &usageError{errors.New(text)} }

func exitCode(err error) int {
	if len(config.Problems(err)) > 0 {
		return ExitUsage
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return ExitUsage
	}
	return ExitFailed
}

// explain puts an error into one line that ends with what to do next, or into
// one line for each problem of a configuration.
func explain(err error) []string {
	if problems := config.Problems(err); len(problems) > 0 {
		lines := make([]string, len(problems))
		for i, problem := range problems {
			lines[i] = oneLine(problem.String())
		}
		return lines
	}
	text := oneLine(err.Error())
	if hint := hintFor(err); hint != "" {
		text += "; " + hint
	}
	return []string{text}
}

func oneLine(text string) string { return strings.Join(strings.Fields(printable(text)), " ") }

func hintFor(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	if _, ok := errors.AsType[*client.TransportError](err); ok {
		return "is the courier running there? start it with `courier serve` or `courier dev`, or name another with --server or COURIER_SERVER"
	}
	switch courier.CodeOf(err) { //nolint:exhaustive // the other codes come with their own next step
	case courier.CodeUnauthorized:
		return "give an API key in COURIER_API_KEY or with --api-key-file"
	case courier.CodeForbidden:
		return "use an API key that has the scope for it"
	default:
		return ""
	}
}
