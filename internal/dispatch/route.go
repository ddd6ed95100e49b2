package dispatch

import (
	"maps"
	"slices"
	"strings"

	"courier"
)

// route is through which gateways some messages go, in order of preference.
type route struct {
	Route

	hops []hop
	// weighted is true when chance decides where a message begins.
	weighted bool
	// ofOwn is true when a message begins at the gateway that it names.
	ofOwn bool
}

// hop is one gateway of a route.
type hop struct {
	*line
	weight int
}

// Fits reports whether a message belongs to the route.
func (r *Route) Fits(m *courier.Message) bool {
	return (r.Channel == "" || r.Channel == m.Channel) &&
		(r.TemplateType == "" || r.TemplateType == m.TemplateType) &&
		(len(r.To) == 0 || slices.ContainsFunc(r.To, func(to string) bool {
			return to == m.Country || strings.HasPrefix(to, "+") && strings.HasPrefix(m.To, to)
		}))
}

// index returns the place of the gateway of a queue in the route, or -1.
func (r *route) index(q *queue) int {
	return slices.IndexFunc(r.hops, func(h hop) bool { return h.gate == q.gate })
}

// named returns the place of a gateway in the route, or -1.
func (r *route) named(gateway string) int {
	return slices.IndexFunc(r.hops, func(h hop) bool { return h.name == gateway })
}

// from returns the hops in order, beginning with one.
func (r *route) from(first int) []hop {
	return slices.Concat(r.hops[first:], r.hops[:first])
}

// choose says where a new message begins, and gives it a permit to be leased at once
// if it is due and there is room. That is the first gateway that takes messages, or
// one by chance when the route has weights. One that did not take any gets the message
// as a probe when it is time for that. When none takes messages, the message waits for
// the first. One that follows a message which a gateway did not bring to the handset begins
// behind that gateway.
func (r *route) choose(m *courier.Message, before string, due bool) (*queue, permit) {
	if len(r.hops) == 1 {
		return r.hops[0].enter(m, due)
	}
	hops, byChance, probes := r.hops, r.weighted || r.Demote, due
	if before != "" {
		hops, byChance, probes = r.from(r.named(before)+1), false, false
	} else if own := r.named(m.Gateway); own > 0 && r.ofOwn {
		hops = r.from(own)
	}
	taking := slices.DeleteFunc(slices.Clone(hops), func(h hop) bool { return !h.of(m).takes(m) })
	chosen := hops[0]
	if len(taking) > 0 {
		chosen = taking[0]
	}
	if byChance {
		chosen = r.pick(taking, chosen)
	}
	for _, h := range hops {
		if h == chosen && !r.weighted {
			break
		}
		if probes && h != chosen && (h.weight > 0 || !r.weighted) {
			if p := h.of(m).probeNew(m); p.count > 0 {
				return h.of(m), p
			}
		}
	}
	return chosen.enter(m, due)
}

// enter gives a new message a permit to be leased at once, if it is due and there is room.
func (h hop) enter(m *courier.Message, due bool) (*queue, permit) {
	if !due {
		return h.of(m), permit{}
	}
	q := h.of(m)
	return q, q.admitNew(m, q.engine.tick())
}

// pick returns one of the gateways that take messages by chance: by their weights or, in a
// route in order, the first. What receipts took of the part of one goes to the others,
// in order to the next. It is otherwise when there is none with a part.
func (r *route) pick(taking []hop, otherwise hop) hop {
	e, parts, total, rest := otherwise.sender.engine, make([]float64, len(taking)), 0.0, 1.0
	q := e.quality.Load()
	for i, h := range taking {
		parts[i] = 1
		if r.Demote {
			parts[i] = float64(q.weight(r.Name, h.name)) / weightWhole
		}
		if r.weighted {
			parts[i] *= float64(h.weight)
		} else {
			parts[i] *= rest
			rest -= parts[i]
		}
		total += parts[i]
	}
	at := e.random() * total
	for i, h := range taking {
		if at -= parts[i]; at < 0 {
			return h
		}
	}
	return otherwise
}

// onward returns where a message of a queue may go on: to the next gateway that takes
// messages now, in the order of the route. It is nil when there is none.
func (r *route) onward(m *courier.Message, from *queue) *queue {
	for _, h := range r.from(r.index(from) + 1) {
		if q := h.of(m); q.gate != from.gate && q.takes(m) {
			return q
		}
	}
	return nil
}

