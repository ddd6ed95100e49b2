package dispatch

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"

	"courier"
)

// at is a time on both clocks of the parts.
func at(d time.Duration) time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(d) }

// newTestGate returns a gate with a limit, a quick gateway and no queue.
func newTestGate(limit int) *gate {
	g := newGate("sms", at(0), at(0))
	g.configure(GatewayOptions{MaxInFlight: limit, Fingerprint: "same", Breaker: Breaker{}.withDefaults()}, at(0), at(0))
	return g
}

// newTestQueue returns a queue that is not run and waits for a wake-up.
func newTestQueue(g *gate) *queue {
	return &queue{engine: &Engine{tick: func() time.Time { return at(0) }}, wake: make(chan struct{}, 1), gate: g, dueAt: at(0), backlog: true}
}

func isWoken(q *queue) bool {
	select {
	case <-q.wake:
		return true
	default:
		return false
	}
}

// testID is the nth id.
func testID(n int) courier.ID {
	var id courier.ID
	copy(id[:], fmt.Sprintf("%016d", n))
	return id
}

// testDigest is the nth recipient's.
func testDigest(n int) digest {
	return digest(binary.BigEndian.Uint64(fmt.Appendf(nil, "%08d", n)))
}

// testTicket is a leased message to the nth recipient.
func testTicket(p permit, n int) *ticket {
	m := &courier.Message{ID: testID(n), To: fmt.Sprint("to-", n)}
	t := &ticket{message: m}
	t.admit(p, 0)
	return t
}

// through takes a ticket through its gate: it comes to an attempt at a time.
func (g *gate) through(t *ticket, a courier.Attempt, now time.Time) (finding, change) {
	g.enter(t)
	if g.begin(t) != beginNow {
		g.skip(t)
		g.next(t)
		return finding{}, change{}
	}
	a.StartedAt = now
	found, changed := g.judge(t, &a, false, now, now, 0)
	g.next(t)
	g.settled(t)
	return found, changed
}

func ambiguousAttempt() courier.Attempt {
	return courier.Attempt{Outcome: courier.OutcomeGatewayDown, Class: courier.ClassUnauthorized, Scope: courier.ScopeAmbiguous, HTTPStatus: 403}
}

func taken() courier.Attempt { return courier.Attempt{Outcome: courier.OutcomeAccepted} }

// bringDown opens the breaker of a gate.
func bringDown(t *testing.T, g *gate, now time.Time) {
	t.Helper()
	for n := range severalRecipients {
		g.through(testTicket(g.admit(newTestQueue(nil), false, 1, now).only(1), n), ambiguousAttempt(), now)
	}
	if g.breaker.state != breakerOpen {
		t.Fatalf("the breaker is not open after %d refusals", severalRecipients)
	}
}

// only gives back what a permit has beyond a count.
func (p permit) only(count int) permit {
	p.release(p.count - count)
	p.count = count
	return p
}

// TestGate_TwoQueues lets two queues share the capacity of one gateway, as codes and
// bulk will: each gets room, and one that found none is woken when there is some.
func TestGate_TwoQueues(t *testing.T) {
	t.Parallel()
	g := newTestGate(4)
	codes, bulk := newTestQueue(g), newTestQueue(g)
	first := bulk.plan2(at(0))
	if first.count != 4 {
		t.Fatalf("the first queue gets %d, want all 4", first.count)
	}
	if p := codes.plan2(at(0)); p.count != 0 || isWoken(codes) {
		t.Errorf("the second gets %d of a full gate", p.count)
	}
	busy := testTicket(first, 1)
	g.enter(busy)
	g.begin(busy)
	first.release(3)
	g.wake()
	if !isWoken(codes) || isWoken(bulk) {
		t.Error("the queue that waits is not woken when there is room, or the other is")
	}
	if p := codes.plan2(at(0)); p.count != 3 {
		t.Errorf("the second gets %d, want the 3 that are left", p.count)
	}
}

// plan2 is plan for a node that is alone.
func (q *queue) plan2(now time.Time) permit { return q.gate.admit(q, !q.backlog, 1, now) }

