package store

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what an operator sees of the engine.
type Metrics struct {
	commit     prometheus.Histogram
	shared     prometheus.Histogram
	operations *prometheus.CounterVec
}

// NewMetrics registers the metrics; a nil registerer leaves them unregistered.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "courier_store_commit_seconds",
			Help:    "Time that a transaction took, from its begin until it was committed for good.",
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

// Committed notes a transaction and how many operations shared it.
func (m *Metrics) Committed(took time.Duration, operations int) {
	m.commit.Observe(took.Seconds())
	m.shared.Observe(float64(operations))
}

// Count notes what an operation came to.
func (m *Metrics) Count(operation string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.operations.WithLabelValues(operation, result).Inc()
}
