package dispatch_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"courier"
	"courier/internal/cluster"
	"courier/internal/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeGateway answers attempts with a function and records them.
type fakeGateway struct {
	name       string
	renderFunc func(ctx context.Context, m *courier.Message) error
	sendFunc   func(ctx context.Context, m *courier.Message) courier.Attempt

	mu    sync.Mutex
	sent  []sending
	busy  map[courier.ID]bool
	twice bool
	peak  int
}

// sending is one call of Send.
type sending struct {
	id courier.ID
	at time.Time
}

func newGateway(name string, send func(context.Context, *courier.Message) courier.Attempt) *fakeGateway {
	return &fakeGateway{name: name, sendFunc: send, busy: make(map[courier.ID]bool)}
}

func (g *fakeGateway) Name() string { return g.name }

func (g *fakeGateway) Render(ctx context.Context, m *courier.Message) (dispatch.Request, error) {
	if g.renderFunc != nil {
		if err := g.renderFunc(ctx, m); err != nil {
			return nil, err
		}
	}
	return fakeRequest{g, m}, nil
}

// fakeRequest is the request of one message.
type fakeRequest struct {
	gateway *fakeGateway
	message *courier.Message
}

func (r fakeRequest) Send(ctx context.Context) courier.Attempt {
	r.gateway.enter(r.message.ID)
	defer r.gateway.leave(r.message.ID)
	return r.gateway.sendFunc(ctx, r.message)
}

func (g *fakeGateway) enter(id courier.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent = append(g.sent, sending{id: id, at: time.Now()})
	g.twice = g.twice || g.busy[id]
	g.busy[id] = true
	g.peak = max(g.peak, len(g.busy))
}

func (g *fakeGateway) leave(id courier.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.busy, id)
}

// sends returns the calls of Send so far.
func (g *fakeGateway) sends() []sending {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]sending(nil), g.sent...)
}

// sendsOf returns when a message was sent.
func (g *fakeGateway) sendsOf(id courier.ID) []time.Time {
	var times []time.Time
	for _, s := range g.sends() {
		if s.id == id {
			times = append(times, s.at)
		}
	}
	return times
}

// answer always comes to the same.
func answer(a courier.Attempt) func(context.Context, *courier.Message) courier.Attempt {
	return func(context.Context, *courier.Message) courier.Attempt { return a }
}

// The attempts that gateways answer with.

func accepted() courier.Attempt {
	return courier.Attempt{Outcome: courier.OutcomeAccepted, HTTPStatus: 201, GatewayMessageID: "gw-1"}
}

func rejected() courier.Attempt {
	return courier.Attempt{Outcome: courier.OutcomeRejected, Class: courier.ClassInvalidDestination, Known: true, HTTPStatus: 400}
}

func failing() courier.Attempt { return retryWith(courier.ClassGatewayError, 500) }

// refused is what a connection that was refused comes to.
func refused() courier.Attempt {
	return courier.Attempt{
		Outcome: courier.OutcomeGatewayDown, Class: courier.ClassNetworkError, Scope: courier.ScopeGateway, Unsent: true,
	}
}

func limited() courier.Attempt { return retryWith(courier.ClassThrottled, 429) }

func retryWith(class courier.Class, status int) courier.Attempt {
	return courier.Attempt{Outcome: courier.OutcomeRetry, Class: class, Scope: courier.ScopeMoment, HTTPStatus: status}
}

func down() courier.Attempt {
	return courier.Attempt{
		Outcome: courier.OutcomeGatewayDown, Class: courier.ClassUnauthorized, Scope: courier.ScopeGateway, HTTPStatus: 401,
	}
}

// ambiguous is a refusal that may be about the message or the gateway.
func ambiguous() courier.Attempt {
	return courier.Attempt{
		Outcome: courier.OutcomeGatewayDown, Class: courier.ClassUnauthorized, Scope: courier.ScopeAmbiguous, HTTPStatus: 403,
	}
}

// guessed is a refusal that looks as if it were about the message.
func guessed() courier.Attempt {
	return courier.Attempt{
		Outcome: courier.OutcomeRejected, Class: courier.ClassBadRequest, Scope: courier.ScopeMessage, HTTPStatus: 422,
	}
}

func unknown() courier.Attempt {
	return courier.Attempt{Outcome: courier.OutcomeUnknown, Class: courier.ClassTimeout, Scope: courier.ScopeMoment}
}

// newMessage returns a message that is due now, to one of many recipients.
func newMessage(edits ...func(*courier.Message)) *courier.Message {
	m := &courier.Message{
		Status: courier.StatusQueued, Channel: "sms", From: "Acme", Body: "code 123456",
		Gateway: "sms", CreatedAt: time.Now().UTC(), NextAttemptAt: time.Now().UTC(),
	}
	_, _ = rand.Read(m.ID[:]) // never fails
	m.To = number(int(m.ID[0]))
	for _, edit := range edits {
		edit(m)
	}
	return m
}

// otp makes a message one of the lane that may have every slot.
func otp(m *courier.Message) { m.Lane = courier.LaneOTP }

// number returns one of the hundred numbers that are reserved for tests.
func number(i int) string { return fmt.Sprintf("+120655501%02d", i%100) }

// newMessages returns several messages that are due now, to different recipients as
// far as there are.
func newMessages(count int, edits ...func(*courier.Message)) []*courier.Message {
	messages := make([]*courier.Message, count)
	for i := range messages {
		messages[i] = newMessage(append([]func(*courier.Message){func(m *courier.Message) { m.To = number(i) }}, edits...)...)
	}
	return messages
}

// newOptions returns options for one gateway, whose jitter is at its longest.
func newOptions(s dispatch.Store, g dispatch.Gateway) dispatch.Options {
	return dispatch.Options{
		Settings: dispatch.Settings{Gateways: []dispatch.GatewayOptions{{Gateway: g}}, MessageRetries: 5},
		Store:    s,
		Node:     "node-1",
		RandFunc: func() float64 { return 0 },
	}
}

// newEngine returns an engine whose node has the options of the engine.
func newEngine(options dispatch.Options) (*dispatch.Engine, error) {
	if options.ClusterFunc == nil {
		options.ClusterFunc = joining(options)
	}
	return dispatch.New(options)
}

// joining makes the node of an engine.
func joining(options dispatch.Options, edits ...func(*cluster.Options)) func(*dispatch.Engine) (dispatch.Cluster, error) {
	return func(e *dispatch.Engine) (dispatch.Cluster, error) {
		shared, _ := options.Store.(cluster.Store)
		o := cluster.Options{
			Store: shared, Engine: e, Health: e.Health(), Node: options.Node,
			NowFunc: options.NowFunc, Logger: options.Logger, Registerer: options.Registerer,
		}
		for _, edit := range edits {
			edit(&o)
		}
		return cluster.New(o)
	}
}

// start returns a running engine that is stopped at the end of the test.
func start(t *testing.T, options dispatch.Options) *dispatch.Engine {
	t.Helper()
	engine, err := newEngine(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return engine
}

// enqueue stores messages that have to be taken.
func enqueue(t *testing.T, engine *dispatch.Engine, messages ...*courier.Message) {
	t.Helper()
	results, err := engine.Enqueue(t.Context(), messages)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
	}
}

// wantStatus fails unless a message has a status.
func wantStatus(t *testing.T, s *memory, m *courier.Message, want courier.Status) {
	t.Helper()
	if row := s.message(m.ID); row.Status != want {
		t.Errorf("message is %s after %d attempts, want %s", row.Status, row.SendCount, want)
	}
}

// pass lets fake time go by and everything settle.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