// TestGate_Bounds keeps to the bounds of what is leased: slots are free when the answer
// is read, and what is not settled counts by itself.
func TestGate_Bounds(t *testing.T) {
	t.Parallel()
	const limit = 8
	g := newTestGate(limit)
	g.lanes[laneCode].usual = 0
	var running, unsettled []*ticket
	n := 0
	for round := range 200 {
		p := g.admit(newTestQueue(nil), false, 1, at(time.Duration(round)*time.Millisecond))
		for range p.count {
			n++
			if t := testTicket(p, n); g.enter(t) {
				running = append(running, t)
			}
		}
		state := g.snapshot(at(0))
		if state.inFlight > limit || state.leased > 2*limit || len(running) != state.inFlight {
			t.Fatalf("%d in flight and %d leased with a limit of %d", state.inFlight, state.leased, limit)
		}
		if done := round % (limit + 1); done < len(running) {
			g.begin(running[0])
			a := taken()
			g.judge(running[0], &a, false, at(0), at(0), 0)
			unsettled = append(unsettled, running[0])
			if next := g.next(running[0]); next != nil {
				running = append(running, next)
			}
			running = running[1:]
		}
		if round%17 == 0 {
			for _, t := range unsettled {
				g.settled(t)
			}
			unsettled = nil
		}
	}
	if n < 100 {
		t.Errorf("%d went through", n)
	}
}

func TestGate_ClaimsAheadOfAQuickGateway(t *testing.T) {
	t.Parallel()
	for usual, want := range map[time.Duration]int{
		time.Millisecond: 128, 50 * time.Millisecond: 128, 100 * time.Millisecond: 96, 10 * time.Second: 64,
	} {
		g := newTestGate(64)
		g.lanes[laneCode].usual = usual
		if p := g.admit(newTestQueue(nil), false, 1, at(0)); p.count != want {
			t.Errorf("%d are claimed of a gateway that takes %s, want %d", p.count, usual, want)
		}
		g = newTestGate(64)
		g.lanes[laneCode].usual, g.careful = usual, true
		if p := g.admit(newTestQueue(nil), false, 1, at(0)); p.count != 64 {
			t.Errorf("%d are claimed with hold, want none ahead", p.count)
		}
	}
}

// TestGate_OneRecipient lets one recipient hold few slots until it is answered for, and
// those whose outcome was unknown before hold half.
func TestGate_OneRecipient(t *testing.T) {
	t.Parallel()
	g := newTestGate(64)
	p := g.admit(newTestQueue(nil), false, 1, at(0))
	begin := func(edit func(*ticket)) beginning {
		t := testTicket(p, 1)
		edit(t)
		g.enter(t)
		return g.begin(t)
	}
	same := func(*ticket) {}
	for range strangersInFlight {
		if begin(same) != beginNow {
			t.Fatal("an attempt has to wait")
		}
	}
	if begin(same) != beginLater {
		t.Error("a recipient that was not answered for takes more and more slots")
	}
	a := taken()
	g.judge(testTicket(p, 1), &a, false, at(0), at(0), 0)
	if begin(same) != beginNow {
		t.Error("a recipient that was answered for has to wait")
	}
	doubtful := 0
	for n := range 64 {
		if begin(func(t *ticket) {
			t.recipient = testDigest(n)
			t.message.RetryCount, t.message.LastError = 1, &courier.Attempt{Outcome: courier.OutcomeUnknown}
		}) == beginNow {
			doubtful++
		}
	}
	if doubtful != 32 {
		t.Errorf("%d attempts may take their whole time-out, want half of 64", doubtful)
	}
}

func TestGate_FlushesWhatWaitsForASlot(t *testing.T) {
	t.Parallel()
	g := newTestGate(2)
	g.lanes[laneCode].usual = 0
	p := g.admit(newTestQueue(nil), false, 1, at(0))
	for n := range p.count {
		g.enter(testTicket(p, n))
	}
	if flushed := g.flush(); len(flushed) != 2 {
		t.Errorf("%d flushed, want the 2 that have no slot", len(flushed))
	}
	if state := g.snapshot(at(0)); state.inFlight != 2 || state.unsettled != 2 || state.leased != 4 {
		t.Errorf("state is %+v", state)
	}
}

