package dispatch

import (
	"github.com/prometheus/client_golang/prometheus"

	"courier"
)

// metrics are what the engine counts as it goes; what can be looked up at a
// scrape is in the collector.
type metrics struct {
	attempts    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	wait        *prometheus.HistogramVec
	enqueue     prometheus.Histogram
	settleBatch prometheus.Histogram
	lateSettles prometheus.Counter
	expired     prometheus.Counter
	superseded  prometheus.Counter
	rateWait    *prometheus.CounterVec
	receipts    *prometheus.CounterVec
	limited     *prometheus.CounterVec
}

// gatewayMetrics are those of one gateway, with the labels looked up once.
type gatewayMetrics struct {
	attempts map[courier.Outcome]prometheus.Counter
	duration prometheus.Observer
	wait     prometheus.Observer
	rateWait prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		attempts: counters("courier_attempts_total",
			"Attempts to hand a message to a gateway, by what they came to.", "gateway", "outcome"),
		duration: prometheus.NewHistogramVec(histogram("courier_attempt_duration_seconds",
			"Time that an attempt took, from rendering to the answer."), []string{"gateway"}),
		wait: prometheus.NewHistogramVec(histogram("courier_accept_to_gateway_seconds",
			"Time from when a message was accepted, or due if that was later, to the start of its first attempt."), []string{"gateway"}),
		enqueue: prometheus.NewHistogram(histogram("courier_enqueue_seconds",
			"Time to store the messages of one call durably.")),
		settleBatch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "courier_settle_batch_size",
			Help:    "Outcomes written in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		lateSettles: counter("courier_late_settles_total",
			"Attempts that were not recorded because their lease was no longer held."),
		expired: counter("courier_expired_total",
			"Messages that expired while they were queued."),
		superseded: counter("courier_messages_superseded_total",
			"Messages whose place a newer one with their supersede_key took: canceled while queued, or in flight and not sent again."),
		rateWait: counters("courier_rate_wait_seconds_total",
			"Time that due messages of a gateway waited on this node because of dispatch.max_rate.", "gateway"),
		receipts: counters("courier_receipts_total",
			"Reports of gateways on messages, by what became of them.", "gateway", "result"),
		limited: counters("courier_limited_total",
			"Messages that were refused as limits left no room for them, by what these count.", "by"),
	}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// histogram has buckets from a quarter of a millisecond, for a message that
// goes straight through, to a minute.
func histogram(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: name, Help: help, Buckets: []float64{
		.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60,
	}}
}

// gateway returns the metrics of a gateway.
func (m *metrics) gateway(gateway string) gatewayMetrics {
	g := gatewayMetrics{
		attempts: make(map[courier.Outcome]prometheus.Counter),
		duration: m.duration.WithLabelValues(gateway),
		wait:     m.wait.WithLabelValues(gateway),
		rateWait: m.rateWait.WithLabelValues(gateway),
	}
	for _, outcome := range courier.Outcomes() {
		g.attempts[outcome] = m.attempts.WithLabelValues(gateway, string(outcome))
	}
	return g
}

// collectors returns all of them.
func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.attempts, m.duration, m.wait, m.enqueue, m.settleBatch, m.lateSettles, m.expired, m.superseded, m.rateWait, m.receipts, m.limited,
	}
}
