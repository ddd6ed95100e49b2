package jsonnet

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are the metrics of a pool.
type meters struct {
	starts      prometheus.Counter
	evaluations *prometheus.CounterVec
	// ok are those that gave a value, which need not be looked for.
	ok      prometheus.Counter
	seconds prometheus.Histogram
}

// newMeters registers the metrics; a nil registerer leaves them unregistered.
func newMeters(registerer prometheus.Registerer) *meters {
	m := &meters{
		starts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "courier_template_worker_starts_total",
			Help: "Template worker processes started; more than a handful means that templates take them down.",
		}),
		evaluations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "courier_template_evaluations_total",
			Help: "Template evaluations by result.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "courier_template_evaluation_seconds",
			Help:    "Time from asking for an evaluation to its result, waiting included.",
			Buckets: prometheus.ExponentialBuckets(0.000_01, 4, 10),
		}),
	}
	m.ok = m.evaluations.WithLabelValues(resultLabel(nil))
	if registerer != nil {
		registerer.MustRegister(m.starts, m.evaluations, m.seconds)
	}
	return m
}

// observe counts one evaluation.
func (m *meters) observe(err error, took time.Duration) {
	if err == nil {
		m.ok.Inc()
	} else {
		m.evaluations.WithLabelValues(resultLabel(err)).Inc()
	}
	m.seconds.Observe(took.Seconds())
}

// resultLabel names the result of an evaluation; the names are a closed set.
func resultLabel(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrCanceled):
		return "canceled"
	case errors.Is(err, ErrTimeout):
		return "timeout"
	case errors.Is(err, ErrCrashed):
		return "crashed"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "gave_up"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	}
	return "error"
}
