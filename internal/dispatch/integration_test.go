package dispatch_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/gateway"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/store/sqlite"
)

// bodyTemplate is a template that hands over the id and the text.
type bodyTemplate struct{}

// Reads implements gateway.Evaluator.
func (bodyTemplate) Reads() ([]string, bool) { return []string{"id", "to", "body"}, false }

// Evaluate implements gateway.Evaluator.
func (bodyTemplate) Evaluate(_ context.Context, message map[string]any) (any, error) {
	return message, nil
}

// Misfit implements gateway.Evaluator.
func (bodyTemplate) Misfit(message string) error { return errors.New(message) }

// openStore opens a database that is closed at the end of the test.
func openStore(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), sqlite.Options{DSN: "sqlite://" + path})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close store: %v", err)
		}
	})
	return s
}

// posting is a gateway as the engine sees it.
type posting struct{ *gateway.Gateway }

func (p posting) Render(ctx context.Context, m *courier.Message) (dispatch.Request, error) {
	return p.Gateway.Render(ctx, m)
}

// realGateway returns a gateway that posts to a URL.
func realGateway(tb testing.TB, url string, timeout time.Duration) posting {
	tb.Helper()
	return realNamed(tb, "sms", url, timeout)
}

func realNamed(tb testing.TB, name, url string, timeout time.Duration) posting {
	tb.Helper()
	g, err := gateway.New(gateway.Options{Name: name, URL: url + "/send", Method: "POST", Template: gateway.NewTemplate(bodyTemplate{}), Timeout: timeout})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	return posting{g}
}

// realMessages returns messages with ids of their own.
func realMessages(tb testing.TB, count int) []*courier.Message {
	tb.Helper()
	messages := newMessages(count)
	for _, m := range messages {
		m.Encoding, m.Segments = courier.EncodingGSM7, 1
		if _, err := rand.Read(m.ID[:]); err != nil {
			tb.Fatal(err)
		}
	}
	return messages
}

// received counts the requests that a fake gateway answered with a success, by message.
func received(t *testing.T, fake *gatewaytest.Handler) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for _, request := range fake.Requests() {
		var body struct{ ID string }
		if err := json.Unmarshal(request.Body, &body); err != nil {
			t.Fatal(err)
		}
		if request.Status == http.StatusCreated {
			counts[body.ID]++
		}
	}
	return counts
}

// settledWatch tells when messages have left the engine. It is a log handler,
// as the log says what becomes of each attempt.
type settledWatch struct {
	slog.Handler
	final atomic.Int64
	want  int64
	done  chan struct{}
}

func newSettledWatch(want int) *settledWatch {
	return &settledWatch{Handler: slog.DiscardHandler, want: int64(want), done: make(chan struct{})}
}

// Enabled implements slog.Handler.
func (*settledWatch) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (w *settledWatch) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "next_status" && attr.Value.String() != string(courier.StatusQueued) && w.final.Add(1) == w.want {
			close(w.done)
		}
		return true
	})
	return nil
}

// wait waits for the last message.
func (w *settledWatch) wait(tb testing.TB) {
	tb.Helper()
	select {
	case <-w.done:
	case <-time.After(2 * time.Minute):
		tb.Fatalf("%d of %d messages were decided", w.final.Load(), w.want)
	}
}

// integrationOptions are options for a store and a gateway, with quick retries.
func integrationOptions(s dispatch.Store, g dispatch.Gateway, node string) dispatch.Options {
	return dispatch.Options{
		Settings: dispatch.Settings{
			Gateways: []dispatch.GatewayOptions{{Gateway: g}}, MessageRetries: 30,
			Retry: dispatch.Retry{Initial: 5 * time.Millisecond, Max: 20 * time.Millisecond},
		},
		Store: s, Node: node, Registerer: prometheus.NewRegistry(),
	}
}

func TestIntegration_EveryMessageArrives(t *testing.T) {
	t.Parallel()
	const count = 600
	fake, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(*http.Request) gatewaytest.Behavior {
		n, err := rand.Int(rand.Reader, big.NewInt(20))
		if err != nil {
			t.Error(err)
			return gatewaytest.Behavior{}
		}
		switch n.Int64() {
		case 0:
			return gatewaytest.Behavior{Status: http.StatusInternalServerError}
		case 1:
			return gatewaytest.Behavior{Fault: gatewaytest.FaultReset}
		}
		return gatewaytest.Behavior{}
	}})
	s := openStore(t, filepath.Join(t.TempDir(), "courier.db"))
	watch := newSettledWatch(count)
	options := integrationOptions(s, realGateway(t, url, 10*time.Second), "node-1")
	options.Logger = slog.New(watch)
	engine := startBare(t, options)
	messages := realMessages(t, count)
	var callers sync.WaitGroup
	for i := range 6 {
		callers.Go(func() {
			for _, m := range messages[i*100 : i*100+50] {
				enqueue(t, engine, m)
			}
			enqueue(t, engine, messages[i*100+50:i*100+100]...)
		})
	}
	callers.Wait()
	watch.wait(t)
	stop(t, engine)
	got := received(t, fake)
	for _, m := range messages {
		if got[m.ID.String()] != 1 {
			t.Errorf("a message arrived %d times, want once", got[m.ID.String()])
		}
		wantStored(t, s, m, courier.StatusSent)
	}
}

