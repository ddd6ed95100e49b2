package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"courier"
)

// Check is one thing that must work for the courier to be ready.
type Check struct {
	// Name says what is checked, in one word: "store".
	Name string
	// CheckFunc returns nil when it works. The text of a *courier.Error is shown
	// to the caller, that of any other error is only logged.
	CheckFunc func(ctx context.Context) error
}

// healthAnswer says that all is well.
type healthAnswer struct {
	Status string `json:"status" enum:"ok"`
}

func (a *API) alive(w http.ResponseWriter, _ *http.Request, _ caller) error {
	return a.writeJSON(w, http.StatusOK, healthAnswer{Status: "ok"})
}

// ready answers 200 once messages are taken and dispatched.
func (a *API) ready(w http.ResponseWriter, r *http.Request, _ caller) error {
	for _, check := range a.options.Checks {
		if err := check.CheckFunc(r.Context()); err != nil {
			a.noteUnready(r.Context(), check.Name, err)
			writeProblem(w, notReady(check.Name, err))
			return nil
		}
	}
	if a.unready.Swap(false) {
		a.options.Logger.InfoContext(r.Context(), "ready again")
	}
	return a.writeJSON(w, http.StatusOK, healthAnswer{Status: "ok"})
}

// noteUnready logs the first of a series of failures: probes come every few seconds.
func (a *API) noteUnready(ctx context.Context, name string, err error) {
	if !a.unready.Swap(true) {
		a.options.Logger.WarnContext(ctx, "not ready", slog.String("check", name), slog.Any("error", err))
	}
}

func notReady(name string, err error) *courier.Error {
	fault := asFault(err)
	text := fault.Message
	if _, told := errors.AsType[*courier.Error](err); !told && fault.Code == courier.CodeInternal {
		text = "it does not work; the log says more"
	}
	code := fault.Code
	if code.HTTPStatus() != http.StatusServiceUnavailable {
		code = courier.CodeStoreUnavailable
	}
	return &courier.Error{Code: code, Message: "the courier is not ready: " + name + ": " + text, Err: err}
}
