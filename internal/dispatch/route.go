package dispatch

import (
	"maps"
	"slices"
	"time"
)

// route is through which gates the messages of a queue go, in order of preference:
// the first that lets them through. Today that is the one of their gateway;
// failover puts others behind it.
type route []*gate

// admit asks the gates for room, in order, and else says how long to wait for some.
func (r route) admit(q *queue, half bool, nodes int, now time.Time) permit {
	var none permit
	for _, g := range r {
		p := g.admit(q, half, nodes, now)
		if p.count > 0 {
			return p
		}
		if none.gate == nil || p.wait > 0 && (none.wait == 0 || p.wait < none.wait) {
			none = p
		}
	}
	return none
}

// admitNew asks the gates for room for a new message.
func (r route) admitNew(to string, backlog bool, nodes int, now time.Time) permit {
	for _, g := range r {
		if p := g.admitNew(to, backlog, nodes, now); p.count > 0 {
			return p
		}
	}
	return permit{}
}

// routing is one configuration of gates and queues, swapped whole.
type routing struct {
	gates  map[string]*gate
	queues map[queueKey]*queue
	// fallback takes the messages of unknown gateways; nil when there is no gateway.
	fallback *queue
	settings Settings
}

// queue returns where a message of a gateway waits.
func (r *routing) queue(gateway string) *queue {
	if q, known := r.queues[queueKey{gateway, laneNormal}]; known {
		return q
	}
	return r.fallback
}

// names returns the gateways in order.
func (r *routing) names() []string { return slices.Sorted(maps.Keys(r.gates)) }

// rules are what decides about messages.
func (r *routing) rules() rules {
	s := &r.settings
	return rules{retries: s.MessageRetries, retry: s.Retry, hold: s.OnUnknown == HoldUnknown}
}

// newRouting makes gates and queues for settings, and keeps those of old that are
// still there. A gateway that is the same as before keeps what was learnt of it.
func (e *Engine) newRouting(old *routing, settings Settings) *routing {
	next := &routing{gates: make(map[string]*gate), queues: make(map[queueKey]*queue), settings: settings}
	for _, options := range settings.Gateways {
		name := options.Gateway.Name()
		key := queueKey{name, laneNormal}
		g, q := old.gates[name], old.queues[key]
		if g == nil {
			g, q = newGate(e.tick(), e.now()), newQueue(e, key)
			g.sender = newSender(e, name, g)
		}
		g.sender.configure(options)
		g.configure(options, settings.OnUnknown == HoldUnknown, e.tick(), e.now())
		q.configure(route{g})
		next.gates[name], next.queues[key] = g, q
		if next.fallback == nil {
			next.fallback = q
		}
	}
	return next
}
