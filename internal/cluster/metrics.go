package cluster

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the node counts as it goes.
type metrics struct {
	reclaimed, scrubbed, purged prometheus.Counter
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &metrics{
		reclaimed: counter("courier_reclaimed_total", "Messages that this node took back from nodes that died, or whose lease had lapsed."),
		scrubbed:  counter("courier_scrubbed_total", "Messages whose content was taken out because of retention.scrub_after."),
		purged:    counter("courier_purged_total", "Messages that were deleted because of retention.delete_after."),
	}
}

// register registers all metrics, or none and returns why.
func (m *metrics) register(registerer prometheus.Registerer, n *Node) error {
	if registerer == nil {
		return nil
	}
	collectors := []prometheus.Collector{m.reclaimed, m.scrubbed, m.purged, newStandingCollector(n)}
	for i, collector := range collectors {
		if err := registerer.Register(collector); err != nil {
			for _, registered := range collectors[:i] {
				registerer.Unregister(registered)
			}
			return err
		}
	}
	return nil
}

// standingCollector tells at a scrape how the node stands among the others.
type standingCollector struct {
	node        *Node
	alive, duty *prometheus.Desc
}

func newStandingCollector(n *Node) *standingCollector {
	return &standingCollector{
		node: n,
		alive: prometheus.NewDesc("courier_nodes",
			"Nodes that are alive, as this one was told with its last beat; left out while it cannot beat.", nil, nil),
		duty: prometheus.NewDesc("courier_keeper",
			"1 on the one node that does the housekeeping.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *standingCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.alive
	descs <- c.duty
}

// Collect implements prometheus.Collector.
func (c *standingCollector) Collect(metrics chan<- prometheus.Metric) {
	duty := 0.0
	if c.node.Ready() == nil {
		metrics <- prometheus.MustNewConstMetric(c.alive, prometheus.GaugeValue, float64(c.node.Nodes()))
	}
	if c.node.onDuty() {
		duty = 1
	}
	metrics <- prometheus.MustNewConstMetric(c.duty, prometheus.GaugeValue, duty)
}