// TestGate_OneProbeAtATime asks a gateway that is down with one message at a time.
func TestGate_OneProbeAtATime(t *testing.T) {
	t.Parallel()
	g := newTestGate(4)
	bringDown(t, g, at(0))
	q := newTestQueue(g)
	if p := q.plan2(at(0)); p.count != 0 || p.wait != probeFirst {
		t.Fatalf("permit is %+v while open", p)
	}
	now := at(probeFirst)
	probe := q.plan2(now)
	if probe.count != 1 || !probe.probe || q.plan2(now).count != 0 || g.admitNew(laneCode, "new", false, 1, now).count != 0 {
		t.Fatal("there is not one probe")
	}
	probe.release(1)
	probe = g.admitNew(laneCode, "new", true, 1, now)
	if !probe.probe {
		t.Fatal("a new message is no probe after one that found nothing")
	}
	if found, _ := g.through(testTicket(probe, 1), ambiguousAttempt(), now); found.fault != faultGateway {
		t.Error("a failed probe is held against its message")
	}
	for opened := range 60 {
		wait := q.plan2(now).wait
		if wait < probeEach || wait > probeMax {
			t.Fatalf("probe %d comes after %s", opened, wait)
		}
		now = now.Add(wait)
		g.through(testTicket(q.plan2(now), opened), ambiguousAttempt(), now)
	}
	now = now.Add(probeMax)
	if _, changed := g.through(testTicket(q.plan2(now), 1), taken(), now); !changed.closed {
		t.Error("a message that was accepted does not close the breaker")
	}
}

func TestGate_NewMessagesAreProbes(t *testing.T) {
	t.Parallel()
	g := newTestGate(4)
	now := at(0)
	for range 30 { // until probes are rare
		p := g.admit(newTestQueue(nil), false, 1, now)
		if p.count == 0 {
			now = now.Add(p.wait)
			continue
		}
		g.through(testTicket(p.only(1), 1), courier.Attempt{Outcome: courier.OutcomeGatewayDown, Class: courier.ClassNetworkError, Unsent: true}, now)
	}
	if p := g.admitNew(laneCode, "new", true, 1, now.Add(probeEach)); !p.probe {
		t.Error("a new message waits for a gateway that nobody has asked for a second")
	}
}

// TestBreaker_Trouble opens on the share of failures of several recipients.
func TestBreaker_Trouble(t *testing.T) {
	t.Parallel()
	trouble := courier.Attempt{Outcome: courier.OutcomeRetry, Class: courier.ClassGatewayError}
	for name, test := range map[string]struct {
		attempts func(n int) (courier.Attempt, int)
		opens    bool
	}{
		"Everybody":    {func(n int) (courier.Attempt, int) { return trouble, n }, true},
		"OneRecipient": {func(int) (courier.Attempt, int) { return trouble, 1 }, false},
		"AFew": {func(n int) (courier.Attempt, int) {
			if n%10 == 9 {
				return trouble, n
			}
			return taken(), n
		}, false},
		"ManyInARow": {func(n int) (courier.Attempt, int) {
			if n > 150 {
				return trouble, n
			}
			return taken(), n
		}, false},
		"MostOfAll": {func(n int) (courier.Attempt, int) {
			if n%4 > 0 {
				return trouble, n
			}
			return taken(), n
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, opened := newTestGate(64), false
			for n := range 200 {
				p := g.admit(newTestQueue(nil), false, 1, at(0))
				if p.count == 0 {
					break
				}
				a, to := test.attempts(n)
				_, changed := g.through(testTicket(p.only(1), to), a, at(time.Duration(n)*time.Millisecond))
				opened = opened || changed.opened
			}
			if opened != test.opens {
				t.Errorf("opened: %v", opened)
			}
		})
	}
}

