package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// idlePause lets the courier fall idle between two messages.
const idlePause = 20 * time.Millisecond

// idle times single messages on an idle courier: from the 202, as its caller
// reads it, to the arrival at the gateway, and from the caller's request; and
// watches what a courier with nothing to do costs.
func idle(k kind) measurement {
	return measurement{
		goals: []goal{
			{k.row("idle, from the 202 to the gateway"), "p50 ≤ 2 ms, p99 ≤ 10 ms"},
			{k.row("idle, from the request to the gateway"), ""},
			{k.row("idle, CPU"), "courier < 1 % of a core"},
		},
		run: func(ctx context.Context, b *bench) ([]row, error) {
			spec := courierSpec{template: placingTemplate, under: condition{https1, b.size.inFlight}}
			return b.with(ctx, b.engine(k), spec, func(r *rig) ([]row, error) { return r.idle(ctx) })
		},
	}
}

func (r *rig) idle(ctx context.Context) ([]row, error) {
	var fromAnswer, fromRequest []time.Duration
	pause := time.NewTicker(idlePause)
	defer pause.Stop()
	for range r.bench.size.idle {
		<-pause.C
		answered, asked, arrived, err := r.single(ctx)
		if err != nil {
			return nil, err
		}
		fromAnswer = append(fromAnswer, max(0, arrived.Sub(answered)))
		fromRequest = append(fromRequest, arrived.Sub(asked))
	}
	rss := r.peakRSS()
	cpu, err := r.idleCPU(ctx, time.Duration(r.bench.size.idleSeconds)*time.Second)
	return []row{
		{result: quantiles(fromAnswer), rss: rss},
		{result: quantiles(fromRequest)},
		{result: cpu},
	}, err
}

// single sends one message and returns when it was asked for, answered and at the gateway.
func (r *rig) single(ctx context.Context) (answered, asked, arrived time.Time, err error) {
	if err = r.bench.gateway.open(ctx, 1, 0); err != nil {
		return answered, asked, arrived, err
	}
	one := r.singles(1, 1)
	one.client = r.bench.gateway.control
	asked = time.Now()
	if _, err = one.run(ctx); err != nil {
		return answered, asked, arrived, err
	}
	answered = time.Now()
	told, err := r.bench.gateway.tally(ctx)
	return answered, asked, told.at(), err
}

// idleCPU returns the parts of a core that courier and database use.
func (r *rig) idleCPU(ctx context.Context, span time.Duration) (string, error) {
	before := r.sample()
	if err := pause(ctx, span); err != nil {
		return "", err
	}
	used := r.since(before, 1)
	percent := func(of time.Duration) float64 { return 100 * of.Seconds() / span.Seconds() }
	text := fmt.Sprintf("courier %.2f %%", percent(used.courier))
	if r.engine.pid() != 0 {
		text += fmt.Sprintf(", database %.2f %%", percent(used.database))
	}
	return text + fmt.Sprintf(" over %v", span), nil
}

// pause lets time pass that belongs to a measurement.
func pause(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func quantiles(durations []time.Duration) string {
	slices.Sort(durations)
	quantile := func(q float64) float64 {
		return float64(durations[int(q*float64(len(durations)-1))].Microseconds()) / 1000
	}
	return fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", quantile(0.50), quantile(0.99))
}
