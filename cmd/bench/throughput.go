package main

import (
	"context"
	"time"
)

// batchSize and batchCallers are the steady load in batches.
const batchSize, batchCallers = 100, 8

// stdPart makes the measurement of the slower template as long as the others.
const stdPart = 3

// throughput compares the courier with the bare client: a queue that waits,
// with either template, and messages that are sent while others come in.
func throughput(k kind) []measurement {
	return []measurement{
		drain(k, goal{k.row("drain, template that places values"), k.place}, placingTemplate, 1),
		drain(k, goal{k.row("drain, template with std functions"), k.std}, stdTemplate, stdPart),
		steady(k, goal{k.row("API, batches of %d", batchSize), k.batch}, func(r *rig, count int) *load {
			return r.batches(count, batchSize, batchCallers)
		}),
		steady(k, goal{singleRow(k), k.single}, func(r *rig, count int) *load {
			return r.singles(count, r.bench.size.inFlight)
		}),
	}
}

func singleRow(k kind) string { return k.row("API, single requests") }

// drain times a queue that waits until the gateway answers, of the part'th part
// of the messages.
func drain(k kind, name goal, template string, part int) measurement {
	return measurement{goals: []goal{name}, compares: true, run: func(ctx context.Context, b *bench) ([]row, error) {
		return b.with(ctx, b.engine(k), courierSpec{template: template, inFlight: b.size.inFlight}, func(r *rig) ([]row, error) {
			count := b.size.messages / part
			if err := r.fill(ctx, count); err != nil {
				return nil, err
			}
			drained, told, err := r.drained(ctx, count, 0)
			drained.first = told.First
			return []row{drained}, err
		})
	}}
}

// steady times messages from the first request until the last is at the gateway.
func steady(k kind, name goal, loadFunc func(r *rig, count int) *load) measurement {
	return measurement{goals: []goal{name}, compares: true, run: func(ctx context.Context, b *bench) ([]row, error) {
		spec := courierSpec{template: placingTemplate, inFlight: b.size.inFlight}
		return b.with(ctx, b.engine(k), spec, func(r *rig) ([]row, error) {
			taken, err := r.steady(ctx, b.size.messages, loadFunc)
			return []row{taken}, err
		})
	}}
}

func (r *rig) steady(ctx context.Context, count int, loadFunc func(r *rig, count int) *load) (row, error) {
	if err := r.bench.gateway.open(ctx, count, 0); err != nil {
		return row{}, err
	}
	before, began := r.sample(), time.Now()
	if _, err := loadFunc(r, count).run(ctx); err != nil {
		return row{}, err
	}
	told, err := r.bench.gateway.tally(ctx)
	if err != nil {
		return row{}, err
	}
	took := told.at().Sub(began)
	return row{rate: rate(count, took), took: took, cost: r.since(before, count), rss: r.peakRSS()}, nil
}