// TestBreaker_DoesNotFlap wants two probes of different messages after trouble, and
// longer pauses when it comes back at once.
func TestBreaker_DoesNotFlap(t *testing.T) {
	t.Parallel()
	b := newBreaker()
	b.open(kindTrouble, "", at(0), 0)
	b.advance(at(time.Second))
	for range 2 {
		if b.works(courier.ID{1}, at(time.Second)) {
			t.Error("closed by one message")
		}
	}
	if !b.works(courier.ID{2}, at(time.Second)) {
		t.Error("two messages do not close it")
	}
	b.open(kindTrouble, "", at(2*time.Second), 0)
	if wait := b.openUntil.Sub(at(2 * time.Second)); wait != probeEach {
		t.Errorf("open for %s the second time", wait)
	}
	b.close(at(4 * time.Second))
	b.open(kindTrouble, "", at(time.Hour), 0)
	if wait := b.openUntil.Sub(at(time.Hour)); wait != probeFirst {
		t.Errorf("open for %s after a long calm", wait)
	}
}

func TestBreaker_IgnoresEarlierEpochs(t *testing.T) {
	t.Parallel()
	g := newTestGate(64)
	p := g.admit(newTestQueue(nil), false, 1, at(0))
	var late []*ticket
	for n := range 6 {
		t := testTicket(p, 100+n)
		g.enter(t)
		g.begin(t)
		late = append(late, t)
	}
	p.release(p.count - 6)
	bringDown(t, g, at(0))
	until := g.breaker.openUntil
	for _, l := range late {
		a := courier.Attempt{Outcome: courier.OutcomeUnknown, StartedAt: at(-time.Second)}
		g.judge(l, &a, false, at(time.Millisecond), at(time.Millisecond), 0)
	}
	if g.breaker.openUntil != until {
		t.Error("an attempt of before it opened keeps it open")
	}
}

