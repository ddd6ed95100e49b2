package dispatch

import "time"

// limitCutInterval keeps one burst of refusals from counting as many.
const limitCutInterval = 100 * time.Millisecond

// limit adapts the number of attempts in flight to what the gateway takes:
// half on a refusal, one more after as many acceptances as the limit, as TCP
// does. It is not safe for concurrent use.
type limit struct {
	max      int
	current  int
	accepted int
	cutAt    time.Time
}

// configure sets the most there may be and begins there.
func (l *limit) configure(most int) {
	*l = limit{max: most, current: most}
}

func (l *limit) report(r report, now time.Time) {
	switch {
	case r.throttled && now.Sub(l.cutAt) >= limitCutInterval:
		l.current = max(l.current/2, 1)
		l.accepted = 0
		l.cutAt = now
	case r.accepted && l.current < l.max:
		l.accepted++
		l.grow()
	}
}

func (l *limit) grow() {
	if l.accepted >= l.current {
		l.current++
		l.accepted = 0
	}
}
