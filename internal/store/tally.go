package store

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"courier"
)

// Tally counts what became of the messages that a gateway took in one minute, by the
// country of the recipient.
type Tally struct {
	Gateway string
	// Country is that of Message.Country, empty where it is not known.
	Country string
	// Minute is the one in which the gateway accepted the messages.
	Minute time.Time
	// Accepted are the messages that the gateway took in it. Delivered and Undelivered
	// are those of them of which a receipt said so; rejected and expired ones are among
	// the undelivered. Slow are those of the delivered whose receipt came more than
	// 30 seconds after they were accepted.
	Accepted, Delivered, Undelivered, Slow int64
}

// TalliesFor is how long tallies are kept.
const TalliesFor = 7 * 24 * time.Hour

// Sums are what was added up: by minute, gateway and country, by minute and gateway, and by
// class.
type Sums struct {
	Tallies []Tally
	Points  []Point
	Faults  []Fault
	// Newest is when the last of it happened.
	Newest time.Time
}

// Tallies adds up what is not written yet. It is safe for concurrent use.
type Tallies struct {
	mutex  sync.Mutex
	counts map[tallyKey]*Tally
	points map[pointKey]*Point
	faults map[faultKey]*Fault
	newest time.Time
}

type tallyKey struct {
	gateway, country string
	minute           int64
}

type pointKey struct {
	gateway string
	minute  int64
}

type faultKey struct {
	gateway string
	class   courier.Class
	at      int64
}

func (t *Tallies) at(gateway, country string, sentAt time.Time) *Tally {
	minute := sentAt.UTC().Truncate(time.Minute)
	return summed(&t.counts, tallyKey{gateway, country, minute.Unix()}, Tally{Gateway: gateway, Country: country, Minute: minute})
}

// in returns the point of a gateway that a time belongs to.
func (t *Tallies) in(gateway string, at time.Time) *Point {
	minute := at.UTC().Truncate(time.Minute)
	return summed(&t.points, pointKey{gateway, minute.Unix()}, Point{Gateway: gateway, At: minute})
}

// happened is in for what happens now.
func (t *Tallies) happened(gateway string, at time.Time) *Point {
	if at.After(t.newest) {
		t.newest = at
	}
	return t.in(gateway, at)
}

func (t *Tallies) fault(gateway string, class courier.Class, at time.Time) *Fault {
	at = at.UTC().Truncate(coarse)
	return summed(&t.faults, faultKey{gateway, class, at.Unix()}, Fault{Gateway: gateway, Class: class, At: at})
}

// summed returns the sum of a key, which begins empty.
func summed[K comparable, V any](sums *map[K]*V, key K, empty V) *V {
	if *sums == nil {
		*sums = make(map[K]*V)
	}
	found := (*sums)[key]
	if found == nil {
		found = &empty
		(*sums)[key] = found
	}
	return found
}

// Enqueued counts the messages that were stored. Those whose place one took are due no more,
// and were mostly due a short while before.
func (t *Tallies) Enqueued(answers []Enqueued) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for i := range answers {
		if m := answers[i].Message; answers[i].Err == nil && !answers[i].Duplicate {
			t.happened(m.Gateway, m.CreatedAt).Taken++
			t.due(m, 1-int64(answers[i].Superseded))
		}
	}
}

// due counts a message where it was to be sent.
func (t *Tallies) due(m *courier.Message, count int64) {
	if at := DueAt(m); !at.IsZero() {
		t.in(m.Gateway, at).Due += count
	}
}

// Expired counts messages that expired while they waited for gateways.
func (t *Tallies) Expired(gateways map[string]int, at time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for gateway, count := range gateways {
		t.happened(gateway, at).Failed += int64(count)
	}
}

// Decided counts what was decided about a message by hand.
func (t *Tallies) Decided(m *courier.Message, from courier.Status) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if m.Status == from {
		return
	}
	switch m.Status { //nolint:exhaustive // the others are not counted
	case courier.StatusCanceled:
		t.due(m, -1)
	case courier.StatusUndelivered:
		t.happened(m.Gateway, m.UpdatedAt).Failed++
	case courier.StatusSent:
		t.happened(m.Gateway, m.UpdatedAt).Sent++
	}
}

func (t *Tallies) accepted(gateway string, m *courier.Message, at time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.at(gateway, m.Country, at).Accepted++
	t.sent(gateway, DueAt(m), at)
}