// TestBlame_Refused decides by what happened to others.
func TestBlame_Refused(t *testing.T) {
	t.Parallel()
	judge := func(b *blame, n int, last *courier.Attempt, now time.Duration) finding {
		a := ambiguousAttempt()
		a.StartedAt = at(now)
		return b.judge(kindRefused, refusal{
			message:   &courier.Message{ID: testID(n), LastError: last},
			recipient: testDigest(n), attempt: &a, now: at(now),
		})
	}
	last := func(outcome courier.Outcome, class courier.Class) *courier.Attempt {
		return &courier.Attempt{Outcome: outcome, Class: class, StartedAt: at(0), HTTPStatus: 403}
	}
	before := last(courier.OutcomeGatewayDown, courier.ClassUnauthorized)
	t.Run("Fresh", func(t *testing.T) {
		t.Parallel()
		b := newBlame(at(0), at(0))
		for n, want := range []fault{faultUndecided, faultUndecided, faultGateway} {
			if got := judge(&b, n, nil, time.Second); got.fault != want || got.open != (want == faultGateway) {
				t.Errorf("refusal %d is %+v", n, got)
			}
		}
	})
	t.Run("OneRecipient", func(t *testing.T) {
		t.Parallel()
		b := newBlame(at(0), at(0))
		for range 50 {
			if got := judge(&b, 1, nil, time.Second); got.fault != faultUndecided {
				t.Errorf("one recipient is %+v", got)
			}
		}
	})
	t.Run("ShareOfTheAccepted", func(t *testing.T) {
		t.Parallel()
		b := newBlame(at(0), at(0))
		for range 1000 {
			b.accepted(at(time.Second), at(time.Second))
		}
		undecided := 0
		for n := range 300 {
			if judge(&b, n, nil, 2*time.Second).fault == faultUndecided {
				undecided++
			}
		}
		if undecided != 99 {
			t.Errorf("%d of those after 1,000 accepted are undecided, want 99", undecided)
		}
	})
	t.Run("RefusedBeforeAndOthersAccepted", func(t *testing.T) {
		t.Parallel()
		b := newBlame(at(0), at(0))
		b.accepted(at(time.Second), at(time.Second))
		if got := judge(&b, 1, before, 2*time.Second); got.fault != faultMessage {
			t.Errorf("it is %+v", got)
		}
		blamed := last(courier.OutcomeRetry, courier.ClassBarred)
		for range 10 {
			if got := judge(&b, 1, blamed, 2*time.Second); got.fault != faultMessage {
				t.Errorf("one that was blamed is %+v", got)
			}
		}
	})
	t.Run("MoreOfThemThanWereAccepted", func(t *testing.T) {
		t.Parallel()
		b := newBlame(at(0), at(0))
		b.accepted(at(time.Second), at(time.Second))
		var got finding
		for n := range 10 {
			got = judge(&b, n, before, 2*time.Second)
		}
		if got.fault != faultGateway || !got.open {
			t.Errorf("a gateway that took one and refuses ten is %+v", got)
		}
	})
	t.Run("RefusedBeforeAndNobodyAccepted", func(t *testing.T) {
		t.Parallel()
		b := newBlame(at(0), at(0))
		if got := judge(&b, 1, before, 2*time.Second); got.fault != faultUndecided {
			t.Errorf("it is %+v", got)
		}
	})
	t.Run("InAnOutage", func(t *testing.T) {
		t.Parallel()
		b := newBlame(at(0), at(0))
		for n := range 3 {
			judge(&b, n, nil, 0)
		}
		b.down(kindRefused, at(0))
		b.up(at(time.Minute))
		b.accepted(at(time.Minute), at(time.Minute))
		blamed := last(courier.OutcomeRetry, courier.ClassBarred)
		m := &courier.Message{LastError: blamed}
		if got := b.usedUp(m, 1, 1, at(2*time.Minute)); got != faultGateway {
			t.Errorf("one that was blamed in an outage is %v, want that it is tried again", got)
		}
		blamed.StartedAt = at(90 * time.Second)
		b.accepted(at(100*time.Second), at(100*time.Second))
		if got := b.usedUp(m, 1, 1, at(2*time.Minute)); got != faultMessage {
			t.Errorf("one that was blamed after it is %v", got)
		}
		if got := b.usedUp(m, 1, 3, at(2*time.Minute)); got != faultGateway {
			t.Errorf("with other nodes it is %v, want that it is tried again", got)
		}
	})
}

