package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"courier"
	"courier/internal/store"
)

// Bounds of calls to the store.
const (
	storeTimeout = 30 * time.Second
	// settleMargin is how much longer than an attempt a lease lasts.
	settleMargin = 30 * time.Second
)

// Engine moves messages from the store to their gateways. All methods are safe
// for concurrent use.
type Engine struct {
	store         Store
	node          string
	leaseDuration time.Duration
	pollInterval  time.Duration

	nowFunc  func() time.Time
	random   func() float64
	logger   *slog.Logger
	tracer   *tracer
	metrics  *metrics
	health   *store.Health
	settler  *settler
	cluster  Cluster
	token    func() int64
	route    atomic.Pointer[route]
	lifetime lifetime
	// retired are lanes that are gone from the configuration and may still have
	// attempts in flight; of lifetime.mu.
	retired []*lane
}

// route is one configuration of the lanes, swapped whole.
type route struct {
	lanes map[string]*lane
	// fallback takes the messages of unknown gateways; nil when there is no lane.
	fallback *lane
	settings Settings
}

// lane returns the lane of a gateway, or the fallback.
func (r *route) lane(gateway string) *lane {
	if l, ok := r.lanes[gateway]; ok {
		return l
	}
	return r.fallback
}

// names returns the gateways in order.
func (r *route) names() []string { return slices.Sorted(maps.Keys(r.lanes)) }

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
		random:        options.RandFunc,
		token:         options.TokenFunc,
		logger:        options.Logger,
		tracer:        newTracer(options.TracerProvider),
		metrics:       newMetrics(),
		health:        store.NewHealth(options.Logger),
	}
	e.settler = newSettler(e)
	e.lifetime.stopped = make(chan struct{})
	e.lifetime.grace = max(options.GracePeriod, 0)
	e.route.Store(e.newRoute(&route{}, options.Settings))
	if err := e.metrics.register(options.Registerer, newCollector(e)); err != nil {
		return nil, fmt.Errorf("register metrics of the engine: %w", err)
	}
	if e.cluster, err = options.ClusterFunc(e); err != nil {
		return nil, err
	}
	return e, nil
}

// newRoute makes lanes for settings and keeps those of old that are still there.
func (e *Engine) newRoute(old *route, settings Settings) *route {
	next := &route{lanes: make(map[string]*lane, len(settings.Gateways)), settings: settings}
	for _, options := range settings.Gateways {
		name := options.Gateway.Name()
		l, kept := old.lanes[name]
		if kept {
			l.configure(options)
		} else {
			l = newLane(e, options)
		}
		next.lanes[name] = l
		if next.fallback == nil {
			next.fallback = l
		}
	}
	return next
}

// lanes returns all lanes that may have messages out.
func (e *Engine) lanes() []*lane {
	e.lifetime.mu.Lock()
	defer e.lifetime.mu.Unlock()
	return slices.AppendSeq(slices.Clone(e.retired), maps.Values(e.route.Load().lanes))
}

// now returns the time in UTC.
func (e *Engine) now() time.Time { return e.nowFunc().UTC() }

// Wake makes every lane look for due messages at once, for a change to the
// store that did not go through Enqueue, such as a retry by hand.
func (e *Engine) Wake() {
	now := e.now()
	for _, l := range e.route.Load().lanes {
		l.note(now, false)
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

// Enqueue stores messages and answers for each in order, as store.Store does.
// The answer shows a message as it was accepted, queued, though it may be on its
// way already: when its gateway has a free slot and no older message waits, it
// is stored already leased and handed to a worker once it is on the disk.
// Messages of an unknown gateway, or of none, go to the first. An engine that
// does not run refuses with *courier.Error of courier.CodeShuttingDown, one
// without gateways with courier.CodeSMSDisabled; errors of the store are passed on.
func (e *Engine) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	if err := e.lifetime.enter(); err != nil {
		return nil, err
	}
	defer e.lifetime.leave()
	began := time.Now()
	defer func() { e.metrics.enqueue.Observe(time.Since(began).Seconds()) }()
	r := e.route.Load()
	if r.fallback == nil {
		return nil, &courier.Error{
			Code:    courier.CodeSMSDisabled,
			Message: "no SMS gateway is configured; add courier.channels or courier.sms to the configuration",
		}
	}
	return e.newIntake(r, messages).store(ctx)
}