// sent counts a message that a gateway took, which was due at a time.
func (t *Tallies) sent(gateway string, due, at time.Time) {
	p := t.happened(gateway, at)
	p.Sent++
	if !due.IsZero() {
		p.ToGateway.add(at.Sub(due))
	}
}

// Settled counts the settlements that applied.
func (t *Tallies) Settled(settlements []Settlement, applied []bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for i := range settlements {
		s := &settlements[i]
		if !applied[i] {
			continue
		}
		gateway := s.Gateway
		if s.Attempt != nil {
			gateway = s.Attempt.Gateway
			if s.Attempt.Class != "" {
				t.fault(gateway, s.Attempt.Class, s.At).Count++
			}
		}
		switch {
		case s.Status == courier.StatusSent && s.Attempt != nil:
			t.at(gateway, s.Country, s.At).Accepted++
			t.sent(gateway, s.DueAt, s.At)
			if s.NoReceipts && !s.DueAt.IsZero() && s.At.Sub(s.DueAt) <= timelyWithin {
				t.in(gateway, s.DueAt).Timely++
			}
		case isFailed(s.Status):
			t.happened(gateway, s.At).Failed++
		case s.Status == courier.StatusCanceled && !s.DueAt.IsZero():
			t.in(gateway, s.DueAt).Due--
		}
	}
}

// isFailed reports whether a message of the status did not arrive though somebody waits for it.
func isFailed(status courier.Status) bool {
	return status.Final() && status != courier.StatusDelivered && status != courier.StatusCanceled
}

// reported counts a receipt that brings a message into a status.
func (t *Tallies) reported(r *courier.Receipt, m *courier.Message, to courier.Status) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	tally := t.at(r.Gateway, m.Country, cmp.Or(m.SentAt, r.ReceivedAt))
	switch {
	case to == courier.StatusDelivered:
		tally.Delivered++
		if r.ReceivedAt.Sub(m.SentAt) > slowAfter {
			tally.Slow++
		}
		p := t.happened(r.Gateway, r.ReceivedAt)
		p.Delivered++
		if due := DueAt(m); !due.IsZero() {
			p.ToReceipt.add(r.ReceivedAt.Sub(due))
			if r.ReceivedAt.Sub(due) <= timelyWithin {
				t.in(r.Gateway, due).Timely++
			}
		}
	case isFailed(to):
		tally.Undelivered++
		t.happened(r.Gateway, r.ReceivedAt).Failed++
		if r.Class != "" {
			t.fault(r.Gateway, r.Class, r.ReceivedAt).Count++
		}
	}
}

// Add adds sums, such as those that could not be written.
func (t *Tallies) Add(sums Sums) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if sums.Newest.After(t.newest) {
		t.newest = sums.Newest
	}
	for _, more := range sums.Tallies {
		sum := t.at(more.Gateway, more.Country, more.Minute)
		sum.Accepted += more.Accepted
		sum.Delivered += more.Delivered
		sum.Undelivered += more.Undelivered
		sum.Slow += more.Slow
	}
	for i := range sums.Points {
		t.in(sums.Points[i].Gateway, sums.Points[i].At).Add(&sums.Points[i].Traffic)
	}
	for _, more := range sums.Faults {
		t.fault(more.Gateway, more.Class, more.At).Count += more.Count
	}
}

// Take returns what was added up since the last time, in order.
func (t *Tallies) Take() Sums {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	sums := Sums{
		Tallies: sorted(t.counts, compareTallies), Points: sorted(t.points, comparePoints), Faults: sorted(t.faults, compareFaults),
		Newest: t.newest,
	}
	t.counts, t.points, t.faults = nil, nil, nil
	return sums
}

func sorted[K comparable, V any](sums map[K]*V, compare func(a, b V) int) []V {
	list := make([]V, 0, len(sums))
	for _, sum := range sums {
		list = append(list, *sum)
	}
	slices.SortFunc(list, compare)
	return list
}

func compareTallies(a, b Tally) int {
	return cmp.Or(a.Minute.Compare(b.Minute), cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Country, b.Country))
}

// Weight is how much of the traffic of a route goes through a gateway.
type Weight struct {
	Route, Gateway string
	// Weight is from 0 to 100.
	Weight int
	// Reason says why it was changed.
	Reason    string
	ChangedAt time.Time
}

// WeightsFor is how long a weight is kept that another has replaced.
const WeightsFor = 30 * 24 * time.Hour
