package dispatch

import (
	"sync"
	"time"
)

// settleLagMax is how long outcomes may wait to be written before the settler is
// behind. It is below what a lease has left at the end of an attempt.
const settleLagMax = settleMargin / 6

// lag tells whether outcomes wait too long to be written.
type lag struct {
	mu sync.Mutex
	// since is when the oldest of them began to wait; zero when none does.
	since time.Time
	stuck bool
}

// begin notes that something is being written.
func (l *lag) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		l.since = time.Now()
	}
}

// end notes that it was written, and whether other outcomes are stuck.
func (l *lag) end(stuck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since, l.stuck = time.Time{}, stuck
}

func (l *lag) behind() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stuck || !l.since.IsZero() && time.Since(l.since) > settleLagMax
}

// behind reports whether outcomes of this node may still have to be written
// when their leases lapse.
func (s *settler) behind() bool { return s.lag.behind() }
