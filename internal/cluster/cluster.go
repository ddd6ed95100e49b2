// Package cluster is this node among those that share the store: it tells the
// others that it is alive, stops in time when it cannot, does the housekeeping
// while that is its own, and passes on what the others tell.
//
// Nodes know of each other by beats. One whose last beat has lapsed is dead to
// the others, who take its messages over, so a node that cannot beat stops by
// itself before that.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier/internal/store"
)

// Store is the part of store.Store that a node needs.
type Store interface {
	Beat(ctx context.Context, beat store.Beat) (store.Standing, error)
	Leave(ctx context.Context, node string) error
	// Wakes is nil when no other node can use the store.
	Wakes() <-chan store.Wake
	Reclaim(ctx context.Context, reclaim store.Reclaim) (int, error)
	Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error)
	Expire(ctx context.Context, now time.Time, limit int) (int, error)
	Scrub(ctx context.Context, sweep store.Sweep) (int, error)
	Purge(ctx context.Context, sweep store.Sweep) (int, error)
	PurgeUsage(ctx context.Context, now time.Time, limit int) (int, error)
}

// Engine is what sends messages on this node. All methods may be called from any
// goroutine.
type Engine interface {
	// Gateways names those that the engine sends through. The first takes the
	// messages of gateways that no node has.
	Gateways() []string
	// InFlight counts the messages that are leased and not yet settled.
	InFlight() int
	// Behind reports whether outcomes wait to be written for so long that their
	// leases may have lapsed.
	Behind() bool
	// HoldUnknown reports whether a message whose attempt was cut short is left to
	// an operator, and for which gateways it is the other way. Otherwise it is queued
	// again.
	HoldUnknown() (hold bool, except []string)
	// Retention says how long after their last change messages are scrubbed and
	// deleted, once they are sent or final; 0 is never.
	Retention() (scrubAfter, deleteAfter time.Duration)
	// CountExpired counts messages that expired in the queue.
	CountExpired(count int)
	// Wake makes the engine look for due messages of every gateway, WakeQueue for
	// those of one. One that the engine does not have is ignored.
	Wake()
	WakeQueue(wake store.Wake)
	// SetPaused tells the engine which gateways are to take no messages.
	SetPaused(gateways []string)
	// State says how its gateways are, as a JSON list for operators.
	State() string
	// Rerouted tells the engine of queued messages that were given to a gateway.
	Rerouted(gateway string)
}

// The values that stand for zero fields of Options.
const (
	DefaultBeatInterval = time.Second
	DefaultLapse        = 6 * time.Second
)

// Options are what New needs. Store, Engine, Health and Node are mandatory.
type Options struct {
	Store  Store
	Engine Engine
	// Health learns how the store does.
	Health *store.Health
	// Node names this process among all that ever held a lease.
	Node string
	// Host and VersionFunc tell an operator which machine and program the node is.
	Host        string
	VersionFunc func() string
	// BeatInterval is how often the node tells the others that it is alive. 0 is
	// DefaultBeatInterval.
	BeatInterval time.Duration
	// Lapse is how long after a beat the others take it for dead. It is a few times
	// BeatInterval. 0 is DefaultLapse.
	Lapse time.Duration

	// NowFunc is the clock of the store, which all nodes share; time.Now when nil.
	NowFunc func() time.Time
	// TickFunc is the clock of this machine, with a monotonic reading; time.Now when nil.
	TickFunc func() time.Time
	// Logger discards when nil.
	Logger *slog.Logger
	// Registerer gets the metrics of the node; nil keeps them to itself.
	Registerer prometheus.Registerer
}

// withDefaults returns the options with every zero field filled in, or what is
// wrong with them.
func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Store == nil || o.Engine == nil || o.Health == nil:
		return o, errors.New("cluster options: Store, Engine and Health are mandatory")
	case o.Node == "":
		return o, errors.New("cluster options: Node is mandatory; name this process")
	}
	o.BeatInterval = cmp.Or(o.BeatInterval, DefaultBeatInterval)
	o.Lapse = cmp.Or(o.Lapse, DefaultLapse)
	if o.NowFunc == nil {
		o.NowFunc = time.Now
	}
	if o.TickFunc == nil {
		o.TickFunc = time.Now
	}
	if o.VersionFunc == nil {
		o.VersionFunc = func() string { return "" }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Lapse < 3*o.BeatInterval {
		return o, fmt.Errorf("cluster options: lapse %s is below three times the beat interval %s; raise it", o.Lapse, o.BeatInterval)
	}
	return o, nil
}

