package dispatch

import (
	"context"
	"sync"
	"time"

	"courier"
	"courier/internal/store"
)

// The pauses of a queue.
const (
	claimPauseInitial = 100 * time.Millisecond
	claimPauseMax     = 5 * time.Second
	// emptyClaimPause keeps a store that reports a due message which it does not
	// hand out from being asked without end.
	emptyClaimPause = 100 * time.Millisecond
)

// queueKey names a queue.
type queueKey struct {
	gateway string
	lane    lane
}

// line is what waits for one gateway, in one queue for each lane.
type line struct {
	*gate
	queues [laneCount]*queue
}

func (e *Engine) newLine(name string) *line {
	l := &line{gate: newGate(name, e.tick(), e.now())}
	l.sender = newSender(e, l.gate)
	for of := range l.queues {
		l.queues[of] = newQueue(e, queueKey{name, lane(of)}, l.gate)
		l.queues[of].ahead = l.queues[:of+1]
	}
	return l
}

// start runs the loops until the queues are retired.
func (l *line) start(ctx context.Context, loops *sync.WaitGroup) {
	for _, q := range l.queues {
		q.start(ctx, loops)
	}
}

// of returns where a message waits.
func (l *line) of(m *courier.Message) *queue { return l.queues[laneOf(m.Lane)] }

// queue is what waits for one gateway in one lane. It knows when there may be
// something to claim, asks its gate for room, and claims as much.
//
// It waits in monotonic time. Due times are on the store's clock, so no wait is
// longer than the poll interval: that clock may be set.
type queue struct {
	engine *Engine
	key    queueKey
	gate   *gate
	// ahead are the queues of the gateway whose messages go before those of this one, and
	// this one itself.
	ahead  []*queue
	mover  *mover
	wake   chan struct{}
	cancel context.CancelFunc

	mu sync.Mutex
	// dueAt is when the store may next have a due message; zero is never. It is
	// a lower bound: being early costs an empty claim. (monotonic)
	dueAt time.Time
	// backlog is true when older messages may be due than there is room for. New
	// ones then queue up behind them.
	backlog bool
	// depth is about how many due messages this node has put here and not claimed.
	depth int
	// fed are the movers that want to know when there is room, fedAt is when one was
	// given some. (monotonic)
	fed   map[*mover]bool
	fedAt time.Time
	// sortUntil is until when each message is looked at once more before it is
	// attempted, as others may still be putting some here by the routes of before.
	sortUntil time.Time
	// newest is when the latest of the new messages was due. (store)
	newest time.Time
	// newestFirst is true while codes wait for so long that those who asked for the oldest
	// are gone: the newest goes first.
	newestFirst bool
	// unknown is true until the store was asked whether old messages wait.
	unknown bool
	// retired is true once its gateway is gone from the configuration.
	retired bool

	pacing
}

// pacing is when a queue does what; of its loop alone. (monotonic)
type pacing struct {
	pollAt, pauseUntil time.Time
	pause              time.Duration
	probes             int
}

func newQueue(e *Engine, key queueKey, g *gate) *queue {
	q := &queue{engine: e, key: key, gate: g, wake: make(chan struct{}, 1)}
	q.mover = newMover(e, q)
	return q
}

// configure has the queue look for old messages, and those sorted out that are not to
// wait here by the routes, if there are any.
func (q *queue) configure(routed bool) {
	now := q.engine.tick()
	q.mu.Lock()
	if routed {
		q.mover.toSort.Add(1)
		q.sortUntil = now.Add(sortFor)
	}
	q.unknown, q.backlog = true, true
	q.mu.Unlock()
	q.poke()
	q.mover.poke()
}

// isSorted reports whether what waits here is there by the routes of today.
func (q *queue) isSorted() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sortUntil.IsZero() || !q.engine.tick().Before(q.sortUntil) && q.mover.toSort.Load() == q.mover.sorted.Load()
}

// retire ends the claiming.
func (q *queue) retire() {
	q.mu.Lock()
	q.retired = true
	q.mu.Unlock()
	if q.cancel != nil {
		q.cancel()
	}
}

// start runs the loop until cancel is called.
func (q *queue) start(ctx context.Context, loops *sync.WaitGroup) {
	ctx, q.cancel = context.WithCancel(ctx)
	loops.Go(func() { q.run(ctx) })
	loops.Go(func() { q.mover.run(ctx) })
}

// poke makes the loop look again.
func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// note tells the queue of messages that are due in a while. waits is true for new
// ones that found no room: those after them queue up behind. When the gateway is
// gone, they have to be given to another.
func (q *queue) note(in time.Duration, waits bool) {
	q.mu.Lock()
	q.noteLocked(q.engine.tick().Add(max(in, 0)))
	q.backlog = q.backlog || waits
	if waits {
		q.depth++
	}
	retired := q.retired
	q.mu.Unlock()
	if retired {
		q.engine.cluster.Changed()
	}
	q.poke()
}

