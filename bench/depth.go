package main

import (
	"context"
	"fmt"
)

// depth measures whether it matters how many messages wait: it times the first
// of a queue that grows, and kills and restarts the courier when it is longest.
func depth(k kind, s size) measurement {
	shallow, deepest := s.depths[0], s.depths[len(s.depths)-1]
	var goals []goal
	for at, waiting := range s.depths {
		target := ""
		if at == len(s.depths)-1 {
			target = fmt.Sprintf("≥ 0.90 of that with %s", grouped(float64(shallow)))
		}
		goals = append(goals, goal{k.row("drain with %s waiting", grouped(float64(waiting))), target})
	}
	longest := grouped(float64(deepest))
	goals = append(goals,
		goal{k.row("start after kill -9 with %s waiting", longest), "< 2 s"},
		goal{k.row("memory with %s waiting", longest), "< 150 MiB"},
		goal{storedRow(k), ""})
	return measurement{goals: goals, run: func(ctx context.Context, b *bench) ([]row, error) {
		spec := courierSpec{template: placingTemplate, under: condition{https1, b.size.inFlight}}
		return b.with(ctx, b.engine(k), spec, func(r *rig) ([]row, error) { return r.depths(ctx, b.size) })
	}}
}

func storedRow(k kind) string { return k.row("disk for a stored message") }

func (r *rig) depths(ctx context.Context, s size) ([]row, error) {
	shallow, err := r.shallow(ctx, s.depths[0], s.head)
	if err != nil {
		return nil, err
	}
	rows, waiting, peak := []row{shallow}, 0, shallow.rss
	var start, size row
	for at, wanted := range s.depths[1:] {
		if err := r.fill(ctx, wanted-waiting); err != nil {
			return nil, err
		}
		if at == len(s.depths)-2 {
			peak = max(peak, r.peakRSS())
			if size, err = r.size(ctx); err != nil {
				return nil, err
			}
			if start, err = r.restart(ctx); err != nil {
				return nil, err
			}
		}
		head, _, err := r.drained(ctx, s.head, 0)
		if err != nil {
			return nil, err
		}
		head.share = head.rate / shallow.rate
		head.note = "of that with " + grouped(float64(s.depths[0]))
		rows = append(rows, head)
		peak, waiting = max(peak, head.rss), wanted-s.head
	}
	return append(rows, start, row{result: fmt.Sprintf("%.0f MiB", peak), rss: peak}, size), nil
}

// size is what the database takes, shared out among the messages that it holds.
func (r *rig) size(ctx context.Context) (row, error) {
	bytes, err := r.engine.size(ctx)
	each := float64(bytes) / float64(r.queued)
	return row{result: fmt.Sprintf("%.0f bytes (of %d MiB)", each, bytes>>20)}, err
}

// shallow times short queues that are drained whole, until as many messages as
// of the deeper ones are timed.
func (r *rig) shallow(ctx context.Context, waiting, head int) (row, error) {
	var total row
	rounds := max(1, head/waiting)
	for range rounds {
		if err := r.fill(ctx, waiting); err != nil {
			return total, err
		}
		one, _, err := r.drained(ctx, waiting, 0)
		if err != nil {
			return total, err
		}
		total.took += one.took
		total.cost.add(one.cost, rounds)
		total.rss = one.rss
	}
	total.rate = rate(rounds*waiting, total.took)
	total.note = fmt.Sprintf("%d times", rounds)
	return total, nil
}

// restart kills the courier and starts it again while the gateway does not answer.
func (r *rig) restart(ctx context.Context) (row, error) {
	if err := r.bench.gateway.hold(ctx, r.inFlight()); err != nil {
		return row{}, err
	}
	r.nodes[0].kill()
	again, err := r.bench.startCourier(ctx, r.nodes[0].spec)
	if err != nil {
		r.nodes = nil
		return row{}, err
	}
	r.nodes[0] = again
	_, err = r.bench.gateway.tally(ctx)
	return row{result: fmt.Sprintf("%.2f s", again.took.Seconds())}, err
}
