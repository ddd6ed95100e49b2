package dispatch

import (
	"encoding/json"
	"slices"

	"courier/internal/store"
)

// GatewayState is a gateway as an operator sees it.
type GatewayState struct {
	Name string `json:"gateway"`
	// Paused is true while an operator wants no messages to go through it.
	Paused bool `json:"paused,omitempty"`
	// Breaker is closed, half_open or open; Class says why it is not closed.
	Breaker string `json:"breaker"`
	Class   string `json:"class,omitempty"`
	// InFlight counts the attempts under way on this node, of at most MaxInFlight.
	InFlight    int `json:"in_flight"`
	MaxInFlight int `json:"max_in_flight"`
	// LearnedRate is how many messages a second it takes, as learned from its throttling,
	// 0 where it throttles nothing. SentRate is how many it took from this node lately.
	LearnedRate float64 `json:"learned_rate,omitempty"`
	SentRate    float64 `json:"sent_rate"`
	// Degraded says for which countries few of its messages are delivered, and Slow why
	// its deliveries are slow.
	Degraded map[string]string `json:"degraded,omitempty"`
	Slow     string            `json:"slow,omitempty"`
}

// Snapshot returns the state of the gateways in the order of the settings.
func (e *Engine) Snapshot() []GatewayState {
	r, q := e.routing.Load(), e.quality.Load()
	states := make([]GatewayState, len(r.all.hops))
	for i, h := range r.all.hops {
		name, s := h.name, h.snapshot(e.tick())
		states[i] = GatewayState{
			Name: name, Paused: s.paused, Breaker: [...]string{breakerClosed: "closed", breakerHalfOpen: "half_open", breakerOpen: "open"}[s.breaker], Class: string(s.class), InFlight: s.inFlight, MaxInFlight: s.limit,
			LearnedRate: s.pace, SentRate: s.sent, Degraded: make(map[string]string), Slow: q.slow[name],
		}
		for country, found := range q.degraded[name] {
			states[i].Degraded[country] = found.reason
		}
	}
	return states
}

// State is Snapshot as a JSON list, for the other nodes.
func (e *Engine) State() string {
	document, _ := json.Marshal(e.Snapshot()) // texts and numbers can be encoded
	return string(document)
}

// SetPaused has these gateways, and no others, take no messages until the next call. What
// waits for them waits on, or goes to others of its route; attempts under way finish.
func (e *Engine) SetPaused(gateways []string) {
	e.pausing.Lock()
	defer e.pausing.Unlock()
	before := e.paused.Swap(&gateways)
	if before != nil && slices.Equal(*before, gateways) {
		return
	}
	for name, g := range e.routing.Load().lines {
		paused := slices.Contains(gateways, name)
		switch {
		case !g.setPaused(paused):
		case paused:
			g.sender.flush()
			e.wakeMovers()
		default:
			g.wake()
			e.WakeQueue(store.Wake{Gateway: name})
			e.wakeMovers()
		}
	}
}

// isPaused reports whether a gateway is to take no messages.
func (e *Engine) isPaused(gateway string) bool {
	paused := e.paused.Load()
	return paused != nil && slices.Contains(*paused, gateway)
}