// noteLocked is note with the lock held.
func (q *queue) noteLocked(at time.Time) {
	if q.dueAt.IsZero() || at.Before(q.dueAt) {
		q.dueAt = at
	}
}

// admitNew gives a new message a permit to be leased at once, unless older ones wait.
func (q *queue) admitNew(m *courier.Message, now time.Time) permit {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.newest = later(q.newest, m.NextAttemptAt)
	if q.retired {
		return permit{}
	}
	return q.gate.admitNew(q.key.lane, m.To, q.backlog && !q.newestFirst, q.engine.cluster.Nodes(), now)
}

// probeNew gives a new message a permit when it is to show how a gateway is that takes
// no messages though others do.
func (q *queue) probeNew(m *courier.Message) permit {
	return q.gate.probeNew(q.key.lane, m.To, q.engine.cluster.Nodes(), q.engine.tick())
}

// takes reports whether a message would be attempted before it expires if it joined
// the queue now.
func (q *queue) takes(m *courier.Message) bool {
	depth := 0
	for _, ahead := range q.ahead {
		ahead.mu.Lock()
		depth += ahead.depth
		ahead.mu.Unlock()
	}
	return q.gate.takes(q.key.lane, q.engine.left(m), depth, q.engine.cluster.Nodes(), q.engine.tick())
}

// forever is more time than anything takes.
const forever = time.Duration(1 << 62)

func (q *queue) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		wait := q.step(ctx)
		if wait <= 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// step claims once if there is reason to, and returns how long to wait for the
// next unless the queue is woken; 0 is not at all.
func (q *queue) step(ctx context.Context) time.Duration {
	now := q.engine.tick()
	if wait := q.pauseUntil.Sub(now); wait > 0 {
		return wait
	}
	term, held := q.engine.cluster.Term()
	if !held {
		return q.engine.pollInterval // the beat that gets through wakes the queue
	}
	if !now.Before(q.pollAt) || q.isUnknown() {
		q.pollAt = now.Add(q.engine.pollInterval)
		q.look(ctx, 0)
	}
	p := q.plan(now)
	if p.count > 0 {
		q.claim(ctx, p, term, now)
		return 0
	}
	wait := max(q.pollAt.Sub(now), time.Millisecond)
	if p.wait > 0 {
		wait = min(wait, p.wait)
	}
	if p.paced {
		p.gate.sender.metrics.rateWait.Add(wait.Seconds())
	}
	return wait
}

// plan asks for room when there is something to claim. With no backlog it leaves
// half of it to new messages, which would otherwise queue up while the claim runs
// and call for the next.
func (q *queue) plan(now time.Time) permit {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dueAt.IsZero() || q.retired {
		return permit{}
	}
	if wait := q.dueAt.Sub(now); wait > 0 {
		return permit{wait: wait}
	}
	p := q.gate.admit(q, !q.backlog, q.engine.cluster.Nodes(), now)
	if p.count > 0 {
		q.dueAt = time.Time{}
	}
	return p
}

// claim leases messages and sends them on their way. The claim is cut short
// neither by the end of the loop nor by a time-out of the engine's own, as that
// would leave leases nobody knows of; the store bounds it.
func (q *queue) claim(ctx context.Context, p permit, term uint64, now time.Time) {
	messages, err := q.fetch(context.WithoutCancel(ctx), p)
	q.engine.health.Set(ctx, opClaim, err)
	if err != nil {
		p.release(p.count)
		q.again(now)
		q.pauseAfterFault(now)
		return
	}
	q.pause = 0
	for _, m := range messages {
		t := q.engine.newTicket(q, m)
		t.admit(p, term)
		p.gate.sender.dispatch(t) //nolint:contextcheck // an attempt outlives the loop
	}
	p.release(p.count - len(messages))
	if len(messages) < p.count {
		q.gate.calm(q.key.lane, now)
	}
	if len(messages) > 0 {
		q.setOrder(messages[0].NextAttemptAt, false)
	}
	q.mu.Lock()
	q.backlog = len(messages) == p.count
	if q.depth = max(q.depth-len(messages), 0); !q.backlog {
		q.depth = 0
	}
	var fed map[*mover]bool
	if !q.backlog {
		fed, q.fed = q.fed, nil
	}
	q.mu.Unlock()
	for m := range fed {
		m.poke()
	}
	switch len(messages) {
	case p.count:
		q.again(now)
	case 0:
		q.look(ctx, emptyClaimPause)
	default:
		q.look(ctx, 0)
	}
}

// fetch claims the messages that were due first, or begins somewhere else in the
// queue: those which the gateway never takes must not be the only ones it is asked with.
func (q *queue) fetch(ctx context.Context, p permit) ([]*courier.Message, error) {
	if !p.anywhere {
		return q.claimFrom(ctx, p, p.count, time.Time{}, q.isNewestFirst())
	}
	from, err := q.somewhere(ctx)
	if err == nil && p.probe {
		from, err = q.untried(ctx, from)
	}
	if err != nil {
		return nil, err
	}
	messages, err := q.claimFrom(ctx, p, p.count, from, false)
	if err != nil || len(messages) == p.count || from.IsZero() {
		return messages, err
	}
	// What was claimed must be sent, whatever comes of the second call.
	more, err := q.claimFrom(ctx, p, p.count-len(messages), time.Time{}, false)
	if len(messages) > 0 {
		err = nil
	}
	return append(messages, more...), err
}

