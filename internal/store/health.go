package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Health remembers which operations on the store fail now, and logs when that
// begins and ends. It is safe for concurrent use.
type Health struct {
	logger *slog.Logger

	mu      sync.Mutex
	failing map[string]error
}

// NewHealth returns a Health of a store that does not fail. A nil logger discards.
func NewHealth(logger *slog.Logger) *Health {
	return &Health{logger: cmp.Or(logger, slog.New(slog.DiscardHandler)), failing: map[string]error{}}
}

// Set takes in what an operation came to.
func (h *Health) Set(ctx context.Context, operation string, err error) {
	h.mu.Lock()
	_, failed := h.failing[operation]
	logged := err == nil || h.fails(sentinel(err))
	if err != nil {
		h.failing[operation] = err
	} else {
		delete(h.failing, operation)
	}
	works := failed && len(h.failing) == 0
	h.mu.Unlock()
	switch {
	case !logged:
		h.logger.ErrorContext(ctx, "store fails; messages wait until it works again",
			slog.String("operation", operation), slog.String("error", err.Error()), slog.String("next_step", nextStep(err)))
	case works:
		h.logger.InfoContext(ctx, "store works again")
	}
}

// fails reports whether an operation fails with it now. The lock is held.
func (h *Health) fails(with error) bool {
	for _, err := range h.failing {
		if errors.Is(sentinel(err), with) {
			return true
		}
	}
	return false
}

// Err returns what fails now, or nil.
func (h *Health) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failing) == 0 {
		return nil
	}
	texts := make([]string, 0, len(h.failing))
	for operation, err := range h.failing {
		texts = append(texts, fmt.Sprintf("%s: %s", operation, err))
	}
	slices.Sort(texts)
	return fmt.Errorf("store fails: %s", strings.Join(texts, "; "))
}

// sentinel returns the error of the contract that says what kind of fault an error is.
func sentinel(err error) error {
	for _, known := range []error{ErrFull, ErrReadOnly} {
		if errors.Is(err, known) {
			return known
		}
	}
	return ErrUnavailable
}

// nextStep tells an operator what to do about an error of a store.
func nextStep(err error) string {
	switch {
	case errors.Is(err, ErrFull):
		return "make room on the disk of store.dsn"
	case errors.Is(err, ErrReadOnly):
		return "make the file of store.dsn and its folder writable"
	default:
		return "check store.dsn, and the disk or the server it is on"
	}
}
