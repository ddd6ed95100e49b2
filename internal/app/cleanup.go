package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// stopMargin is how much longer than dispatch.grace_period a stop may take: the
// shares of all steps together. docs/deployment.md names it.
const stopMargin = 30 * time.Second

// The shares of the steps of a stop. That of the engine comes on top of the grace
// period: it ends the attempts that are left and writes what they came to.
const (
	reloadShare    = time.Second
	listenerShare  = 2500 * time.Millisecond // twice
	actionsShare   = 2 * time.Second
	engineShare    = 7 * time.Second
	webhooksShare  = 2 * time.Second
	gatewaysShare  = time.Second
	inboxShare     = time.Second
	storeShare     = 4 * time.Second
	templatesShare = 2 * time.Second // nothing of a message runs by then
	tracingShare   = 1500 * time.Millisecond
	logShare       = time.Second
)

// abandonAfter is how long a step may go on after its share has ended.
const abandonAfter = 200 * time.Millisecond

// cleanups are the named steps that undo a start, run last in, first out.
type cleanups struct {
	steps []cleanup
}

type cleanup struct {
	name  string
	share time.Duration
	run   func(context.Context) error
}

// add registers the step that undoes what was just started, and the time it may take.
func (c *cleanups) add(name string, share time.Duration, run func(context.Context) error) {
	c.steps = append(c.steps, cleanup{name, share, run})
}

// run takes every step, each also after another one's error, and forgets them.
func (c *cleanups) run(ctx context.Context, logger *slog.Logger) error {
	var faults []error
	for _, step := range slices.Backward(c.steps) {
		began := time.Now()
		err := step.bounded(ctx)
		if err != nil {
			faults = append(faults, fmt.Errorf("stop %s: %w", step.name, err))
		}
		logger.DebugContext(ctx, "stopped a part", slog.String("part", step.name),
			slog.Duration("duration", time.Since(began)), slog.Bool("ok", err == nil))
	}
	c.steps = nil
	return errors.Join(faults...)
}

// bounded runs the step within its share. One that hangs is left to the end of the
// process, which is what a crash would do to it, so that the others get their turn.
func (s cleanup) bounded(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.share)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	abandon := time.NewTimer(s.share + abandonAfter)
	defer abandon.Stop()
	select {
	case err := <-done:
		return err
	case <-abandon.C:
		return fmt.Errorf("it did not end within %s and is left behind", s.share)
	}
}
