package main

import (
	"context"
	"fmt"
	"time"
)

// slowLatency is how long the slow gateway takes to answer.
const slowLatency = 100 * time.Millisecond

// slowGateway measures how much of the limit in flight is used when the gateway
// takes its time: the rate as a part of limit / latency.
func slowGateway(k kind, s size) []measurement {
	var all []measurement
	for _, inFlight := range s.slowLimits {
		name := goal{k.row("gateway that takes %v, %s in flight", slowLatency, grouped(float64(inFlight))), "≥ 0.95"}
		all = append(all, measurement{goals: []goal{name}, run: func(ctx context.Context, b *bench) ([]row, error) {
			spec := courierSpec{template: placingTemplate, under: condition{https1, inFlight}}
			return b.with(ctx, b.engine(k), spec, func(r *rig) ([]row, error) {
				count := inFlight * b.size.waves
				if err := r.fill(ctx, count); err != nil {
					return nil, err
				}
				taken, told, err := r.drained(ctx, count, slowLatency)
				taken.share = taken.rate / rate(inFlight, slowLatency)
				taken.note = fmt.Sprintf("of limit / latency; at most %d at once", told.Most)
				return []row{taken}, err
			})
		}})
	}
	return all
}
