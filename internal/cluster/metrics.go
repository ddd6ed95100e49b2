package cluster

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the node counts as it goes, and how it stands among the others
// at a scrape. It implements prometheus.Collector.
type metrics struct {
	node                        *Node
	reclaimed, scrubbed, purged prometheus.Counter
	alive, duty                 *prometheus.Desc
}

func newMetrics(n *Node) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &metrics{
		node:      n,
		reclaimed: counter("courier_reclaimed_total", "Messages that this node took back from nodes that died, or whose lease had lapsed."),
		scrubbed:  counter("courier_scrubbed_total", "Messages whose content was taken out because of retention.scrub_after."),
		purged:    counter("courier_purged_total", "Messages that were deleted because of retention.delete_after."),
		alive: prometheus.NewDesc("courier_nodes",
			"Nodes that are alive, as this one was told with its last beat; left out while it cannot beat.", nil, nil),
		duty: prometheus.NewDesc("courier_keeper", "1 on the one node that does the housekeeping.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(descs chan<- *prometheus.Desc) {
	for _, counter := range []prometheus.Counter{m.reclaimed, m.scrubbed, m.purged} {
		descs <- counter.Desc()
	}
	descs <- m.alive
	descs <- m.duty
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(found chan<- prometheus.Metric) {
	found <- m.reclaimed
	found <- m.scrubbed
	found <- m.purged
	duty := 0.0
	if m.node.Ready() == nil {
		found <- prometheus.MustNewConstMetric(m.alive, prometheus.GaugeValue, float64(m.node.Nodes()))
	}
	if m.node.OnDuty() {
		duty = 1
	}
	found <- prometheus.MustNewConstMetric(m.duty, prometheus.GaugeValue, duty)
}
