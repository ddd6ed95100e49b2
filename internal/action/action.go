// Package action carries out what operators ask to be done to all messages of a filter:
// in the background, one node an action, and on another node when that one ends.
package action

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"courier"
	"courier/internal/store"
)

const (
	// pageSize is how many messages are changed between two notes of how far it is, workers
	// how many at once.
	pageSize = 100
	workers  = 8
	// lease is how long an action is kept for a node that does not save it. lookEach is
	// how often a node looks for one, and how long it waits when the store is in trouble.
	lease    = 30 * time.Second
	lookEach = 5 * time.Second
	// noteTime bounds how long it takes to write how far an action is, also as the node stops.
	noteTime = 1500 * time.Millisecond
)

// Store is the part of store.Store that actions need.
type Store interface {
	TakeAction(ctx context.Context, node string, now, until time.Time) (*store.Action, error)
	SaveAction(ctx context.Context, node string, action store.Action, until time.Time) (bool, error)
	Messages(ctx context.Context, query store.Query) (store.Page, error)
	Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error)
	Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error)
	Resolve(ctx context.Context, resolve store.Resolve) (*courier.Message, error)
	Audit(ctx context.Context, entry store.Entry) error
}

// Options are what New needs. All but Logger are mandatory.
type Options struct {
	Store Store
	// Node names this process.
	Node string
	// GatewayFunc returns the gateway that messages of a channel wait for which are sent again.
	GatewayFunc func(channel string) (string, error)
	// WakeFunc says that messages became due.
	WakeFunc func()
	// NowFunc is the clock of the store.
	NowFunc func() time.Time
	// Logger discards when nil.
	Logger *slog.Logger
}

// Runner carries out actions. Its methods are safe for concurrent use, but Run is called once.
type Runner struct {
	options Options
	wake    chan struct{}
}

// New returns a runner that does nothing yet.
func New(options Options) *Runner {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return &Runner{options: options, wake: make(chan struct{}, 1)}
}

// Wake has it look for an action that was started.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run carries out actions until ctx ends. One that is under way then goes on after the
// next start, or on another node.
func (r *Runner) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEach)
	defer ticker.Stop()
	for {
		now := r.options.NowFunc()
		taken, err := r.options.Store.TakeAction(ctx, r.options.Node, now, now.Add(lease))
		if err == nil && taken != nil {
			if err = r.carryOut(ctx, *taken); err == nil {
				continue
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.options.Logger.WarnContext(ctx, "an action on messages waits for the store", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-ticker.C:
		}
	}
}

// carryOut does an action to its end, or until it is another's. After an error it is free
// for whoever looks next, or once its lease has lapsed.
func (r *Runner) carryOut(ctx context.Context, a store.Action) error {
	for a.Status == store.ActionRunning {
		fault := r.step(ctx, &a)
		if kept, err := r.note(ctx, &a, fault == nil); err != nil || fault != nil || !kept {
			return errors.Join(fault, err)
		}
	}
	return nil
}

// note writes how far an action is, also when ctx has ended. kept is false when it is
// another's, or was stopped. Without keep whoever looks next goes on.
func (r *Runner) note(ctx context.Context, a *store.Action, keep bool) (kept bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	now := r.options.NowFunc()
	until := now
	if keep {
		until = now.Add(lease)
	}
	if a.UpdatedAt = now; a.Status != store.ActionRunning {
		a.EndedAt = now
	}
	if kept, err = r.options.Store.SaveAction(ctx, r.options.Node, *a, until); err != nil || !kept || a.Status == store.ActionRunning {
		return kept, err
	}
	r.options.Logger.InfoContext(ctx, "an action on messages has ended", slog.String("action_id", a.ID.String()), slog.String("action", string(a.Kind)),
		slog.String("status", string(a.Status)), slog.Int64("changed", a.Changed), slog.Int64("skipped", a.Skipped), slog.String("error", a.Fault))
	return kept, r.options.Store.Audit(ctx, store.Entry{
		At: a.EndedAt, Who: a.Who, Action: store.AuditEnd, Target: a.ID.String(), Reason: a.Reason,
		Detail: fmt.Sprintf("%s, %d messages changed, %d skipped", a.Status, a.Changed, a.Skipped),
	})
}

// step changes the next messages.
func (r *Runner) step(ctx context.Context, a *store.Action) error {
	query := a.Filter
	query.Limit = pageSize
	page, err := r.options.Store.Messages(ctx, query)
	if err != nil {
		return err
	}
	var changed, skipped atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, m := range page.Messages {
		group.Go(func() error {
			err := r.change(groupCtx, a, m)
			transition := (*store.TransitionError)(nil)
			switch {
			case err == nil:
				changed.Add(1)
			case errors.As(err, &transition), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrScrubbed):
				skipped.Add(1)
			default:
				return err
			}
			return nil
		})
	}
	err = group.Wait()
	if changed.Load() > 0 && a.Kind != store.ActionCancel {
		r.options.WakeFunc()
	}
	a.Changed += changed.Load()
	a.Skipped += skipped.Load()
	a.Examined += changed.Load() + skipped.Load()
	if fault, ok := errors.AsType[*courier.Error](err); ok {
		a.Status, a.Fault = store.ActionFailed, fault.Message
		return nil
	}
	if err != nil {
		return err // what was changed is not found again
	}
	if a.Filter.After = page.Next; page.Next == nil {
		a.Status = store.ActionDone
	}
	return nil
}

// change does to a message what the action is.
func (r *Runner) change(ctx context.Context, a *store.Action, m *courier.Message) error {
	gateway, err := "", error(nil)
	sendsAgain := a.Kind == store.ActionRetry || a.As == store.ResolvedResend
	if sendsAgain && !m.OnlyGateway {
		if gateway, err = r.options.GatewayFunc(m.Channel); err != nil {
			return err
		}
	}
	now := r.options.NowFunc()
	switch a.Kind {
	case store.ActionCancel:
		_, err = r.options.Store.Cancel(ctx, m.ID, now)
	case store.ActionRetry:
		_, err = r.options.Store.Requeue(ctx, store.Requeue{ID: m.ID, Now: now, Gateway: gateway})
	case store.ActionResolve:
		_, err = r.options.Store.Resolve(ctx, store.Resolve{ID: m.ID, As: a.As, Now: now, Gateway: gateway})
	}
	return err
}