// TestBlame_IsBounded lets it see many refusals and outages.
func TestBlame_IsBounded(t *testing.T) {
	t.Parallel()
	b := newBlame(at(0), at(0))
	for n := range 100_000 {
		a := ambiguousAttempt()
		b.judge(kindRefused, refusal{message: &courier.Message{ID: testID(n)}, recipient: testDigest(n), attempt: &a, now: at(0)})
		b.down(kindRefused, at(0))
	}
	if len(b.refused.messages) > severalMax || len(b.refused.recipients) > severalMax || len(b.outages) > outagesKept {
		t.Errorf("%d messages, %d recipients and %d outages are kept", len(b.refused.messages), len(b.refused.recipients), len(b.outages))
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const wait = 500 * time.Millisecond
	attempt := func(outcome courier.Outcome, class courier.Class, scope courier.Scope) courier.Attempt {
		return courier.Attempt{Outcome: outcome, Class: class, Scope: scope}
	}
	moment, gateway, about := courier.ScopeMoment, courier.ScopeGateway, courier.ScopeMessage
	retry, downed := courier.OutcomeRetry, courier.OutcomeGatewayDown
	unsent := attempt(downed, courier.ClassNetworkError, gateway)
	unsent.Unsent = true
	slow := attempt(retry, courier.ClassGatewayError, moment)
	slow.RetryAfter = 48 * time.Hour
	later := attempt(downed, courier.ClassInsufficientCredit, gateway)
	later.RetryAfter = 40 * time.Second
	for name, test := range map[string]struct {
		attempt courier.Attempt
		found   finding
		hold    bool
		count   int // of retries before
		want    decision
	}{
		"Accepted": {attempt: taken(), want: decision{status: courier.StatusSent, outcome: courier.OutcomeAccepted}},
		"Canceled": {attempt: attempt(courier.OutcomeCanceled, "", ""), want: decision{status: courier.StatusCanceled, outcome: courier.OutcomeCanceled}},
		"Rejected": {
			attempt: attempt(courier.OutcomeRejected, courier.ClassBadRequest, about), found: finding{fault: faultMessage},
			want: decision{status: courier.StatusRejected, outcome: courier.OutcomeRejected, class: courier.ClassBadRequest},
		},
		"RejectedLikeAllOthers": {
			attempt: attempt(courier.OutcomeRejected, courier.ClassBadRequest, about), found: finding{fault: faultGateway},
			want: decision{status: courier.StatusQueued, wait: wait, outcome: downed, class: courier.ClassBadRequest, advice: adviceGateway},
		},
		"TemplateOfAll": {
			attempt: attempt(courier.OutcomeRejected, courier.ClassTemplateError, about), found: finding{fault: faultGateway},
			want: decision{status: courier.StatusQueued, wait: wait, outcome: downed, class: courier.ClassTemplateError, advice: adviceTemplate},
		},
		"Trouble":             {attempt: attempt(retry, courier.ClassGatewayError, moment), want: decision{status: courier.StatusQueued, retryCount: 1, wait: wait, outcome: retry, class: courier.ClassGatewayError}},
		"RetryAfterIsBounded": {attempt: slow, want: decision{status: courier.StatusQueued, retryCount: 1, wait: maxRetryAfter, outcome: retry, class: courier.ClassGatewayError}},
		"RetriesUsedUp":       {attempt: attempt(retry, courier.ClassGatewayError, moment), count: 2, want: decision{status: courier.StatusAbandoned, retryCount: 3, outcome: retry, class: courier.ClassGatewayError}},
		"Unsent":              {attempt: unsent, count: 2, want: decision{status: courier.StatusQueued, retryCount: 2, wait: wait, outcome: downed, class: courier.ClassNetworkError}},
		"Throttled":           {attempt: attempt(retry, courier.ClassThrottled, moment), count: 2, found: finding{fault: faultGateway}, want: decision{status: courier.StatusQueued, retryCount: 2, wait: wait, outcome: retry, class: courier.ClassThrottled}},
		"Unknown":             {attempt: attempt(courier.OutcomeUnknown, courier.ClassTimeout, moment), want: decision{status: courier.StatusQueued, retryCount: 1, wait: wait, outcome: courier.OutcomeUnknown, class: courier.ClassTimeout}},
		"UnknownHold":         {attempt: attempt(courier.OutcomeUnknown, courier.ClassTimeout, moment), hold: true, want: decision{status: courier.StatusUnknown, outcome: courier.OutcomeUnknown, class: courier.ClassTimeout}},
		"GatewayScopeUndecided": {
			attempt: attempt(downed, courier.ClassUnauthorized, gateway), found: finding{fault: faultUndecided},
			want: decision{status: courier.StatusQueued, wait: wait, outcome: downed, class: courier.ClassUnauthorized},
		},
		"GatewayAsksForATime": {
			attempt: later, found: finding{fault: faultGateway}, count: 2,
			want: decision{status: courier.StatusQueued, retryCount: 2, wait: 40 * time.Second, outcome: downed, class: courier.ClassInsufficientCredit},
		},
		"AmbiguousUndecided": {
			attempt: ambiguousAttempt(), found: finding{fault: faultUndecided},
			want: decision{status: courier.StatusQueued, retryCount: 1, wait: wait, outcome: retry, class: courier.ClassUnauthorized},
		},
		"AmbiguousOfTheMessage": {
			attempt: ambiguousAttempt(), found: finding{fault: faultMessage},
			want: decision{status: courier.StatusQueued, retryCount: 1, wait: wait, outcome: retry, class: courier.ClassBarred, advice: adviceMessage},
		},
		"AmbiguousOfTheGateway": {
			attempt: ambiguousAttempt(), found: finding{fault: faultGateway}, count: 2,
			want: decision{status: courier.StatusQueued, retryCount: 2, wait: wait, outcome: downed, class: courier.ClassUnauthorized},
		},
		"UsedUpOfTheMessage": {
			attempt: ambiguousAttempt(), found: finding{fault: faultMessage}, count: 2,
			want: decision{status: courier.StatusRejected, retryCount: 3, outcome: courier.OutcomeRejected, class: courier.ClassBarred, advice: adviceMessage},
		},
		"UsedUpUndecided": {
			attempt: ambiguousAttempt(), found: finding{fault: faultUndecided}, count: 2,
			want: decision{status: courier.StatusQueued, retryCount: 3, wait: wait, outcome: retry, class: courier.ClassBarred, advice: adviceUsedUp},
		},
		"UsedUpAlone": {
			attempt: ambiguousAttempt(), found: finding{fault: faultUndecided, final: true}, count: 2,
			want: decision{status: courier.StatusRejected, retryCount: 3, outcome: courier.OutcomeRejected, class: courier.ClassBarred, advice: adviceMessage},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rules{retries: 2, retry: Retry{Initial: wait, Max: time.Minute}, hold: test.hold}
			if got := r.decide(&courier.Message{RetryCount: test.count}, &test.attempt, test.found, 0); got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestRetry_Delay(t *testing.T) {
	t.Parallel()
	retry := Retry{Initial: 500 * time.Millisecond, Max: 30 * time.Second}
	low, high := []time.Duration{0, 500, 1500, 4500, 13500, 10000}, []time.Duration{500, 1500, 4500, 13500, 30000, 30000}
	for i := range low {
		if got := retry.delay(i+1, 0); got != high[i]*time.Millisecond {
			t.Errorf("retry %d waits %s at most, want %s", i+1, got, high[i]*time.Millisecond)
		}
		if got := retry.delay(i+1, math.Nextafter(1, 0)); got.Round(time.Millisecond) != low[i]*time.Millisecond {
			t.Errorf("retry %d waits %s at least, want %s", i+1, got, low[i]*time.Millisecond)
		}
	}
}

// TestBucket_KeepsTheRate takes from a bucket at random times: any stretch of time is
// within the rate and a burst.
func TestBucket_KeepsTheRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.3, 5, 77, 5000} {
		var b bucket
		b.setRate(rate, at(0))
		total, now := 0, at(0)
		for i := range 2000 {
			now = now.Add(time.Duration(i%7) * 3 * time.Millisecond)
			got := b.take(1+i%5, now)
			if i%11 == 0 {
				b.put(float64(got))
				got = 0
			}
			total += got
			if most := rate*now.Sub(at(0)).Seconds() + b.burst(); float64(total) > most+1e-6 {
				t.Fatalf("%d taken in %s at a rate of %v", total, now.Sub(at(0)), rate)
			}
			if got == 0 && b.wait(now) < 0 {
				t.Fatal("no wait")
			}
		}
		if least := 0.8 * rate * now.Sub(at(0)).Seconds(); rate < 100 && float64(total) < min(least, 1000) {
			t.Errorf("%d taken in %s at a rate of %v", total, now.Sub(at(0)), rate)
		}
	}
}

// TestPace_IgnoresFew lets few of many recipients be throttled: that is their own.
func TestPace_IgnoresFew(t *testing.T) {
	t.Parallel()
	p := newPace()
	for n := range 1000 {
		now := at(time.Duration(n) * time.Millisecond)
		p.acceptedOne(now)
		if n%20 == 0 && p.throttledOne(testDigest(n), time.Second, now) {
			t.Fatal("one in twenty slows all down")
		}
	}
	if p.rate != 0 || p.paused(at(time.Second)) > 0 {
		t.Error("there is a pace")
	}
	for n := range 400 {
		p.throttledOne(testDigest(n), time.Hour, at(time.Second))
	}
	if p.rate < 400 || p.rate > 1100 || p.paused(at(time.Second)) > retryAfterMax {
		t.Errorf("the pace is %v, paused for %s", p.rate, p.paused(at(time.Second)))
	}
}