// probesWeighed is among how many messages a probe is chosen.
const probesWeighed = 16

// untried says from where to claim a probe that was not tried yet, at a place in the
// queue or soon after it: one that was refused before tells little.
func (q *queue) untried(ctx context.Context, from time.Time) (time.Time, error) {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	waiting, err := q.engine.store.Waiting(callCtx, store.WaitingQuery{Gateway: q.key.gateway, Lane: q.key.lane.name(), DueFrom: from, Limit: probesWeighed})
	for _, m := range waiting {
		if m.SendCount == 0 && !m.NextAttemptAt.After(q.engine.now()) {
			return m.NextAttemptAt, err
		}
	}
	return from, err
}

func (q *queue) claimFrom(ctx context.Context, p permit, count int, from time.Time, newestFirst bool) ([]*courier.Message, error) {
	now := q.engine.now()
	return q.engine.store.Claim(ctx, store.Claim{
		Gateway: q.key.gateway, Lane: q.key.lane.name(), Node: q.engine.node, Now: now, DueFrom: from, NewestFirst: newestFirst,
		LeaseUntil: now.Add(p.gate.sender.leaseDuration()), Limit: count,
		Durable: p.gate.sender.rules().hold,
	})
}

// somewhere says from where to claim: mostly from a random point between the oldest
// and the newest that wait, as nobody can put bad messages there on purpose, and now
// and then from the newest or the oldest, which is the zero time.
func (q *queue) somewhere(ctx context.Context) (time.Time, error) {
	q.mu.Lock()
	newest := q.newest
	q.mu.Unlock()
	if now := q.engine.now(); newest.IsZero() || newest.After(now) {
		newest = now
	}
	q.probes++
	switch q.probes % 6 {
	case 0:
		return time.Time{}, nil
	case 5:
		return newest, nil
	default:
		callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		oldest, err := q.engine.store.NextDue(callCtx, q.key.gateway, q.key.lane.name())
		if err != nil || oldest.IsZero() {
			return time.Time{}, err
		}
		if !newest.After(oldest) { // other nodes took in what waits
			newest = later(oldest, q.engine.now())
		}
		return oldest.Add(time.Duration(q.engine.random() * float64(newest.Sub(oldest)))), nil
	}
}

// The order of codes: the first first, until the oldest waits for so long that whoever
// asked for it is gone, and then the newest first, until none waits for long.
const (
	newestFirstAbove = 5 * time.Second
	oldestFirstBelow = time.Second
)

// setOrder chooses the order by when one of the messages was due that wait, zero for
// none. With oldest no other waits for longer.
func (q *queue) setOrder(due time.Time, oldest bool) {
	if q.key.lane != laneCode {
		return
	}
	waited := time.Duration(0)
	if !due.IsZero() {
		waited = q.engine.now().Sub(due)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case waited > newestFirstAbove:
		q.newestFirst = true
	case oldest && waited < oldestFirstBelow:
		q.newestFirst = false
	}
}

func (q *queue) isNewestFirst() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.newestFirst
}

// again has the queue claim once more.
func (q *queue) again(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.noteLocked(now)
}

// look asks the store when the next message is due, and will not have it be
// earlier than in a while.
func (q *queue) look(ctx context.Context, notBefore time.Duration) {
	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	due, err := q.engine.store.NextDue(callCtx, q.key.gateway, q.key.lane.name())
	if ctx.Err() != nil {
		return
	}
	q.engine.health.Set(ctx, opNextDue, err)
	now := q.engine.tick()
	switch {
	case err != nil:
		q.again(now)
		q.pauseAfterFault(now)
	default:
		q.setOrder(due, true)
		q.known(due)
		if !due.IsZero() {
			q.again(now.Add(max(due.Sub(q.engine.now()), notBefore)))
		}
	}
}

// ask makes the queue ask the store whether something is due.
func (q *queue) ask() {
	q.mu.Lock()
	q.unknown = true
	q.mu.Unlock()
	q.poke()
}

func (q *queue) isUnknown() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.unknown
}

// known takes in when the first message is due, zero when none waits.
func (q *queue) known(due time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.unknown && q.dueAt.IsZero() {
		q.backlog = !due.IsZero() && !due.After(q.engine.now())
	}
	q.unknown = false
}

// pauseAfterFault leaves a store in trouble alone for a while.
func (q *queue) pauseAfterFault(now time.Time) {
	q.pause = min(max(2*q.pause, claimPauseInitial), claimPauseMax)
	q.pauseUntil = now.Add(q.pause)
}
