package store

import (
	"cmp"
	"slices"
	"time"

	"courier"
)

const (
	// SeriesFor is how long the series is kept: long enough to see an hour beside the same
	// one of the week before.
	SeriesFor = 9 * 24 * time.Hour
	// seriesFine is how long it is kept by the minute, talliesFine how long tallies are. What
	// is older is added up over coarse.
	seriesFine  = 48 * time.Hour
	talliesFine = 3 * time.Hour
	coarse      = 10 * time.Minute
	// timelyWithin is how long a message may take that arrives in time.
	timelyWithin = 30 * time.Second
)

// Traffic is what happened to messages in some time.
type Traffic struct {
	// Taken are the messages that the courier took in.
	Taken int64
	// Due are those that were to be sent in it, be it as they were taken in it or scheduled
	// for it, without those that were canceled and without bulk. Timely are those of them that arrived within
	// 30 seconds: by a receipt, or, where the gateway sends none, by its word that it took them.
	Due, Timely int64
	// Sent, Delivered and Failed are what happened in it, whenever the message was due.
	// Failed are rejected, expired, abandoned and undelivered ones.
	Sent, Delivered, Failed int64
	// ToGateway and ToReceipt are how long those Sent and Delivered took since they were due.
	ToGateway, ToReceipt Waits
}

// Point is what happened to the messages of a gateway in the time that begins At.
type Point struct {
	At      time.Time
	Gateway string
	Traffic
}

// Add adds other traffic.
func (c *Traffic) Add(other *Traffic) {
	c.Taken += other.Taken
	c.Due += other.Due
	c.Timely += other.Timely
	c.Sent += other.Sent
	c.Delivered += other.Delivered
	c.Failed += other.Failed
	for i := range c.ToGateway {
		c.ToGateway[i] += other.ToGateway[i]
		c.ToReceipt[i] += other.ToReceipt[i]
	}
}

// Numbers are the counts in the order in which rows keep them. A new one comes last.
func (c *Traffic) Numbers() []int64 {
	return slices.Concat([]int64{c.Taken, c.Due, c.Timely, c.Sent, c.Delivered, c.Failed}, c.ToGateway[:], c.ToReceipt[:])
}

// TrafficOf returns the traffic of a row.
func TrafficOf(numbers []int64) (c Traffic) {
	for i, of := range []*int64{&c.Taken, &c.Due, &c.Timely, &c.Sent, &c.Delivered, &c.Failed} {
		if i < len(numbers) {
			*of = numbers[i]
		}
	}
	if len(numbers) > 6 {
		copy(c.ToGateway[:], numbers[6:])
		copy(c.ToReceipt[:], numbers[min(6+len(c.ToGateway), len(numbers)):])
	}
	return c
}

// Waits count how long messages took, by upper bounds.
type Waits [12]int64

// waitBounds are the upper bounds of Waits; the last has none.
func waitBounds() [11]time.Duration {
	const ms = time.Millisecond
	return [...]time.Duration{
		50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second,
		timelyWithin, time.Minute, 5 * time.Minute,
	}
}

func (w *Waits) add(took time.Duration) {
	bounds := waitBounds()
	at, _ := slices.BinarySearch(bounds[:], took)
	w[at]++
}

// Count is how many were counted.
func (w *Waits) Count() (count int64) {
	for _, n := range w {
		count += n
	}
	return count
}

// Quantile returns about how long a share of the messages took at most, 0 for none. What
// took longer than the last bound counts as that.
func (w *Waits) Quantile(share float64) time.Duration {
	rank, before, from := share*float64(w.Count()), 0.0, time.Duration(0)
	for i, to := range waitBounds() {
		if n := float64(w[i]); n > 0 && before+n >= rank {
			return from + time.Duration((rank-before)/n*float64(to-from))
		}
		before, from = before+float64(w[i]), to
	}
	if w.Count() == 0 {
		return 0
	}
	return from
}

// Fault counts the failed attempts and bad receipts of a gateway by their class.
type Fault struct {
	// At is when ten minutes begin.
	At      time.Time
	Gateway string
	Class   courier.Class
	Count   int64
}

// DueAt is when a message was first to be sent; the zero time for bulk, which waits for
// whatever is more urgent and says nothing of whether codes arrive in time.
func DueAt(m *courier.Message) time.Time {
	if m.Lane == courier.LaneBulk {
		return time.Time{}
	}
	if m.SendAt.After(m.CreatedAt) {
		return m.SendAt
	}
	return m.CreatedAt
}

// Thinner says when what is old is added up over longer times. It is not safe for
// concurrent use.
type Thinner struct{ at time.Time }

// Due returns before when the series and the tallies are added up, as it is now; false when
// that was done a short while ago.
func (t *Thinner) Due(now time.Time) (series, tallies time.Time, due bool) {
	if since := now.Sub(t.at); since >= 0 && since < coarse {
		return time.Time{}, time.Time{}, false
	}
	t.at = now
	return now.Add(-seriesFine).Truncate(coarse), now.Add(-talliesFine).Truncate(coarse), true
}

// Coarse is over how long old counts are added up.
func Coarse() time.Duration { return coarse }

// Thin adds up what is old, as stores that keep rows do.
func (s *Sums) Thin() {
	now := s.Newest
	floor := func(at time.Time, fine time.Duration) time.Time {
		if at.Before(now.Add(-fine).Truncate(coarse)) {
			return at.Truncate(coarse)
		}
		return at
	}
	var sums Tallies
	for i := range s.Tallies {
		s.Tallies[i].Minute = floor(s.Tallies[i].Minute, talliesFine)
	}
	for i := range s.Points {
		s.Points[i].At = floor(s.Points[i].At, seriesFine)
	}
	sums.Add(*s)
	*s = sums.Take()
	s.Tallies = slices.DeleteFunc(s.Tallies, func(t Tally) bool { return t.Minute.Before(now.Add(-TalliesFor)) })
	s.Points = slices.DeleteFunc(s.Points, func(p Point) bool { return p.At.Before(now.Add(-SeriesFor)) })
	s.Faults = slices.DeleteFunc(s.Faults, func(f Fault) bool { return f.At.Before(now.Add(-SeriesFor)) })
}

// FoldSeries adds points up over steps, of all gateways together.
func FoldSeries(points []Point, step time.Duration) []Point {
	var folded []Point
	sums := map[int64]int{}
	for i := range points {
		at := points[i].At.Truncate(step)
		place, found := sums[at.Unix()]
		if !found {
			place = len(folded)
			sums[at.Unix()] = place
			folded = append(folded, Point{At: at})
		}
		folded[place].Add(&points[i].Traffic)
	}
	slices.SortFunc(folded, func(a, b Point) int { return a.At.Compare(b.At) })
	return folded
}

func comparePoints(a, b Point) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Gateway, b.Gateway))
}

func compareFaults(a, b Fault) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Class, b.Class))
}
