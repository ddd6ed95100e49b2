package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"courier"
	"courier/internal/store"
)

// operation is a thing the engine asks of the store.
type operation string

const (
	opClaim   operation = "claim messages"
	opNextDue operation = "look for due messages"
	opSettle  operation = "record outcomes"
	opExpire  operation = "expire messages"
	opReroute operation = "reroute messages"
	opReclaim operation = "reclaim messages"
	opBeat    operation = "beat"
	opReserve operation = "reserve attempts of a rate"
	opRetain  operation = "scrub and delete old messages"
)

// faults remembers which operations of the store fail now, and logs when that
// begins and ends.
type faults struct {
	logger *slog.Logger

	mu  sync.Mutex
	now map[operation]error
}

func newFaults(logger *slog.Logger) *faults {
	return &faults{logger: logger, now: make(map[operation]error)}
}

// set takes in what an operation came to.
func (f *faults) set(ctx context.Context, op operation, err error) {
	f.mu.Lock()
	before, failing := f.now[op]
	switch {
	case err != nil:
		f.now[op] = err
	case failing:
		delete(f.now, op)
	}
	f.mu.Unlock()
	switch {
	case err != nil && (!failing || kindOf(before) != kindOf(err)):
		f.logger.ErrorContext(ctx, "store fails; messages wait until it works again",
			slog.String("operation", string(op)), slog.String("error", err.Error()), slog.String("next_step", nextStep(err)))
	case err == nil && failing:
		f.logger.InfoContext(ctx, "store works again", slog.String("operation", string(op)))
	}
}

// err returns what fails now, or nil.
func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.now) == 0 {
		return nil
	}
	texts := make([]string, 0, len(f.now))
	for op, err := range f.now {
		texts = append(texts, fmt.Sprintf("%s: %s", op, err))
	}
	slices.Sort(texts)
	return fmt.Errorf("store fails: %s", strings.Join(texts, "; "))
}

// kindOf returns the code of an error of the store.
func kindOf(err error) courier.ErrorCode {
	switch {
	case errors.Is(err, store.ErrFull):
		return courier.CodeStoreFull
	case errors.Is(err, store.ErrReadOnly):
		return courier.CodeStoreReadOnly
	default:
		return courier.CodeStoreUnavailable
	}
}

// nextStep tells an operator what to do about an error of the store.
func nextStep(err error) string {
	switch {
	case errors.Is(err, store.ErrFull):
		return "make room on the disk of store.dsn"
	case errors.Is(err, store.ErrReadOnly):
		return "make the file of store.dsn and its folder writable"
	default:
		return "check store.dsn, and the disk or the server it is on"
	}
}
