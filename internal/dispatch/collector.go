package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/store"
)

// The cost of scrapes.
const (
	// statsMaxAge is how long the state of the queue is not asked for again.
	statsMaxAge = time.Second
	// statsTimeout bounds how long a scrape waits for it.
	statsTimeout = 2 * time.Second
)

// collector gives out all metrics, so that all are registered or none. At a scrape it
// looks up the state of the gates and of the queue.
type collector struct {
	engine *Engine

	inFlight, unsettled, limit, breaker, pace, degraded, paused, weight, depth, age, waiting, laneAge *prometheus.Desc

	mu      sync.Mutex
	stats   store.Stats
	statsAt time.Time
	failed  bool
}

func newCollector(e *Engine) *collector {
	byGateway := []string{"gateway"}
	return &collector{
		engine: e,
		inFlight: prometheus.NewDesc("courier_in_flight",
			"Attempts of a gateway that are under way.", byGateway, nil),
		unsettled: prometheus.NewDesc("courier_unsettled",
			"Messages of a gateway whose outcome is known and not written yet.", byGateway, nil),
		limit: prometheus.NewDesc("courier_in_flight_limit",
			"Most attempts of a gateway that may be under way at one time.", byGateway, nil),
		pace: prometheus.NewDesc("courier_learned_rate",
			"Attempts a second that a gateway takes, as learned from its throttling; 0 when it does not throttle.", byGateway, nil),
		breaker: prometheus.NewDesc("courier_breaker_state",
			"State of the breaker of a gateway: 0 closed, 1 half open, 2 open.", byGateway, nil),
		paused: prometheus.NewDesc("courier_gateway_paused",
			"1 while an operator has a gateway take no messages.", byGateway, nil),
		degraded: prometheus.NewDesc("courier_gateway_degraded",
			"1 when receipts say that a gateway delivers few of the messages that it takes, or slowly.", byGateway, nil),
		weight: prometheus.NewDesc("courier_route_weight",
			"Percentage that a gateway has of what would be its part of a route, where routes[].demote may change it.", []string{"route", "gateway"}, nil),
		depth: prometheus.NewDesc("courier_queue_depth",
			"Messages in a status that is not final.", []string{"status"}, nil),
		age: prometheus.NewDesc("courier_oldest_due_age_seconds",
			"How long the message that waits longest has been due; 0 when none is.", nil, nil),
		waiting: prometheus.NewDesc("courier_waiting",
			"Messages that wait for a gateway in a lane, counted up to 10000.", []string{"gateway", "lane"}, nil),
		laneAge: prometheus.NewDesc("courier_lane_oldest_due_age_seconds",
			"How long the message that waits longest for a gateway in a lane has been due; 0 when none is.", []string{"gateway", "lane"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, counted := range c.engine.metrics.collectors() {
		counted.Describe(descs)
	}
	for _, desc := range []*prometheus.Desc{c.inFlight, c.unsettled, c.limit, c.breaker, c.pace, c.degraded, c.paused, c.weight, c.depth, c.age, c.waiting, c.laneAge} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector. When the store does not answer, the
// metrics of the queue are left out.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, counted := range c.engine.metrics.collectors() {
		counted.Collect(metrics)
	}
	now, r, q := c.engine.now(), c.engine.routing.Load(), c.engine.quality.Load()
	for _, route := range r.routes {
		for _, h := range route.hops {
			if route.Demote {
				gauge(c.weight, float64(q.weight(route.Name, h.name)), route.Name, h.name)
			}
		}
	}
	for name, g := range r.lines {
		state := g.snapshot(c.engine.tick())
		gauge(c.inFlight, float64(state.inFlight), name)
		gauge(c.unsettled, float64(state.unsettled), name)
		gauge(c.limit, float64(state.limit), name)
		gauge(c.breaker, float64(state.breaker), name)
		gauge(c.pace, state.pace, name)
		degraded := 0.0
		if len(q.degraded[name]) > 0 || q.slow[name] != "" {
			degraded = 1
		}
		gauge(c.degraded, degraded, name)
		paused := 0.0
		if state.paused {
			paused = 1
		}
		gauge(c.paused, paused, name)
	}
	stats, ok := c.queue(now)
	if !ok {
		return
	}
	gauge(c.depth, float64(stats.Queued), string(courier.StatusQueued))
	gauge(c.depth, float64(stats.Processing), string(courier.StatusProcessing))
	gauge(c.depth, float64(stats.Unknown), string(courier.StatusUnknown))
	gauge(c.age, age(stats.OldestDueAt, now))
	waiting := make(map[store.Wake]store.Waiting)
	for name := range r.lines {
		for _, lane := range courier.Lanes() {
			waiting[store.Wake{Gateway: name, Lane: lane}] = store.Waiting{}
		}
	}
	for _, w := range stats.Queues {
		waiting[store.Wake{Gateway: w.Gateway, Lane: w.Lane}] = w
	}
	for of, w := range waiting {
		gauge(c.waiting, float64(w.Count), of.Gateway, string(of.Lane))
		gauge(c.laneAge, age(w.Due, now), of.Gateway, string(of.Lane))
	}
}

func age(at, now time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(now.Sub(at).Seconds(), 0)
}

// queue returns the state of the queue, at most statsMaxAge old.
func (c *collector) queue(now time.Time) (store.Stats, bool) {
	if c.engine.lifetime.running() != nil {
		return store.Stats{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := now.Sub(c.statsAt); c.statsAt.IsZero() || since < 0 || since >= statsMaxAge {
		ctx, cancel := context.WithTimeout(c.engine.lifetime.loopCtx, statsTimeout)
		defer cancel()
		stats, err := c.engine.store.Stats(ctx, now)
		c.stats, c.statsAt, c.failed = stats, now, err != nil
	}
	return c.stats, !c.failed
}