// Node is this process. Its methods are safe for concurrent use, but Join, Run and
// Leave are called one after the other.
type Node struct {
	options Options
	store   Store
	engine  Engine
	health  *store.Health
	logger  *slog.Logger
	metrics *metrics

	// rerouteAsked is true when queued messages are to be rerouted before rerouteAt,
	// which is when to look without being asked, as other nodes come and go.
	rerouteAsked atomic.Bool
	rerouteAt    time.Time

	// alone is true when no other node can use the database: nobody takes over what
	// this one has begun.
	alone     bool
	startedAt time.Time
	// attempts is the context of all attempts of the engine.
	attempts context.Context
	last     atomic.Pointer[presence]
	beatNow  chan struct{}
	// callOff ends the attempts when no beat gets through in time.
	callOff *time.Timer

	reclaiming, rerouting, expiring, forgetting *chore
	// aside is until when another node is to do the housekeeping.
	aside atomic.Pointer[time.Time]
}

// New returns a node that nobody knows of yet. Errors tell what is wrong with the
// options, or that the registerer already has the metrics.
func New(options Options) (*Node, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		options: options, store: options.Store, engine: options.Engine, health: options.Health, logger: options.Logger,
		alone: options.Store.Wakes() == nil, beatNow: make(chan struct{}, 1),
	}
	n.metrics = newMetrics(n)
	n.reclaiming = newChore("reclaim messages", n.reclaimRound)
	n.rerouting = newChore("reroute messages", n.rerouteRound)
	n.expiring = newChore("expire messages", n.expireRound)
	n.forgetting = newChore("scrub and delete old messages", newRetention(n).round)
	if options.Registerer != nil {
		if err := options.Registerer.Register(n.metrics); err != nil {
			return nil, fmt.Errorf("register metrics of the node: %w", err)
		}
	}
	return n, nil
}

// Join makes the node known, before it leases anything, and brings the queue that
// the processes before left behind in order, unless another node does. All
// attempts have the context attempts or one that Attempts derives from it. After
// an error the node is not known.
func (n *Node) Join(ctx, attempts context.Context) error {
	n.attempts, n.startedAt = attempts, n.now()
	err := n.beat(ctx)
	if err == nil && n.OnDuty() {
		_, err = n.reclaimRound(ctx)
		if err == nil {
			_, err = n.reroute(ctx)
		}
	}
	if err != nil {
		leaveCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
		defer cancel()
		n.Leave(leaveCtx)
	}
	return err
}

// Run beats, does the housekeeping and hears of the other nodes until ctx ends.
func (n *Node) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { n.keepBeating(ctx) })
	for _, c := range n.chores() {
		running.Go(func() { n.keepDoing(ctx, c) })
	}
	if wakes := n.store.Wakes(); wakes != nil {
		running.Go(func() { n.listen(ctx, wakes) })
	}
	running.Wait()
}

// leaveTimeout bounds the sign-off of a start that did not succeed.
const leaveTimeout = time.Second

// Leave signs off, so that another node takes the housekeeping over at once. A
// node that cannot is dead to the others after its lapse.
func (n *Node) Leave(ctx context.Context) {
	if n.callOff != nil {
		n.callOff.Stop()
	}
	if n.last.Load() == nil {
		return
	}
	if err := n.store.Leave(ctx, n.options.Node); err != nil {
		n.logger.WarnContext(ctx, "could not sign off; the other nodes take over once the last beat has lapsed",
			slog.String("error", err.Error()), slog.Duration("lapse", n.options.Lapse))
	}
}

// Changed tells the node that the gateways of the engine or its rules of retention
// are others now, or that it left messages to nobody.
func (n *Node) Changed() {
	if last := n.last.Load(); last == nil || !slices.Equal(last.gateways, n.engine.Gateways()) {
		wake(n.beatNow)
	}
	n.askReroute()
	wake(n.forgetting.wake)
}

// now returns the time of the store in UTC.
func (n *Node) now() time.Time { return n.options.NowFunc().UTC() }

// wake has who waits on a channel with room for one go on at once.
func wake(waiter chan struct{}) {
	select {
	case waiter <- struct{}{}:
	default:
	}
}
