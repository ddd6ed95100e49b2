package webhook

import "github.com/prometheus/client_golang/prometheus"

// metrics are those of all feeds.
type metrics struct {
	posts *prometheus.CounterVec
	lag   *prometheus.GaugeVec
}

func newMetrics() *metrics {
	return &metrics{
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "courier_webhook_events_total",
			Help: "Events posted to applications, by endpoint and result: delivered, failed (tried again), gone (410), given_up (after a day).",
		}, []string{"endpoint", "result"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "courier_webhook_lag_seconds",
			Help: "How long the oldest event waits that was not taken, by endpoint.",
		}, []string{"endpoint"}),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.posts.Describe(ch)
	m.lag.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.posts.Collect(ch)
	m.lag.Collect(ch)
}

// reset forgets the endpoints of before.
func (m *metrics) reset() {
	m.posts.Reset()
	m.lag.Reset()
}
