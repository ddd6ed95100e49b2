package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"courier/internal/store"
)

// The shares of the lapse of a beat.
const (
	// fenceShare is when a node that does not get a beat through begins nothing
	// more. What is left until the lapse bounds how long a look at the fence may
	// be old, and by how much the clocks of two machines may run apart.
	fenceShare = 2.0 / 3
	// cutShare is when it calls off what it has begun, so that no attempt is under
	// way when another node takes its messages over.
	cutShare = 5.0 / 6
	// beatTimeoutShare bounds one beat, so that a second one fits before the fence.
	beatTimeoutShare = 1.0 / 3
	// leaveTimeout bounds the sign-off of a start that did not succeed.
	leaveTimeout = time.Second
)

// errFenced is what Ready reports of a node that cannot beat.
var errFenced = errors.New("this node could not tell the others in time that it is alive, so it begins no attempt until it can")

// member is this node among those that share the database. Nodes know of each
// other by beats: one whose last beat has lapsed is dead to the others, who take
// its messages over. A node that cannot beat therefore stops by itself before
// that (the fence). The time between two such gaps is a term: what was leased in
// an earlier one may be another's by now and is not attempted.
type member struct {
	engine          *Engine
	host, version   string
	interval, lapse time.Duration
	tickFunc        func() time.Time
	wake            chan struct{}
	presence        atomic.Pointer[presence]

	// Of the start and the loop alone:
	startedAt time.Time
	// alone is true when no other node can use the database: nobody takes over
	// what this one has begun.
	alone bool
	cut   *time.Timer
}

// presence is what the last beat that got through came to.
type presence struct {
	term     uint64
	standing store.Standing
	// told is the route whose gateways the others know.
	told *route
	// beganAt is when the beat began, termAt when the term did, by tickFunc.
	beganAt, termAt time.Time
	// ctx ends the attempts of a node that is cut off.
	ctx    context.Context
	cancel context.CancelFunc
}

func newMember(e *Engine, options *Options) *member {
	return &member{
		engine: e, host: options.Host, version: options.Version,
		interval: options.BeatInterval, lapse: options.Lapse, tickFunc: options.TickFunc,
		wake: make(chan struct{}, 1),
	}
}

// poke has the next beat made at once.
func (n *member) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// join makes the first beat.
func (n *member) join(ctx context.Context) error {
	n.startedAt = n.engine.now()
	n.alone = n.engine.store.Wakes() == nil
	return n.beat(ctx)
}

// run beats until ctx ends. A beat that fails is no news until the fence is
// reached, as the next one may make up for it.
func (n *member) run(ctx context.Context) {
	ticker := time.NewTicker(n.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-n.wake:
		}
		err := n.beat(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil || n.err() != nil {
			n.engine.faults.set(ctx, opBeat, err)
		}
	}
}

// beat tells the others that this node is alive.
func (n *member) beat(ctx context.Context) error {
	next := &presence{beganAt: n.tickFunc(), told: n.engine.route.Load()}
	callCtx, cancel := context.WithTimeout(ctx, n.share(beatTimeoutShare))
	defer cancel()
	standing, err := n.engine.store.Beat(callCtx, n.sign(next.told))
	if err != nil {
		return fmt.Errorf("tell the other nodes that this one is alive: %w", err)
	}
	next.standing = standing
	n.enter(ctx, next)
	return nil
}

// sign returns the sign of life of a node with a route.
func (n *member) sign(r *route) store.Beat {
	inFlight := 0
	for _, l := range n.engine.lanes() {
		inFlight += l.slots.snapshot(n.engine.now()).inUse
	}
	return store.Beat{
		Node: n.engine.node, Host: n.host, Version: n.version, StartedAt: n.startedAt,
		InFlight: inFlight, Gateways: r.announced(), Lapse: n.lapse,
	}
}

