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

// Tallies adds up what is not written yet. It is safe for concurrent use.
type Tallies struct {
	mutex  sync.Mutex
	counts map[tallyKey]*Tally
}

type tallyKey struct {
	gateway, country string
	minute           int64
}

func (t *Tallies) at(gateway, country string, sentAt time.Time) *Tally {
	minute := sentAt.UTC().Truncate(time.Minute)
	key := tallyKey{gateway, country, minute.Unix()}
	if t.counts == nil {
		t.counts = map[tallyKey]*Tally{}
	}
	found := t.counts[key]
	if found == nil {
		found = &Tally{Gateway: gateway, Country: country, Minute: minute}
		t.counts[key] = found
	}
	return found
}

func (t *Tallies) accepted(gateway, country string, at time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.at(gateway, country, at).Accepted++
}

// Settled counts the settlements that applied and say that a gateway took the message.
func (t *Tallies) Settled(settlements []Settlement, applied []bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for i := range settlements {
		s := &settlements[i]
		if applied[i] && s.Status == courier.StatusSent && s.Attempt != nil {
			t.at(s.Attempt.Gateway, s.Country, s.At).Accepted++
		}
	}
}

// reported counts a receipt that brings a message into a status.
func (t *Tallies) reported(r *courier.Receipt, m *courier.Message, to courier.Status) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	tally := t.at(r.Gateway, m.Country, cmp.Or(m.SentAt, r.ReceivedAt))
	switch to { //nolint:exhaustive // the others are not counted
	case courier.StatusDelivered:
		tally.Delivered++
		if r.ReceivedAt.Sub(m.SentAt) > slowAfter {
			tally.Slow++
		}
	case courier.StatusUndelivered, courier.StatusRejected, courier.StatusExpired:
		tally.Undelivered++
	}
}

// Add adds tallies, such as those that could not be written.
func (t *Tallies) Add(list []Tally) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, more := range list {
		sum := t.at(more.Gateway, more.Country, more.Minute)
		sum.Accepted += more.Accepted
		sum.Delivered += more.Delivered
		sum.Undelivered += more.Undelivered
		sum.Slow += more.Slow
	}
}

// Take returns what was added up since the last time, by minute, gateway and country.
func (t *Tallies) Take() []Tally {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	list := make([]Tally, 0, len(t.counts))
	for _, tally := range t.counts {
		list = append(list, *tally)
	}
	t.counts = nil
	slices.SortFunc(list, compareTallies)
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
