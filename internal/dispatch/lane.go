package dispatch

import (
	"math"
	"time"

	"courier"
)

// lane is the place of a courier.Lane among them, the most urgent first.
type lane int

const (
	laneCode lane = iota
	laneNormal
	laneBulk
	laneCount
)

// laneOf returns the place of a lane; a message that names none is a normal one.
func laneOf(name courier.Lane) lane {
	switch name {
	case courier.LaneOTP:
		return laneCode
	case courier.LaneBulk:
		return laneBulk
	case courier.LaneNormal:
	}
	return laneNormal
}

// name is the lane as others know it.
func (l lane) name() courier.Lane { return courier.Lanes()[l] }

// The rules by which lanes share a gateway.
const (
	// quickAttempt is how long the attempts of a lane may take for it to be lent the slots
	// of more urgent ones: of a few dozen slots, one comes free within milliseconds then.
	// What a slow lane holds cannot be taken back, so it has to keep to its part.
	quickAttempt = 200 * time.Millisecond
	// turnEvery is how many attempts others get before a less urgent lane gets one that
	// waits, however many of theirs wait. Two such lanes get half of it each.
	turnEvery = 8
	// turnsKept bounds how many of those a lane can save up.
	turnsKept = 8
	// keptForCodes is how many leases the others leave at the most.
	keptForCodes = 16
	// waitsFor is how long a lane counts as waiting that found no room and did not ask again.
	waitsFor = time.Second
)

// share is how much of a gateway this lane and the less urgent ones may hold together,
// in a hundred: a code finds a fifth that no other lane can hold.
func (l lane) share() int {
	switch l {
	case laneBulk:
		return 50
	case laneNormal:
		return 80
	case laneCode, laneCount:
	}
	return 100
}

// laneSlots is what one lane has of the slots of a gate, and how it stands to the others.
type laneSlots struct {
	// planned are leases that are being made, ready are leased and wait for a slot,
	// inFlight are attempts, unsettled are outcomes that are not written yet.
	planned, inFlight, unsettled int
	ready                        fifo
	// usual is how long attempts take, as a moving average.
	usual time.Duration

	// queue is woken when there is room, nil when it did not ask for that.
	queue *queue
	// waitsUntil is until when the lane counts as waiting.
	waitsUntil time.Time
	// turns are attempts that it has in advance of more urgent lanes.
	turns float64
}

func (s *laneSlots) started() int { return s.planned + s.ready.len() + s.inFlight }

// isWaiting reports whether a lane found no room lately and has messages that are due.
func (s *laneSlots) isWaiting(now time.Time) bool { return now.Before(s.waitsUntil) }

// inFlight returns how many attempts of all lanes are under way. The lock is held.
func (g *gate) inFlight() int {
	count := 0
	for l := range g.lanes {
		count += g.lanes[l].inFlight
	}
	return count
}

// bounds calls a function for each group of lanes that a lane belongs to: its first lane
// and how many slots the group may hold. The lock is held.
func (g *gate) bounds(l lane, bound func(from lane, most int)) {
	bound(laneCode, g.limit)
	if l == laneCode || g.lanes[l].usual <= quickAttempt {
		return
	}
	for from := laneNormal; from <= l; from++ {
		bound(from, max(g.limit*from.share()/100, 1))
	}
}

// free returns how many more messages of a lane may be leased, and how many of them
// would begin at once. The lock is held.
func (g *gate) free(l lane) (leases, slots int) {
	leases, slots = math.MaxInt, math.MaxInt
	g.bounds(l, func(from lane, most int) {
		leased, held, ahead := 0, most, g.ahead(l, most)
		for other := from; other < laneCount; other++ {
			s := &g.lanes[other]
			leased += s.started() + s.unsettled
			held -= s.planned + s.inFlight
			if other <= l { // the others that are ready come after it
				held -= s.ready.len()
			}
		}
		twice := 2 * most
		if l > laneCode && from == laneCode {
			twice -= min(most/5, keptForCodes)
		}
		leases, slots = min(leases, held+ahead, twice-leased), min(slots, held)
	})
	return leases, slots
}

// ahead is how many messages of a lane may wait here for a slot of so many: as many as
// are attempted in aheadTime. The lock is held.
func (g *gate) ahead(l lane, slots int) int {
	if g.careful || g.share.rate > 0 || g.pace.rate > 0 {
		return 0
	}
	return int(int64(slots) * int64(aheadTime) / int64(max(g.lanes[l].usual, aheadTime)))
}

// mayStart reports whether an attempt of a lane has a slot. The lock is held.
func (g *gate) mayStart(l lane) bool {
	may := true
	g.bounds(l, func(from lane, most int) {
		for other := from; other < laneCount; other++ {
			most -= g.lanes[other].inFlight
		}
		may = may && most > 0
	})
	return may
}

// yields reports whether a lane has to leave what room there is to a more urgent one,
// and until when. The lock is held.
func (g *gate) yields(l lane, now time.Time) (until time.Time) {
	for other := range l {
		if g.lanes[other].isWaiting(now) {
			until = later(until, g.lanes[other].waitsUntil)
		}
	}
	return until
}

// owed is how many slots are to be left to lanes whose turn it is rather than that of
// this one. The lock is held.
func (g *gate) owed(l lane, now time.Time) int {
	count := 0
	for other := range laneCount {
		s, own := &g.lanes[other], g.lanes[l].turns
		if other != l && s.isWaiting(now) && s.turns >= 1 && (s.turns > own || s.turns == own && other < l) {
			count++
		}
	}
	return count
}

// hasTurn reports whether one message of a lane may be leased though more urgent ones are
// ready for every slot: it gets the next that comes free in its turn. The lock is held.
func (g *gate) hasTurn(l lane) bool {
	s := &g.lanes[l]
	if s.turns < 1 || s.planned+s.ready.len() > 0 || g.careful {
		return false
	}
	has := true
	g.bounds(l, func(from lane, most int) {
		for other := max(from, laneNormal); other < laneCount; other++ {
			most -= g.lanes[other].started()
		}
		has = has && most > 0
	})
	return has
}

// giveTurns lets the less urgent lanes that wait come nearer to an attempt, after some of
// a lane. The lock is held.
func (g *gate) giveTurns(l lane, count int, now time.Time) {
	waiting := 0
	for other := l + 1; other < laneCount; other++ {
		if g.lanes[other].isWaiting(now) {
			waiting++
		}
	}
	for other := l + 1; other < laneCount; other++ {
		s := &g.lanes[other]
		if !s.isWaiting(now) {
			s.turns = 0
			continue
		}
		before := s.turns
		s.turns = min(before+float64(count)/float64(turnEvery*waiting), turnsKept)
		if before < 1 && s.turns >= 1 && s.queue != nil {
			s.queue.poke()
		}
	}
}

// waits notes that a lane found no room, and for how long at least there is none. Its
// queue is woken when there is some. The lock is held.
func (g *gate) waits(q *queue, atLeast time.Duration, now time.Time) {
	s := &g.lanes[q.key.lane]
	s.queue, s.waitsUntil = q, now.Add(atLeast+waitsFor)
}

// calm notes that nothing more of a lane is due.
func (g *gate) calm(l lane, now time.Time) {
	g.mu.Lock()
	s := &g.lanes[l]
	waited := s.isWaiting(now)
	s.waitsUntil, s.turns = time.Time{}, 0
	g.mu.Unlock()
	if waited {
		g.wake()
	}
}
