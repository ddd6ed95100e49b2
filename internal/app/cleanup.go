package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// cleanups are the named steps that undo a start, run last in, first out.
type cleanups struct {
	steps []cleanup
}

type cleanup struct {
	name string
	run  func(context.Context) error
}

// add registers the step that undoes what was just started.
func (c *cleanups) add(name string, run func(context.Context) error) {
	c.steps = append(c.steps, cleanup{name: name, run: run})
}

// run takes every step, each also after another one's error, and forgets them.
func (c *cleanups) run(ctx context.Context, logger *slog.Logger) error {
	var faults []error
	for _, step := range slices.Backward(c.steps) {
		began := time.Now()
		err := step.run(ctx)
		if err != nil {
			faults = append(faults, fmt.Errorf("stop %s: %w", step.name, err))
		}
		logger.DebugContext(ctx, "stopped", slog.String("part", step.name),
			slog.Duration("duration", time.Since(began)), slog.Bool("ok", err == nil))
	}
	c.steps = nil
	return errors.Join(faults...)
}
