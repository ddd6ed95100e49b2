package dispatch_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// fifo is the cheapest store that there can be: what it costs is the engine.
type fifo struct {
	*memory

	mu      sync.Mutex
	queued  []*courier.Message
	settled sync.WaitGroup
}

// Enqueue implements dispatch.Store.
func (s *fifo) Enqueue(_ context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	results := make([]store.Enqueued, len(messages))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range messages {
		if m.Status == courier.StatusQueued {
			s.queued = append(s.queued, m)
		}
		results[i].Message = m
	}
	return results, nil
}

// Claim implements dispatch.Store.
func (s *fifo) Claim(_ context.Context, claim store.Claim) ([]*courier.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	claimed := s.queued[:min(len(s.queued), claim.Limit)]
	s.queued = s.queued[len(claimed):]
	for _, m := range claimed {
		m.Lease = courier.Lease{Node: claim.Node, Token: 1, Until: claim.LeaseUntil}
	}
	return claimed, nil
}

// Settle implements dispatch.Store.
func (s *fifo) Settle(_ context.Context, settlements []store.Settlement) ([]bool, error) {
	applied := make([]bool, len(settlements))
	for i := range applied {
		applied[i] = true
		s.settled.Done()
	}
	return applied, nil
}

// NextDue implements dispatch.Store.
func (s *fifo) NextDue(_ context.Context, _ string, lane courier.Lane) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if lane != courier.LaneNormal || len(s.queued) == 0 {
		return time.Time{}, nil
	}
	return s.queued[0].NextAttemptAt, nil
}

// noopGateway accepts at once.
type noopGateway struct{}

func (noopGateway) Name() string { return "sms" }

func (noopGateway) Render(context.Context, *courier.Message) (dispatch.Request, error) {
	return noopGateway{}, nil
}

func (noopGateway) Send(context.Context) courier.Attempt { return accepted() }

// benchOptions are options as in production: with metrics and a log.
func benchOptions(s dispatch.Store) dispatch.Options {
	options := newOptions(s, noopGateway{})
	options.Registerer = prometheus.NewRegistry()
	options.Logger = slog.New(slog.NewJSONHandler(nowhere{}, nil))
	return options
}

// nowhere takes a log that costs what a log costs.
type nowhere struct{}

// Write implements io.Writer.
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkEngine_Drain is the engine's own cost of a message from the queue.
func BenchmarkEngine_Drain(b *testing.B) {
	s := &fifo{memory: newMemory(), queued: newMessages(b.N)}
	s.settled.Add(b.N)
	engine, err := newEngine(benchOptions(s))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := engine.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	s.settled.Wait()
	b.StopTimer()
	if err := engine.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEngine_Enqueue is the engine's own cost of a message that goes
// straight to the gateway.
func BenchmarkEngine_Enqueue(b *testing.B) {
	s := &fifo{memory: newMemory()}
	engine, err := newEngine(benchOptions(s))
	if err != nil {
		b.Fatal(err)
	}
	if err := engine.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	messages := newMessages(b.N)
	s.settled.Add(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range messages {
		if _, err := engine.Enqueue(b.Context(), messages[i:i+1]); err != nil {
			b.Fatal(err)
		}
	}
	s.settled.Wait()
	b.StopTimer()
	if err := engine.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
}