// enter makes a beat that got through the present one. It goes on with the term
// when the one before it was in time.
func (n *member) enter(ctx context.Context, next *presence) {
	last := n.presence.Load()
	fresh := last != nil && n.age(last) < n.share(fenceShare)
	if fresh {
		next.term, next.termAt = last.term, last.termAt
	} else {
		next.termAt = n.tickFunc()
		if last != nil {
			next.term = last.term + 1
		}
	}
	n.carry(last, next)
	n.presence.Store(next)
	if last == nil {
		return
	}
	if !fresh {
		n.logGap(ctx, last)
		n.engine.Wake()
	}
	if !fresh || last.told != next.told || last.standing.Keeper != next.standing.Keeper {
		n.engine.keeper.poke()
	}
}

// carry gives the attempts of a beat their context: that of the beat before it,
// or a new one when the node was cut off in between. Only time that surely went
// by cuts attempts off, not a clock that was set.
func (n *member) carry(last, next *presence) {
	attemptCtx := n.engine.lifetime.attemptCtx
	if n.alone {
		next.ctx, next.cancel = attemptCtx, func() {}
		return
	}
	if last != nil {
		n.cut.Stop()
		next.ctx, next.cancel = last.ctx, last.cancel
	}
	if last == nil || last.ctx.Err() != nil || n.tickFunc().Sub(last.beganAt) >= n.share(fenceShare) {
		next.ctx, next.cancel = context.WithCancel(attemptCtx)
		if last != nil {
			last.cancel()
		}
	}
	n.cut = time.AfterFunc(n.share(cutShare)-n.tickFunc().Sub(next.beganAt), next.cancel)
}

// logGap tells of a node that was dead to the others for a while.
func (n *member) logGap(ctx context.Context, last *presence) {
	if gap := n.age(last); gap >= n.lapse && !n.alone {
		n.engine.logger.WarnContext(ctx, "this node was not heard of for longer than its lapse, so it was declared dead; "+
			"messages that it held may have been taken over, and it goes on with new ones",
			slog.Duration("gap", gap), slog.Duration("lapse", n.lapse))
	}
}

// age returns how long ago a beat began, by whichever clock of the machine says
// more: the monotonic one stands still while a machine sleeps, and the other may
// be set back.
func (n *member) age(p *presence) time.Duration {
	now := n.tickFunc()
	return max(now.Sub(p.beganAt), now.Round(0).Sub(p.beganAt.Round(0)))
}

func (n *member) share(of float64) time.Duration { return time.Duration(of * float64(n.lapse)) }

// term returns the present term, and false when the node may begin nothing.
func (n *member) term() (uint64, bool) {
	p := n.presence.Load()
	if p == nil {
		return 0, false
	}
	return p.term, n.age(p) < n.share(fenceShare)
}

// holds reports whether what was leased in a term is this node's for sure.
func (n *member) holds(term uint64) bool {
	now, held := n.term()
	return held && now == term
}

// err returns nil while the node may begin attempts.
func (n *member) err() error {
	if _, held := n.term(); !held {
		return errFenced
	}
	return nil
}

// onDuty reports whether the housekeeping is this node's.
func (n *member) onDuty() bool {
	return n.err() == nil && n.presence.Load().standing.Keeper
}

// mayReclaim reports whether the node can judge who is dead. One that was cut
// off waits for a lapse: what cut it off may have cut off the others too, and
// those that are alive beat again by then.
func (n *member) mayReclaim() bool {
	return n.alone || n.tickFunc().Sub(n.presence.Load().termAt) >= n.lapse
}

// attemptCtx returns the context of attempts that begin now.
func (n *member) attemptCtx() context.Context { return n.presence.Load().ctx }

// leave signs off, so that another node takes the housekeeping over at once. A
// node that cannot is dead to the others after its lapse.
func (n *member) leave(ctx context.Context) {
	if n.cut != nil {
		n.cut.Stop()
	}
	if n.presence.Load() == nil {
		return
	}
	if err := n.engine.store.Leave(ctx, n.engine.node); err != nil {
		n.engine.logger.WarnContext(ctx, "could not sign off; the other nodes take over once the last beat has lapsed",
			slog.String("error", err.Error()), slog.Duration("lapse", n.lapse))
	}
}

// leaveAfterFault is leave for a start that did not succeed.
func (n *member) leaveAfterFault(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	n.leave(ctx)
}
