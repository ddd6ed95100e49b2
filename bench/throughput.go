package main

import (
	"context"
	"time"
)

// batchSize and batchCallers are the steady load in batches.
const batchSize, batchCallers = 100, 8

// throughput compares the courier with the bare client: a queue that waits, over
// each wire and with each template, and messages that are sent while others come in.
func throughput(k kind, s size) []measurement {
	usual, many := condition{https1, s.inFlight}, condition{https1, s.many}
	return []measurement{
		drain(k, k.drain, usual, placingTemplate),
		drain(k, k.drainMany, many, placingTemplate),
		drain(k, k.drain, condition{https2, s.inFlight}, placingTemplate),
		drain(k, k.drainMany, condition{https2, s.many}, placingTemplate),
		drain(k, "", condition{plain, s.inFlight}, placingTemplate),
		drain(k, "", usual, stdTemplate),
		drain(k, k.drain, usual, twilioPreset),
		steady(k, goal{k.row("API, batches of %d", batchSize), k.batch}, usual, func(r *rig, count int) *load {
			return r.batches(count, batchSize, batchCallers)
		}),
		steady(k, goal{singleRow(k), k.single}, usual, func(r *rig, count int) *load {
			return r.singles(count, r.bench.size.inFlight)
		}),
	}
}

func singleRow(k kind) string { return k.row("API, single requests") }

// drain times a queue that waits until the gateway answers.
func drain(k kind, target string, under condition, template string) measurement {
	name := k.row("drain, %s", under)
	switch template {
	case stdTemplate:
		name += ", template with std functions"
	case twilioPreset:
		name += ", " + twilioPreset
	}
	return measurement{goals: []goal{{name, target}}, compares: true, under: under, run: func(ctx context.Context, b *bench) ([]row, error) {
		return b.with(ctx, b.engine(k), courierSpec{template: template, under: under}, func(r *rig) ([]row, error) {
			count := b.size.messages
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
func steady(k kind, name goal, under condition, loadFunc func(r *rig, count int) *load) measurement {
	return measurement{goals: []goal{name}, compares: true, under: under, run: func(ctx context.Context, b *bench) ([]row, error) {
		return b.with(ctx, b.engine(k), courierSpec{template: placingTemplate, under: under}, func(r *rig) ([]row, error) {
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
