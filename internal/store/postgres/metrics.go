package postgres

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an operator sees of the engine.
type metrics struct {
	commit     prometheus.Histogram
	shared     prometheus.Histogram
	operations *prometheus.CounterVec
}

// newMetrics registers the metrics; a nil registerer leaves them unregistered.
func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "courier_store_commit_seconds",
			Help:    "Time that a transaction took, from its begin until it was committed.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
		}),
		shared: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "courier_store_commit_operations",
			Help:    "Operations that shared a transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 7),
		}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "courier_store_operations_total",
			Help: "Operations of the store that write, by what they came to.",
		}, []string{"operation", "result"}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, collector := range []prometheus.Collector{m.commit, m.shared, m.operations} {
		if err := registerer.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics of the store: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) committed(took time.Duration, operations int) {
	m.commit.Observe(took.Seconds())
	m.shared.Observe(float64(operations))
}

func (m *metrics) count(operation string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.operations.WithLabelValues(operation, result).Inc()
}
