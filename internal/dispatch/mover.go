package dispatch

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"courier"
	"courier/internal/store"
)

// The rules of moving what waits.
const (
	// movePage is how many messages are looked at in one call of the store.
	movePage = 256
	// moveAhead is how many messages a mover gives to a gateway at one time, once what
	// waits for that one is on its way: they were due earlier, so that new ones of its own
	// wait behind them. The rest can go back when their own gateway is well.
	moveAhead = 256
	// moveLook is how often a mover looks for what became due, and how long it waits
	// for a gateway that is busy before it lets a few more wait there.
	moveLook = time.Second
	// expiryLook is how often a mover looks whether a rate lets messages expire.
	expiryLook = 5 * time.Second
	// sortFor is how long after a reload a message may still come in by the routes of before.
	sortFor = 30 * time.Second
	// movePages bounds how many pages it looks at in one go.
	movePages = 80
)

// opMove names what movers do to who looks after the health of the store.
const opMove = "move messages to another gateway"

// mover takes the messages that wait for a gateway to others of their routes, while it
// takes none, or takes them so slowly that they would expire, and once those that are
// there by other routes than those of today.
type mover struct {
	engine *Engine
	queue  *queue
	wake   chan struct{}
	// toSort grows each time that there may be such, sorted is how far it was when they
	// were gone.
	toSort, sorted atomic.Int64

	// Of the loop alone:
	// query is where to go on, after a pass that did not come to the end.
	query    store.WaitingQuery
	moved    map[string]int
	loggedAt time.Time
}

func newMover(e *Engine, q *queue) *mover {
	return &mover{engine: e, queue: q, wake: make(chan struct{}, 1), moved: make(map[string]int)}
}

// poke makes the loop look again.
func (m *mover) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mover) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		wait := forever
		if m.toSort.Load() != m.sorted.Load() && !m.sort(ctx) {
			wait = moveLook
		}
		switch need := m.queue.gate.need(); {
		case need == needAll:
			m.pass(ctx, false)
			wait = moveLook
		case need == needExpiring && m.queue.isLong():
			m.query = store.WaitingQuery{}
			m.pass(ctx, true)
			wait = min(wait, expiryLook)
		case need == needExpiring:
			wait = min(wait, expiryLook)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer.C:
		}
	}
}

// pass goes through what is due, page by page, until the others have no more room, and
// moves it, or of a gateway that takes messages only those that would expire.
func (m *mover) pass(ctx context.Context, expiring bool) {
	e, nodes := m.engine, max(m.engine.cluster.Nodes(), 1)
	p := passing{mover: m, routing: e.routing.Load(), room: make(map[*queue]int)}
	if !p.routing.takesInsteadOf(m.queue) {
		return
	}
	for page := 0; ctx.Err() == nil && page < movePages && !p.blocked; page++ {
		waiting, err := m.page(ctx)
		if err != nil {
			return
		}
		for i, message := range waiting {
			ahead := (page*movePage + i) / nodes
			if !expiring || !m.queue.gate.takes(m.queue.key.lane, e.left(message), ahead, nodes, e.tick()) {
				p.add(message)
			}
		}
		if !p.move(ctx) || len(waiting) < movePage || p.blocked {
			m.query = store.WaitingQuery{}
			break
		}
		last := waiting[len(waiting)-1]
		m.query.DueFrom, m.query.After = last.NextAttemptAt, last.ID
	}
	m.log(ctx)
}

// sort moves everything that waits for a gateway which is not in its route, and reports
// whether that is done. It is done once for each configuration, so that nodes whose
// configurations differ for a while do not send messages to and fro.
func (m *mover) sort(ctx context.Context) bool {
	upTo := m.toSort.Load()
	p := passing{mover: m, routing: m.engine.routing.Load()}
	if l := p.routing.lines[m.queue.key.gateway]; l == nil || l.gate != m.queue.gate {
		return true // it is gone, and its loop ends
	}
	query := store.WaitingQuery{Gateway: m.queue.key.gateway, Lane: m.queue.key.lane.name(), Limit: movePage}
	for {
		waiting, err := m.read(ctx, query)
		for _, message := range waiting {
			if route := p.routing.routeOf(message); route.index(m.queue) < 0 {
				p.plan(message, cmp.Or(route.onward(message, m.queue), route.hops[0].of(message)))
			}
		}
		if err != nil || !p.move(ctx) {
			return false
		}
		if len(waiting) < movePage {
			m.sorted.Store(upTo)
			m.log(ctx)
			return true
		}
		last := waiting[len(waiting)-1]
		query.DueFrom, query.After = last.NextAttemptAt, last.ID
	}
}

