package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// link is how one node calls a store that others share. Cut, its calls fail at
// once; held, they do not return until it is whole again or the caller gives up.
type link struct {
	*memory
	mu       sync.Mutex
	cut      error
	released chan struct{}
	// expireTakes is how long a sweep lasts, expired counts them.
	expireTakes time.Duration
	expired     int
	// beatTakes is how long a beat is on its way.
	beatTakes time.Duration
	// answers holds the answers of claims back until it is closed, nil does not.
	answers chan struct{}
}

// fail makes every call fail, or none with nil.
func (l *link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = err
}

// hold makes every call hang until release.
func (l *link) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = make(chan struct{})
}

// slowDown makes each sweep last, and returns how many there were.
func (l *link) slowDown(takes time.Duration) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expireTakes = takes
	return l.expired
}

// delay makes beats slow.
func (l *link) delay(beats time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beatTakes = beats
}

// holdAnswers holds the answers of claims back until what it returns is called.
func (l *link) holdAnswers() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	answers := make(chan struct{})
	l.answers = answers
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.answers = nil
		close(answers)
	}
}

func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.released)
	l.released = nil
}

func (l *link) pass(ctx context.Context) error {
	l.mu.Lock()
	cut, released := l.cut, l.released
	l.mu.Unlock()
	if released != nil {
		select {
		case <-released:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return cut
}

// through makes a call if the link lets it.
func through[T any](ctx context.Context, l *link, call func() (T, error)) (T, error) {
	if err := l.pass(ctx); err != nil {
		var none T
		return none, err
	}
	return call()
}

func (l *link) Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	return through(ctx, l, func() ([]store.Enqueued, error) { return l.memory.Enqueue(ctx, messages) })
}

func (l *link) Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error) {
	l.mu.Lock()
	answers := l.answers
	l.mu.Unlock()
	claimed, err := through(ctx, l, func() ([]*courier.Message, error) { return l.memory.Claim(ctx, claim) })
	if answers != nil {
		<-answers
	}
	return claimed, err
}

func (l *link) Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error) {
	return through(ctx, l, func() ([]bool, error) { return l.memory.Settle(ctx, settlements) })
}

func (l *link) NextDue(ctx context.Context, gateway string, lane courier.Lane) (time.Time, error) {
	return through(ctx, l, func() (time.Time, error) { return l.memory.NextDue(ctx, gateway, lane) })
}

func (l *link) Reclaim(ctx context.Context, reclaim store.Reclaim) (int, error) {
	return through(ctx, l, func() (int, error) { return l.memory.Reclaim(ctx, reclaim) })
}

func (l *link) Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error) {
	return through(ctx, l, func() (int, error) { return l.memory.Reroute(ctx, known, to, now) })
}

func (l *link) Expire(ctx context.Context, now time.Time, limit int) (int, error) {
	l.mu.Lock()
	l.expired++
	takes := l.expireTakes
	l.mu.Unlock()
	count, err := l.memory.Expire(ctx, now, limit)
	<-time.After(takes)
	return count, err
}

func (l *link) Beat(ctx context.Context, beat store.Beat) (store.Standing, error) {
	l.mu.Lock()
	takes := l.beatTakes
	l.mu.Unlock()
	<-time.After(takes)
	return through(ctx, l, func() (store.Standing, error) { return l.memory.Beat(ctx, beat) })
}

func (l *link) Leave(ctx context.Context, node string) error {
	_, err := through(ctx, l, func() (struct{}, error) { return struct{}{}, l.memory.Leave(ctx, node) })
	return err
}

// peer is one of several nodes.
type peer struct {
	*dispatch.Engine
	link    *link
	gateway *fakeGateway
	log     *logBuffer
}

// peerOptions are those of a node of a shared store.
func peerOptions(s dispatch.Store, name string, gateway *fakeGateway, edits ...func(*dispatch.Options)) dispatch.Options {
	options := newOptions(s, gateway)
	options.Node = name
	for _, edit := range edits {
		edit(&options)
	}
	return options
}

// startPeer starts a node of a shared store, which is stopped at the end of the test.
func startPeer(t *testing.T, s *memory, name string, gateway *fakeGateway, edits ...func(*dispatch.Options)) *peer {
	t.Helper()
	p := &peer{link: &link{memory: s}, gateway: gateway, log: &logBuffer{}}
	options := peerOptions(p.link, name, gateway)
	p.log.install(&options)
	for _, edit := range edits {
		edit(&options)
	}
	p.Engine = start(t, options)
	return p
}

func (l *link) Receive(ctx context.Context, receipts []courier.Receipt) ([]store.Received, error) {
	return through(ctx, l, func() ([]store.Received, error) { return l.memory.Receive(ctx, receipts) })
}

func (l *link) Waiting(ctx context.Context, query store.WaitingQuery) ([]*courier.Message, error) {
	return through(ctx, l, func() ([]*courier.Message, error) { return l.memory.Waiting(ctx, query) })
}

func (l *link) Move(ctx context.Context, moves []store.Move, now time.Time) (int, error) {
	return through(ctx, l, func() (int, error) { return l.memory.Move(ctx, moves, now) })
}
