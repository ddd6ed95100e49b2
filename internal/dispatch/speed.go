package dispatch

import (
	"time"
)

// takes reports whether a message of a lane that has some time left would be attempted
// within it, with others ahead of it.
func (g *gate) takes(l lane, left time.Duration, ahead, nodes int, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker.advance(now)
	return !g.retired && !g.paused && g.breaker.state == breakerClosed && g.delay(l, ahead, nodes, now) < left
}

// delay is about how long a message of a lane waits for the rate and the pace, with
// others ahead of it. The lock is held.
func (g *gate) delay(l lane, ahead, nodes int, now time.Time) time.Duration {
	wait, rate := g.pace.paused(now), g.rate(nodes)
	if rate == 0 {
		return wait
	}
	wait += max(g.share.wait(l, now), g.pace.wait(l, now))
	return wait + time.Duration(min(float64(ahead)/rate, maxDelay.Seconds())*float64(time.Second))
}

// rate is how many attempts a second this node may make, 0 for any number. The lock is held.
func (g *gate) rate(nodes int) float64 {
	rate := g.maxRate / float64(max(nodes, 1))
	if rate == 0 || g.pace.rate > 0 && g.pace.rate < rate {
		return g.pace.rate
	}
	return rate
}

// maxDelay bounds an estimate.
const maxDelay = 1000 * time.Hour

// spend takes attempts of a lane out of the rate of this node and the pace of the gateway.
// The lock is held.
func (g *gate) spend(l lane, want int, now time.Time) int {
	count := g.share.take(l, want, now)
	allowed := g.pace.take(l, count, now)
	g.share.put(l, float64(count-allowed))
	return allowed
}

// unspent gives back attempts that were not made. The lock is held.
func (g *gate) unspent(l lane, count int) {
	g.share.put(l, float64(count))
	g.pace.put(l, float64(count))
}

// spendTurns takes attempts that a lane has in advance of more urgent ones, whatever the
// rate: those were spared for it. The lock is held.
func (g *gate) spendTurns(l lane, want int) int {
	count := max(min(want, int(g.lanes[l].turns)), 0)
	g.lanes[l].turns -= float64(count)
	g.share.force(count)
	g.pace.force(count)
	return count
}

// setShare gives each node that is alive the same part of the rate. A node that
// comes to others begins once they know of it.
func (g *gate) setShare(nodes int, now time.Time) {
	begins := g.maxRate > 0 && g.share.rate == 0
	g.share.setRate(g.maxRate/float64(max(nodes, 1)), g.maxRate, now)
	switch {
	case begins && nodes > 1:
		g.share.begin(false, now.Add(shareDelay))
	case begins:
		g.share.begin(true, now)
	}
}

// shareDelay is how long the other nodes take to notice one that comes.
const shareDelay = time.Second

// inASecond is how many of some messages the rate lets through in a second.
func (g *gate) inASecond(count, nodes int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if rate := g.rate(nodes); rate > 0 {
		return min(count, int(rate)+1)
	}
	return count
}