// passedOver tells which gateways of the route take no messages, and why, for one that
// goes through another; "" for none.
func (r *route) passedOver(through *queue) string {
	if len(r.hops) == 1 {
		return ""
	}
	var others []string
	for _, h := range r.hops {
		if why := h.closedBy(); h.gate != through.gate && why != "" {
			others = append(others, h.name+" ("+why+")")
		}
	}
	if others == nil {
		return ""
	}
	return "not asked, as it takes no messages: " + strings.Join(others, ", ")
}

// routing is one configuration of gates, queues and routes, swapped whole.
type routing struct {
	lines  map[string]*line
	routes []*route
	// only are the routes of recipients that have a gateway to themselves.
	only map[string]*route
	// all is the route of messages that no other fits; without hops when there is no gateway.
	all      *route
	settings Settings
}

// queues returns all queues.
func (r *routing) queues() []*queue {
	var all []*queue
	for _, l := range r.lines {
		all = append(all, l.queues[:]...)
	}
	return all
}

// routeOf returns the route of a message: that of its recipient alone, the gateway that
// its caller asked for, while there is one of that name, or else the first that fits.
func (r *routing) routeOf(m *courier.Message) *route {
	if only := r.only[m.To]; only != nil {
		return only
	}
	if m.OnlyGateway {
		if l := r.lines[m.Gateway]; l != nil {
			return &route{hops: []hop{{line: l}}}
		}
	}
	for _, route := range r.routes {
		if route.Fits(m) {
			return route
		}
	}
	return r.all
}

// misplaced reports whether a ticket may be in its queue by the routes of before, and
// is not to be there by those of today.
func (r *routing) misplaced(t *ticket) bool {
	return r.isSplit() && !t.queue.isSorted() && !r.serves(t)
}

// isSplit reports whether not every gateway serves every message.
func (r *routing) isSplit() bool { return len(r.routes)+len(r.only) > 0 }

// serves reports whether the queue of a ticket is one of its message's route.
func (r *routing) serves(t *ticket) bool { return r.routeOf(t.message).index(t.queue) >= 0 }

// takesInsteadOf reports whether there may be another gateway for messages of a queue.
func (r *routing) takesInsteadOf(q *queue) bool {
	return slices.ContainsFunc(append(slices.Clone(r.routes), r.all), func(route *route) bool {
		return route.index(q) >= 0 && slices.ContainsFunc(route.hops, func(h hop) bool {
			return h.gate != q.gate && h.closedBy() == ""
		})
	})
}

// names returns the gateways in order.
func (r *routing) names() []string { return slices.Sorted(maps.Keys(r.lines)) }

// newRouting makes gates, queues and routes for settings, and keeps those of old that
// are still there. A gateway that is the same as before keeps what was learnt of it.
func (e *Engine) newRouting(old *routing, settings Settings) *routing {
	next := &routing{lines: make(map[string]*line), only: make(map[string]*route), all: &route{ofOwn: true}, settings: settings}
	apart := make(map[string]bool)
	for _, name := range settings.Only {
		apart[name] = true
	}
	for _, options := range settings.Gateways {
		name := options.Gateway.Name()
		l := old.lines[name]
		if l == nil {
			l = e.newLine(name)
		}
		l.sender.configure(options)
		l.configure(options, e.tick(), e.now())
		l.setPaused(e.isPaused(name))
		next.lines[name] = l
		if !apart[name] {
			next.all.hops = append(next.all.hops, hop{line: l})
		}
	}
	for to, name := range settings.Only {
		if l := next.lines[name]; l != nil {
			next.only[to] = &route{Route: Route{Name: name}, hops: []hop{{line: l}}}
		}
	}
	for _, r := range settings.Routes {
		next.routes = append(next.routes, next.newRoute(r))
	}
	next.setSpare()
	for _, q := range next.queues() {
		q.configure(next.isSplit())
	}
	return next
}

func (r *routing) newRoute(settings Route) *route {
	made := &route{Route: settings}
	for _, to := range settings.Gateways {
		made.hops = append(made.hops, hop{r.lines[to.Gateway], to.Weight})
		made.weighted = made.weighted || to.Weight > 0
	}
	return made
}

// setSpare tells each gate whether its messages can go another way.
func (r *routing) setSpare() {
	spare := make(map[*gate]bool)
	for _, route := range append(slices.Clone(r.routes), r.all) {
		for _, h := range route.hops {
			spare[h.gate] = spare[h.gate] || len(route.hops) > 1
		}
	}
	for _, l := range r.lines {
		l.setSpare(spare[l.gate])
	}
}