// read reads a page of what waits.
func (m *mover) read(ctx context.Context, query store.WaitingQuery) ([]*courier.Message, error) {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	waiting, err := m.engine.store.Waiting(callCtx, query)
	if ctx.Err() == nil {
		m.engine.health.Set(ctx, opMove, err)
	}
	return waiting, err
}

// page reads the next page of what is due now or soon.
func (m *mover) page(ctx context.Context) ([]*courier.Message, error) {
	m.query.Gateway, m.query.Lane, m.query.Limit = m.queue.key.gateway, m.queue.key.lane.name(), movePage
	waiting, err := m.read(ctx, m.query)
	horizon := m.engine.now().Add(moveLook)
	if later := slices.IndexFunc(waiting, func(w *courier.Message) bool { return w.NextAttemptAt.After(horizon) }); later >= 0 {
		waiting = waiting[:later]
	}
	return waiting, err
}

// passing is one pass of a mover.
type passing struct {
	*mover
	routing *routing
	// room is how many more messages each of the others gets in this pass.
	room  map[*queue]int
	moves []store.Move
	// blocked is true when a message stays only as another gateway has no room.
	blocked bool
}

// add chooses where a message goes, if there is room.
func (p *passing) add(m *courier.Message) {
	to := p.routing.routeOf(m).onward(m, p.queue)
	if to == nil {
		return
	}
	room, asked := p.room[to]
	if !asked {
		room = to.room(p.mover)
	}
	if p.room[to] = room - 1; room <= 0 {
		p.blocked = true
		return
	}
	p.plan(m, to)
}

// plan has a message moved to a queue.
func (p *passing) plan(m *courier.Message, to *queue) {
	p.moves = append(p.moves, store.Move{ID: m.ID, From: p.queue.key.gateway, To: to.key.gateway})
}

// move writes what was chosen and tells the others of it.
func (p *passing) move(ctx context.Context) bool {
	if len(p.moves) == 0 {
		return true
	}
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	_, err := p.engine.store.Move(callCtx, p.moves, p.engine.now())
	p.engine.health.Set(ctx, opMove, err)
	for _, move := range p.moves {
		p.routing.lines[move.To].queues[p.queue.key.lane].note(0, true)
		p.moved[move.To]++
	}
	p.moves = p.moves[:0]
	return err == nil
}

// log tells how many went where, once a second at most.
func (m *mover) log(ctx context.Context) {
	now := m.engine.tick()
	if len(m.moved) == 0 || now.Sub(m.loggedAt) < moveLook {
		return
	}
	for to, count := range m.moved {
		why := m.queue.gate.closedBy()
		if why == "" {
			why = "another route, or a rate that would let them expire"
		}
		m.engine.logger.LogAttrs(ctx, slog.LevelWarn, "moved waiting messages to another gateway of their route",
			slog.String("gateway", m.queue.key.gateway), slog.String("next_gateway", to), slog.Int("count", count), slog.String("error", why))
	}
	clear(m.moved)
	m.loggedAt = now
}

// left is how long a message has until it expires.
func (e *Engine) left(m *courier.Message) time.Duration {
	if m.ExpiresAt.IsZero() {
		return forever
	}
	return m.ExpiresAt.Sub(e.now())
}

// room is how many more messages of another gateway may wait here. The mover that asks
// is woken when there is more room.
func (q *queue) room(m *mover) int {
	now := q.engine.tick()
	ahead := q.gate.inASecond(moveAhead, q.engine.cluster.Nodes())
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fed == nil {
		q.fed = make(map[*mover]bool)
	}
	q.fed[m] = true
	switch {
	case !q.backlog:
	case now.Sub(q.fedAt) >= moveLook:
		ahead = max(ahead/4, 1) // it is always busy with its own
	default:
		return 0
	}
	q.fedAt = now
	return ahead
}

// isLong reports whether more may wait here than goes out at once.
func (q *queue) isLong() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backlog || q.depth > 0
}

// need is what the queue of a gate needs a mover for.
type need int

const (
	needNone need = iota
	// needAll: the gateway takes no messages.
	needAll
	// needExpiring: it takes so many a second that others may expire.
	needExpiring
)

func (g *gate) need() need {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.breaker.spare || g.retired:
		return needNone
	case g.paused || g.breaker.state != breakerClosed:
		return needAll
	case g.maxRate > 0 || g.pace.rate > 0 || !g.pace.pausedUntil.IsZero():
		return needExpiring
	}
	return needNone
}
