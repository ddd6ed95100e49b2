package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"courier/internal/store"
)

// Bounds of calls to the store.
const (
	storeTimeout = 30 * time.Second
	// settleMargin is how much longer than an attempt a lease lasts.
	settleMargin = 30 * time.Second
)

// The operations of the engine on the store, as they are named to who looks after
// its health.
const (
	opClaim   = "claim messages"
	opNextDue = "look for due messages"
	opSettle  = "record outcomes"
)

// Engine moves messages from the store to their gateways. All methods are safe
// for concurrent use.
type Engine struct {
	store         Store
	node          string
	leaseDuration time.Duration
	pollInterval  time.Duration

	// nowFunc is the clock of what is stored, tick that of what is waited for.
	nowFunc  func() time.Time
	tick     func() time.Time
	random   func() float64
	token    func() int64
	logger   *slog.Logger
	tracer   *tracer
	metrics  *metrics
	health   *store.Health
	settler  *settler
	receiver *receiver
	judged
	cluster  Cluster
	routing  atomic.Pointer[routing]
	lifetime lifetime
}

// judged is what is known of gateways beside their settings.
type judged struct {
	// quality is what receipts say of them.
	quality atomic.Pointer[quality]
	// paused are those that are to take no messages, in order; pausing is held to change them.
	paused  atomic.Pointer[[]string]
	pausing sync.Mutex
}

// New returns an engine that is not started. Errors tell what is wrong with the
// options, or that the registerer already has the metrics.
func New(options Options) (*Engine, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{
		store:         options.Store,
		node:          options.Node,
		leaseDuration: options.LeaseDuration,
		pollInterval:  options.PollInterval,
		nowFunc:       options.NowFunc,
		tick:          options.TickFunc,
		random:        options.RandFunc,
		token:         options.TokenFunc,
		logger:        options.Logger,
		tracer:        newTracer(options.TracerProvider),
		metrics:       newMetrics(),
		health:        store.NewHealth(options.Logger),
	}
	e.settler, e.receiver = newSettler(e), newReceiver(e)
	e.quality.Store(&quality{})
	e.lifetime.stopped = make(chan struct{})
	e.lifetime.grace = max(options.GracePeriod, 0)
	e.routing.Store(e.newRouting(&routing{}, options.Settings))
	if options.Registerer != nil {
		if err := options.Registerer.Register(newCollector(e)); err != nil {
			return nil, fmt.Errorf("register metrics of the engine: %w", err)
		}
	}
	if e.cluster, err = options.ClusterFunc(e); err != nil {
		return nil, err
	}
	return e, nil
}

// Reconfigure swaps the gateways, their limits and the retry rules while the
// engine runs. Attempts in flight finish on the gateway they began with. A gateway
// whose fingerprint is the same keeps its breaker and what was learnt of it; any
// other begins anew, as its configuration may have corrected what was wrong. The
// queued messages of gateways that are gone move to the first one. An error means
// that the settings are wrong and nothing was changed.
func (e *Engine) Reconfigure(settings Settings) error {
	settings, err := settings.withDefaults()
	if err != nil {
		return err
	}
	t := &e.lifetime
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase == phaseStopping {
		return errStopping
	}
	before := e.routing.Load()
	after := e.newRouting(before, settings)
	e.routing.Store(after)
	e.retire(before, after)
	if t.phase == phaseRunning {
		for name, l := range after.lines {
			if before.lines[name] == nil {
				l.start(t.loopCtx, &t.loops)
			}
		}
	}
	e.cluster.Changed()
	return nil
}

// retire ends the gates and queues that are gone. Their attempts in flight go on.
func (e *Engine) retire(before, after *routing) {
	e.lifetime.retired = slices.DeleteFunc(e.lifetime.retired, func(g *gate) bool { return g.snapshot(e.tick()).leased == 0 })
	for name, l := range before.lines {
		if after.lines[name] == nil {
			l.retire()
			l.sender.end()
			e.lifetime.retired = append(e.lifetime.retired, l.gate)
			for _, q := range l.queues {
				q.retire()
			}
		}
	}
}