// wantStored fails unless a message has a status in the database, with its attempts.
func wantStored(t *testing.T, s *sqlite.Store, m *courier.Message, want courier.Status) {
	t.Helper()
	row, attempts, err := s.Message(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if row.Status != want || len(attempts) != row.SendCount || row.Lease.Node != "" {
		t.Errorf("message is %s with %d of %d attempts, held by %q, want %s", row.Status, len(attempts), row.SendCount, row.Lease.Node, want)
	}
}

func TestIntegration_StopsAndRestartsRepeatNothing(t *testing.T) {
	t.Parallel()
	const count, rounds = 400, 8
	fake, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Latency: 2 * time.Millisecond}})
	path := filepath.Join(t.TempDir(), "courier.db")
	messages := realMessages(t, count)
	watch := newSettledWatch(count)
	s := openStore(t, path)
	for round := range rounds {
		options := integrationOptions(s, realGateway(t, url, 10*time.Second), fmt.Sprintf("node-%d", round))
		options.Gateways[0].MaxInFlight = 8
		options.Logger = slog.New(watch)
		engine := startBare(t, options)
		enqueue(t, engine, messages[round*count/rounds:(round+1)*count/rounds]...)
		if err := fake.WaitFor(t.Context(), round*count/rounds+5); err != nil {
			t.Fatal(err)
		}
		if round == rounds-1 {
			watch.wait(t)
		}
		stop(t, engine)
		if stats, err := s.Stats(t.Context(), time.Now()); err != nil || stats.Processing != 0 {
			t.Fatalf("after stop %d messages are processing (%v)", stats.Processing, err)
		}
	}
	for id, times := range received(t, fake) {
		if times != 1 {
			t.Errorf("message %s arrived %d times", id, times)
		}
	}
	for _, m := range messages {
		wantStored(t, s, m, courier.StatusSent)
	}
}

func TestIntegration_HangingGatewayIsUnknown(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Fault: gatewaytest.FaultHang}})
	s := openStore(t, filepath.Join(t.TempDir(), "courier.db"))
	watch := newSettledWatch(1)
	options := integrationOptions(s, realGateway(t, url, 200*time.Millisecond), "node-1")
	options.OnUnknown = dispatch.HoldUnknown
	options.Logger = slog.New(watch)
	engine := startBare(t, options)
	m := realMessages(t, 1)[0]
	enqueue(t, engine, m)
	watch.wait(t)
	stop(t, engine)
	wantStored(t, s, m, courier.StatusUnknown)
}

// TestIntegration_Failover has the first of two gateways be bad in several ways.
func TestIntegration_Failover(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func() gatewaytest.Behavior{
		"Hangs":        func() gatewaytest.Behavior { return gatewaytest.Behavior{Fault: gatewaytest.FaultHang} },
		"Unauthorized": func() gatewaytest.Behavior { return gatewaytest.Behavior{Status: http.StatusUnauthorized} },
		"FailsMostly": func() gatewaytest.Behavior {
			if n, err := rand.Int(rand.Reader, big.NewInt(10)); err != nil || n.Int64() < 6 {
				return gatewaytest.Behavior{Status: http.StatusInternalServerError}
			}
			return gatewaytest.Behavior{}
		},
		"Refuses": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const count = 1000
			first, firstURL := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(*http.Request) gatewaytest.Behavior { return bad() }})
			second, secondURL := gatewaytest.Start(t, gatewaytest.Options{})
			if bad == nil {
				firstURL = "http://127.0.0.1:1"
			}
			s := openStore(t, filepath.Join(t.TempDir(), "courier.db"))
			watch := newSettledWatch(count)
			timeout := 10 * time.Second // an answer that comes too late makes a message arrive twice
			if name == "Hangs" {
				timeout = 300 * time.Millisecond
			}
			options := integrationOptions(s, realNamed(t, "first", firstURL, timeout), "node-1")
			options.Gateways[0].Timeout = timeout
			options.Gateways = append(options.Gateways, dispatch.GatewayOptions{Gateway: realNamed(t, "second", secondURL, 10*time.Second)})
			options.Logger = slog.New(watch)
			engine := startBare(t, options)
			messages := realMessages(t, count)
			for _, m := range messages {
				m.Gateway = ""
			}
			enqueue(t, engine, messages[:count/2]...)
			for _, m := range messages[count/2:] {
				enqueue(t, engine, m)
			}
			watch.wait(t)
			stop(t, engine)
			through, around := received(t, first), received(t, second)
			for _, m := range messages {
				if got := through[m.ID.String()] + around[m.ID.String()]; got != 1 {
					t.Errorf("a message arrived %d times", got)
				}
				wantStored(t, s, m, courier.StatusSent)
			}
		})
	}
}

// BenchmarkIntegration_Drain is a queue in SQLite that goes to a gateway over
// real HTTP in this process.
func BenchmarkIntegration_Drain(b *testing.B) {
	const size = 5000
	_, url := gatewaytest.Start(b, gatewaytest.Options{Keep: 1})
	s := openStore(b, filepath.Join(b.TempDir(), "courier.db"))
	for range b.N {
		b.StopTimer()
		for range size / 1000 {
			if _, err := s.Enqueue(b.Context(), realMessages(b, 1000)); err != nil {
				b.Fatal(err)
			}
		}
		watch := newSettledWatch(size)
		options := integrationOptions(s, realGateway(b, url, 10*time.Second), rand.Text())
		options.Logger = slog.New(watch)
		engine, err := newEngine(options)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := engine.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		watch.wait(b)
		if err := engine.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
}
