package dispatch

import (
	"slices"
	"time"
)

// window counts what happened in the last while, in slots of equal width. The zero
// value is of no use; see newWindow. It is not safe for concurrent use.
type window struct {
	width  time.Duration
	counts []int
	// origin is when the first slot began, latest the slot of the last event.
	origin time.Time
	latest int
}

// newWindow returns a window of slots of a width each.
func newWindow(slots int, width time.Duration) window {
	return window{width: width, counts: make([]int, slots)}
}

// add counts one more at a time.
func (w *window) add(now time.Time) {
	w.advance(now)
	w.counts[w.latest%len(w.counts)]++
}

// sum returns how many there were within the window.
func (w *window) sum(now time.Time) int { return w.last(now, len(w.counts)) }

// last returns how many there were in the latest slots.
func (w *window) last(now time.Time, slots int) int {
	w.advance(now)
	total := 0
	for i := range min(slots, w.latest+1) {
		total += w.counts[(w.latest-i)%len(w.counts)]
	}
	return total
}

// advance empties the slots that are past.
func (w *window) advance(now time.Time) {
	if w.origin.IsZero() {
		w.origin = now
	}
	slot := int(now.Sub(w.origin) / w.width)
	if slot >= w.latest+len(w.counts) {
		clear(w.counts)
	} else {
		for i := w.latest + 1; i <= slot; i++ {
			w.counts[i%len(w.counts)] = 0
		}
	}
	w.latest = max(w.latest, slot)
}

// reset forgets all.
func (w *window) reset() {
	clear(w.counts)
	w.origin, w.latest = time.Time{}, 0
}

// digest stands for a recipient, so that no number is kept.
type digest uint64

// crowd knows whether something happened to several recipients lately. It
// remembers only the last few.
type crowd struct {
	seen []sighting
}

type sighting struct {
	who digest
	at  time.Time
}

// crowdSize bounds what a crowd remembers. It is above any number that is asked for.
const crowdSize = 8

// add notes a recipient.
func (c *crowd) add(who digest, now time.Time) {
	c.seen = slices.DeleteFunc(c.seen, func(s sighting) bool { return s.who == who })
	if len(c.seen) == crowdSize {
		c.seen = slices.Delete(c.seen, 0, 1)
	}
	c.seen = append(c.seen, sighting{who, now})
}

// since returns how many different ones there were from a time on, at most crowdSize.
func (c *crowd) since(from time.Time) int {
	count := 0
	for _, s := range c.seen {
		if !s.at.Before(from) {
			count++
		}
	}
	return count
}

func (c *crowd) reset() { c.seen = c.seen[:0] }
