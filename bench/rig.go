package main

import (
	"context"
	"errors"
	"time"
)

// rig is what one measurement runs on: couriers that share a database.
type rig struct {
	bench  *bench
	engine engine
	nodes  []*courier
	// queued counts the messages that the database was given by fill.
	queued int
}

// newRig starts the couriers on a new database.
func (b *bench) newRig(ctx context.Context, on engine, nodes int, spec courierSpec) (*rig, error) {
	dsn, err := on.create(ctx)
	if err != nil {
		return nil, err
	}
	spec.dsn = dsn
	r := &rig{bench: b, engine: on}
	for range nodes {
		node, err := b.startCourier(ctx, spec)
		if err != nil {
			return nil, errors.Join(err, r.stop())
		}
		r.nodes = append(r.nodes, node)
	}
	return r, nil
}

func (r *rig) stop() error {
	var errs []error
	for _, node := range r.nodes {
		errs = append(errs, node.stop())
	}
	return errors.Join(errs...)
}

// with runs a measurement on a rig and takes the rig down again.
func (b *bench) with(ctx context.Context, on engine, spec courierSpec, measure func(*rig) ([]row, error)) ([]row, error) {
	return b.withNodes(ctx, on, 1, spec, measure)
}

func (b *bench) withNodes(ctx context.Context, on engine, nodes int, spec courierSpec, measure func(*rig) ([]row, error)) ([]row, error) {
	r, err := b.newRig(ctx, on, nodes, spec)
	if err != nil {
		return nil, err
	}
	rows, err := measure(r)
	return rows, errors.Join(err, r.stop(), on.remove(ctx))
}

// peakRSS returns the largest memory of all couriers so far, in MiB.
func (r *rig) peakRSS() float64 {
	total := 0.0
	for _, node := range r.nodes {
		total += peakRSS(node.cmd.Process.Pid)
	}
	return total
}

// inFlight is how many attempts wait at the least at a gateway that does not answer: normal
// messages leave a fifth of its slots to one-time codes, unless it was quick before.
func (r *rig) inFlight() int { return len(r.nodes) * (r.nodes[0].spec.under.inFlight * 80 / 100) }

// slots are all attempts that may be in flight.
func (r *rig) slots() int { return len(r.nodes) * r.nodes[0].spec.under.inFlight }

// fillBatch and fillCallers are how messages that are not timed get in.
const fillBatch, fillCallers = 1000, 4

// fill holds the gateway, queues the messages next to those that may then wait in
// flight, and returns when as many as must be in flight are.
func (r *rig) fill(ctx context.Context, count int) error {
	if err := r.bench.gateway.hold(ctx, r.inFlight()); err != nil {
		return err
	}
	count += r.slots()
	if _, err := r.batches(count, fillBatch, fillCallers).run(ctx); err != nil {
		return err
	}
	r.queued += count
	_, err := r.bench.gateway.tally(ctx)
	return err
}

// batches is a load of messages through the API of the first courier.
func (r *rig) batches(count, size, callers int) *load {
	first := r.bench.numbers(count)
	return &load{
		client: newClient(callers, nil), callers: callers, url: r.nodes[0].url + "/v1/messages/batch",
		count: (count + size - 1) / size,
		body:  func(at int) []byte { return apiBatch(first+at*size, min(size, count-at*size)) },
	}
}

// singles is a load of one message a request.
func (r *rig) singles(count, callers int) *load {
	first := r.bench.numbers(count)
	return &load{
		client: newClient(callers, nil), callers: callers, url: r.nodes[0].url + "/v1/messages", count: count,
		body: func(at int) []byte { return apiMessage(make([]byte, 0, 128), first+at) },
	}
}

// drained lets the gateway answer and times how long it takes until count
// messages of those that wait have reached it.
func (r *rig) drained(ctx context.Context, count int, latency time.Duration) (row, tally, error) {
	before, began := r.sample(), time.Now()
	if err := r.bench.gateway.open(ctx, count, latency); err != nil {
		return row{}, tally{}, err
	}
	told, err := r.bench.gateway.tally(ctx)
	if err != nil {
		return row{}, tally{}, err
	}
	took := told.at().Sub(began)
	return row{rate: rate(count, took), took: took, cost: r.since(before, count), rss: r.peakRSS()}, told, nil
}

// rate returns events per second.
func rate(count int, took time.Duration) float64 { return float64(count) / took.Seconds() }
