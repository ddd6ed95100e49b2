package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"courier"
	"courier/internal/store"
)

const (
	// receiptBatchMax bounds how many receipts are written in one transaction.
	receiptBatchMax = 500
	// parkedLogEach is how often at most a gateway's receipts of unknown messages are told of.
	parkedLogEach = time.Minute
	opReceive     = "record receipts"
)

// receiver writes receipts. What is called while it writes shares the next
// transaction, so that batches grow with the load.
type receiver struct {
	engine *Engine

	mu      sync.Mutex
	pending []*receiving
	writing bool
	// parked counts the receipts of each gateway that were not told of, told is when
	// some were.
	parked map[string]int
	told   map[string]time.Time
}

// receiving is one call of Receipts.
type receiving struct {
	receipts []courier.Receipt
	answers  []store.Received
	err      error
	done     chan struct{}
}

func newReceiver(e *Engine) *receiver {
	return &receiver{engine: e, parked: make(map[string]int), told: make(map[string]time.Time)}
}

// Receipts writes what gateways report of messages, and answers for each in order, as
// store.Store does. When it returns without an error, all of them have reached the
// disk. Concurrent calls share transactions. An engine that does not run refuses with
// *courier.Error of courier.CodeShuttingDown; errors of the store are passed on, and
// leave open whether the receipts were written: the same again does no harm.
func (e *Engine) Receipts(ctx context.Context, receipts []courier.Receipt) ([]store.Received, error) {
	if err := e.lifetime.enter(); err != nil {
		return nil, err
	}
	defer e.lifetime.leave()
	if len(receipts) == 0 {
		return nil, nil
	}
	c := &receiving{receipts: receipts, done: make(chan struct{})}
	r := e.receiver
	r.mu.Lock()
	r.pending = append(r.pending, c)
	if !r.writing {
		r.writing = true
		e.lifetime.workers.Go(r.run)
	}
	r.mu.Unlock()
	select {
	case <-c.done:
		return c.answers, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("record receipts: %w", ctx.Err())
	}
}

// run writes until nothing is pending.
func (r *receiver) run() {
	for batch := r.take(); batch != nil; batch = r.take() {
		r.write(batch)
		for _, c := range batch {
			close(c.done)
		}
	}
}

// take takes out the calls that are written next, nil when there are none.
func (r *receiver) take() []*receiving {
	r.mu.Lock()
	defer r.mu.Unlock()
	count, size := 0, 0
	for count < len(r.pending) && (count == 0 || size+len(r.pending[count].receipts) <= receiptBatchMax) {
		size += len(r.pending[count].receipts)
		count++
	}
	r.writing = count > 0
	if count == 0 {
		r.pending = nil
		return nil
	}
	batch := r.pending[:count:count]
	r.pending = r.pending[count:]
	return batch
}

// write writes a batch of calls in one transaction. When it fails while the store
// works, each is written by itself: one that cannot be written fails alone.
func (r *receiver) write(batch []*receiving) {
	ctx := r.engine.lifetime.storeCtx
	err := r.writeOnce(ctx, batch)
	r.engine.health.Set(ctx, opReceive, err)
	if err == nil || len(batch) == 1 || errors.Is(err, context.DeadlineExceeded) || r.engine.store.Check(ctx) != nil {
		return
	}
	for _, c := range batch {
		_ = r.writeOnce(ctx, []*receiving{c}) // the caller is told
	}
}

// writeOnce writes calls in one transaction and notes what became of each.
func (r *receiver) writeOnce(ctx context.Context, batch []*receiving) error {
	var receipts []courier.Receipt
	for _, c := range batch {
		receipts = append(receipts, c.receipts...)
	}
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	answers, err := r.engine.store.Receive(callCtx, receipts)
	for _, c := range batch {
		if c.err = err; err == nil {
			c.answers, answers = answers[:len(c.receipts):len(c.receipts)], answers[len(c.receipts):]
			r.count(ctx, c)
		}
	}
	return err
}

// count counts what became of receipts, and tells of those of unknown messages.
func (r *receiver) count(ctx context.Context, c *receiving) {
	for i := range c.receipts {
		gateway, result := c.receipts[i].Gateway, c.answers[i].Result
		r.engine.metrics.receipts.WithLabelValues(gateway, string(result)).Inc()
		if result == store.ReceiptParked {
			r.tellParked(ctx, gateway)
		}
	}
}

// tellParked tells of receipts that belong to no message, once for many.
func (r *receiver) tellParked(ctx context.Context, gateway string) {
	now := r.engine.tick()
	if r.parked[gateway]++; now.Sub(r.told[gateway]) < parkedLogEach {
		return
	}
	r.engine.logger.LogAttrs(ctx, slog.LevelWarn, "receipts name messages that are not known; they are kept for a day, in case they were early",
		slog.String("gateway", gateway), slog.Int("count", r.parked[gateway]),
		slog.String("next_step", "if this goes on, check whether another program uses the same account and receipt address"))
	r.parked[gateway], r.told[gateway] = 0, now
}