// gates returns all gates that may have messages out.
func (e *Engine) gates() []*gate {
	e.lifetime.mu.Lock()
	defer e.lifetime.mu.Unlock()
	all := slices.Clone(e.lifetime.retired)
	for _, l := range e.routing.Load().lines {
		all = append(all, l.gate)
	}
	return all
}

// now returns the time of the store, in UTC and as precise as a store keeps it: a time
// read back is compared with others.
func (e *Engine) now() time.Time { return store.Floor(e.nowFunc()) }

// Wake makes every queue look for due messages at once, for a change to the
// store that did not go through Enqueue, such as a retry by hand.
func (e *Engine) Wake() {
	for _, q := range e.routing.Load().queues() {
		q.ask()
	}
}

// Rerouted makes the engine look for messages that were given to a gateway whatever
// their routes.
func (e *Engine) Rerouted(gateway string) {
	r := e.routing.Load()
	if l := r.lines[gateway]; l != nil {
		for _, q := range l.queues {
			q.configure(r.isSplit())
		}
	}
}

// wakeMovers has what waits for other gateways moved to one that takes messages again.
func (e *Engine) wakeMovers() {
	for _, q := range e.routing.Load().queues() {
		q.mover.poke()
	}
}

// WakeQueue makes the engine look for due messages of a gateway in a lane, in all of
// them when none is named. A gateway that it does not have is another node's.
func (e *Engine) WakeQueue(wake store.Wake) {
	l := e.routing.Load().lines[wake.Gateway]
	if l == nil {
		return
	}
	for _, q := range l.queues {
		if wake.Lane == "" || wake.Lane == q.key.lane.name() {
			q.note(0, false)
		}
	}
}

// Health is what the engine knows of the store.
func (e *Engine) Health() *store.Health { return e.health }

// Ready reports why messages are not dispatched now, or nil.
func (e *Engine) Ready() error {
	if err := e.lifetime.running(); err != nil {
		return err
	}
	return errors.Join(e.cluster.Ready(), e.health.Err())
}

// Gateways names the gateways: the one that takes the messages of unknown gateways
// first, the others in order.
func (e *Engine) Gateways() []string {
	r := e.routing.Load()
	if len(r.all.hops) == 0 {
		return nil
	}
	first := r.all.hops[0].name
	others := slices.DeleteFunc(r.names(), func(name string) bool { return name == first })
	return append([]string{first}, others...)
}

// InFlight counts the messages that are leased and not yet settled.
func (e *Engine) InFlight() int {
	leased := 0
	for _, g := range e.gates() {
		leased += g.snapshot(e.tick()).leased
	}
	return leased
}

// Behind reports whether outcomes wait to be written for longer than they should.
func (e *Engine) Behind() bool { return e.settler.behind() }

// HoldUnknown reports whether a message of unknown outcome is left to an operator, and
// for which gateways it is the other way.
func (e *Engine) HoldUnknown() (hold bool, except []string) {
	settings := e.routing.Load().settings
	for _, g := range settings.Gateways {
		if g.OnUnknown != settings.OnUnknown {
			except = append(except, g.Gateway.Name())
		}
	}
	return settings.OnUnknown == HoldUnknown, except
}

// Retention says how long after their last change messages are scrubbed and deleted.
func (e *Engine) Retention() (scrubAfter, deleteAfter time.Duration) {
	kept := e.routing.Load().settings.Retention
	return kept.ScrubAfter, kept.DeleteAfter
}

// CountExpired counts messages that expired in the queue.
func (e *Engine) CountExpired(count int) { e.metrics.expired.Add(float64(count)) }

// reportLeft returns an error when messages are still leased.
func (e *Engine) reportLeft(ctx context.Context) error {
	left := e.InFlight()
	if left == 0 {
		return nil
	}
	e.logger.ErrorContext(ctx, "stopped before every outcome was written; these messages may be sent twice after the next start",
		slog.Int("count", left))
	return fmt.Errorf("stop dispatcher: the outcome of %d messages could not be written in time; they may be repeated", left)
}
