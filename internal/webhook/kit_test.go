package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"courier"
	"courier/internal/store"
	"courier/internal/store/memory"
	"courier/internal/webhook"
)

const (
	secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // that of the specification
	another = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// post is what an application was told.
type post struct {
	ID, Type string
	At       time.Time
	Data     map[string]any
	header   http.Header
}

func (p post) message() string { text, _ := p.Data["id"].(string); return text }

// shop is an application. It answers as status says, and remembers what it took.
type shop struct {
	t *testing.T
	// down makes connections fail.
	down atomic.Bool

	mu     sync.Mutex
	status func(p post, w http.ResponseWriter) int
	taken  []post
	tries  int
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	server *http.Server
}

// ServeHTTP implements http.Handler.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was given up
	}
	verifier, _ := standardwebhooks.NewWebhook(secret)
	if err := verifier.Verify(content, r.Header); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("%s %v: %v", r.Method, r.Header, err)
	}
	p := post{ID: r.Header.Get("webhook-id"), header: r.Header}
	if err := json.Unmarshal(content, &p); err != nil {
		s.t.Errorf("decode %s: %v", content, err)
	}
	s.mu.Lock()
	s.tries++
	status := http.StatusNoContent
	if s.status != nil {
		status = s.status(p, w)
	}
	s.mu.Unlock()
	if status == 0 { // it hangs
		<-r.Context().Done()
		return
	}
	s.mu.Lock()
	if status/100 == 2 {
		s.taken = append(s.taken, p)
	}
	s.mu.Unlock()
	w.WriteHeader(status)
}

func (s *shop) set(status func(p post, w http.ResponseWriter) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// told returns the types that were taken, in order, of one message or of all.
func (s *shop) told(id string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var types []string
	for _, p := range s.taken {
		if id == "" || p.message() == id {
			types = append(types, strings.TrimPrefix(p.Type, "message."))
		}
	}
	return types
}

// Accept implements net.Listener.
func (s *shop) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (s *shop) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Addr implements net.Listener.
func (s *shop) Addr() net.Addr { return &net.TCPAddr{} }

// kit is a deliverer over the store in memory, in the time of a synctest bubble.
type kit struct {
	t     *testing.T
	store *memory.Store
	shops map[string]*shop
	log   bytes.Buffer
	duty  atomic.Bool
	last  byte
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{t: t, store: memory.New(memory.Options{}), shops: map[string]*shop{}}
	k.duty.Store(true)
	return k
}

// shop opens an application at a host.
func (k *kit) shop(host string) *shop {
	s := &shop{t: k.t, conns: make(chan net.Conn), closed: make(chan struct{})}
	s.server = &http.Server{Handler: s} //nolint:gosec // it serves the test
	go func() { _ = s.server.Serve(s) }()
	k.t.Cleanup(func() { _ = s.server.Close() })
	k.shops[host] = s
	return s
}

func (k *kit) dial(_ context.Context, _, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	s := k.shops[host]
	if s == nil || s.down.Load() {
		return nil, errors.New("connection refused")
	}
	client, server := net.Pipe()
	s.conns <- server
	return client, nil
}

// start starts a deliverer over a store.
func (k *kit) start(over webhook.Store, settings webhook.Settings) *webhook.Deliverer {
	k.t.Helper()
	d, err := webhook.New(webhook.Options{
		Settings: settings, Store: over, DutyFunc: k.duty.Load, DialFunc: k.dial, Version: "1",
		Logger: slog.New(slog.NewTextHandler(&k.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		k.t.Fatal(err)
	}
	if err := d.Start(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { k.stop(d) })
	return d
}

// stop stops a deliverer within a second.
func (k *kit) stop(d *webhook.Deliverer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.t.Context()), time.Second)
	defer cancel()
	if err := d.Stop(ctx); err != nil {
		k.t.Error(err)
	}
}

func one(id string) webhook.Endpoint {
	return webhook.Endpoint{ID: id, URL: "http://" + id + "/in?token=hush", Secrets: []string{another, secret}}
}

// message stores a message and has a gateway take it.
func (k *kit) message(change func(m *courier.Message)) string {
	k.t.Helper()
	k.last++
	m := &courier.Message{
		ID: courier.ID{0: 1, 14: k.last / 250, 15: k.last%250 + 1}, Status: courier.StatusQueued, Channel: "sms", Gateway: "main",
		To: "+12065550199", Body: "Your code is 123456", TemplateType: "login_code_valid", Metadata: []byte(`{"order":7}`),
	}
	if change != nil {
		change(m)
	}
	if _, err := k.store.Enqueue(k.t.Context(), []*courier.Message{m}); err != nil {
		k.t.Fatal(err)
	}
	now := time.Now()
	claimed, err := k.store.Claim(k.t.Context(), store.Claim{Gateway: "main", Node: "n", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 1})
	if err != nil || len(claimed) != 1 {
		k.t.Fatalf("claimed %v: %v", claimed, err)
	}
	_, err = k.store.Settle(k.t.Context(), []store.Settlement{{
		ID: m.ID, Token: claimed[0].Lease.Token, Status: courier.StatusSent, At: now,
		Attempt: &courier.Attempt{Gateway: "main", Outcome: courier.OutcomeAccepted, GatewayMessageID: "SM" + m.ID.String(), StartedAt: now},
	}})
	if err != nil {
		k.t.Fatal(err)
	}
	return m.ID.String()
}

// receipt reports of a message.
func (k *kit) receipt(id string, status courier.Status, class courier.Class, code string) {
	k.t.Helper()
	if _, err := k.store.Receive(k.t.Context(), []courier.Receipt{{Gateway: "main", GatewayMessageID: "SM" + id, Status: status, Class: class, Code: code}}); err != nil {
		k.t.Fatal(err)
	}
}

// left returns how many events of a listener are in the store.
func (k *kit) left(listener string) int {
	k.t.Helper()
	events, err := k.store.Events(k.t.Context(), listener, 0, 1<<20)
	if err != nil {
		k.t.Fatal(err)
	}
	return len(events)
}

// after lets time pass, until nothing happens any more.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
