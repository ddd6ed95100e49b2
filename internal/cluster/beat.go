package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"courier/internal/store"
)

// The shares of the lapse of a beat.
const (
	// fenceShare is when a node that does not get a beat through begins nothing
	// more. What is left until the lapse bounds how long a look at the fence may
	// be old, and by how much the clocks of two machines may run apart.
	fenceShare = 2.0 / 3
	// callOffShare is when it calls off what it has begun, so that no attempt is
	// under way when another node takes its messages over.
	callOffShare = 5.0 / 6
	// beatTimeoutShare bounds one beat, so that a second one fits before the fence.
	beatTimeoutShare = 1.0 / 3
)

// errFenced is what Ready reports of a node that cannot beat.
var errFenced = errors.New("this node could not tell the others in time that it is alive, so it begins no attempt until it can")

// presence is what the last beat that got through came to.
type presence struct {
	// term is the time between two gaps in the beats. What was leased in an earlier
	// one may be another's by now and is not attempted.
	term     uint64
	standing store.Standing
	// gateways are those of this node that the others know.
	gateways []string
	// beganAt is when the beat began, termAt when the term did, by TickFunc.
	beganAt, termAt time.Time
	// attempts ends the attempts of a node that is cut off.
	attempts context.Context
	cancel   context.CancelFunc
}

// keepBeating beats until ctx ends. A beat that fails is no news until the fence
// is reached, as the next one may make up for it.
func (n *Node) keepBeating(ctx context.Context) {
	ticker := time.NewTicker(n.options.BeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-n.beatNow:
		}
		err := n.beat(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil || n.Ready() != nil {
			n.health.Set(ctx, "beat", err)
		}
	}
}

// beat tells the others that this node is alive.
func (n *Node) beat(ctx context.Context) error {
	next := &presence{beganAt: n.options.TickFunc(), gateways: n.engine.Gateways()}
	aside := n.aside.Load()
	callCtx, cancel := context.WithTimeout(ctx, n.share(beatTimeoutShare))
	defer cancel()
	standing, err := n.store.Beat(callCtx, store.Beat{
		Node: n.options.Node, Host: n.options.Host, Version: n.options.VersionFunc(), StartedAt: n.startedAt,
		InFlight: n.engine.InFlight(), Gateways: next.gateways, Lapse: n.options.Lapse, State: n.engine.State(), Unable: aside != nil && next.beganAt.Before(*aside),
	})
	if err != nil {
		return fmt.Errorf("tell the other nodes that this one is alive: %w", err)
	}
	next.standing = standing
	n.engine.SetPaused(standing.Paused)
	n.enter(ctx, next)
	return nil
}

// enter makes a beat that got through the last one. It goes on with the term
// when the one before it was in time.
func (n *Node) enter(ctx context.Context, next *presence) {
	last := n.last.Load()
	inTime := last != nil && n.age(last) < n.share(fenceShare)
	if inTime {
		next.term, next.termAt = last.term, last.termAt
	} else {
		next.termAt = n.options.TickFunc()
		if last != nil {
			next.term = last.term + 1
		}
	}
	n.carry(last, next)
	n.last.Store(next)
	if last == nil {
		return
	}
	if !inTime {
		if gap := n.age(last); gap >= n.options.Lapse && !n.alone {
			n.logger.WarnContext(ctx, "this node was not heard of for longer than its lapse, so it was declared dead; "+
				"messages that it held may have been taken over, and it goes on with new ones",
				slog.Duration("gap", gap), slog.Duration("lapse", n.options.Lapse))
		}
		n.engine.Wake()
	}
	wake(n.rerouting.wake) // the others may know the gateways of this node from now on
	if !inTime || last.standing.Keeper != next.standing.Keeper {
		for _, c := range n.chores() {
			wake(c.wake)
		}
	}
}

// carry gives the attempts of a beat their context: that of the beat before it,
// or a new one when the node was cut off in between. Only time that surely went
// by calls attempts off, not a clock that was set.
func (n *Node) carry(last, next *presence) {
	if n.alone {
		next.attempts, next.cancel = n.attempts, func() {}
		return
	}
	if last != nil {
		n.callOff.Stop()
		next.attempts, next.cancel = last.attempts, last.cancel
	}
	if last == nil || last.attempts.Err() != nil || n.options.TickFunc().Sub(last.beganAt) >= n.share(fenceShare) {
		next.attempts, next.cancel = context.WithCancel(n.attempts)
		if last != nil {
			last.cancel()
		}
	}
	n.callOff = time.AfterFunc(n.share(callOffShare)-n.options.TickFunc().Sub(next.beganAt), next.cancel)
}

// age returns how long ago a beat began, by whichever clock of the machine says
// more: the monotonic one stands still while a machine sleeps, and the other may
// be set back.
func (n *Node) age(p *presence) time.Duration {
	now := n.options.TickFunc()
	return max(now.Sub(p.beganAt), now.Round(0).Sub(p.beganAt.Round(0)))
}

func (n *Node) share(of float64) time.Duration { return time.Duration(of * float64(n.options.Lapse)) }

// Term returns the present term, and false when the node may begin nothing.
func (n *Node) Term() (uint64, bool) {
	p := n.last.Load()
	if p == nil {
		return 0, false
	}
	return p.term, n.age(p) < n.share(fenceShare)
}

// Holds reports whether what was leased in a term is this node's for sure.
func (n *Node) Holds(term uint64) bool {
	now, held := n.Term()
	return held && now == term
}

// Ready returns nil while the node may begin attempts.
func (n *Node) Ready() error {
	if _, held := n.Term(); !held {
		return errFenced
	}
	return nil
}

// Attempts returns the context of attempts that begin now.
func (n *Node) Attempts() context.Context { return n.last.Load().attempts }

// Nodes returns how many nodes were alive when this one beat last, itself
// included; 1 before that.
func (n *Node) Nodes() int {
	if p := n.last.Load(); p != nil {
		return max(p.standing.Nodes, 1)
	}
	return 1
}

// OnDuty reports whether the housekeeping is this node's.
func (n *Node) OnDuty() bool { return n.Ready() == nil && n.last.Load().standing.Keeper }
