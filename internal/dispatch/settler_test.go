package dispatch

import (
	"testing"
	"time"
)

// newIdleSettler returns a settler whose loop does not run.
func newIdleSettler() *settler {
	return &settler{engine: &Engine{tick: time.Now}, signal: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
}

// TestSettler_CloseLeavesNothingPending closes a settler between an outcome and the
// loop's look at it: both are news, and the outcome must not be lost.
func TestSettler_CloseLeavesNothingPending(t *testing.T) {
	t.Parallel()
	s := newIdleSettler()
	s.add(&ticket{})
	<-s.signal // the loop is about to choose between this and the end
	s.close()
	if !s.wait(t.Context()) {
		t.Error("the loop ends with an outcome that is not written")
	}
	s.gather()
	if s.wait(t.Context()) {
		t.Error("the loop goes on with nothing to write")
	}
}

// TestSettler_LingerEnds looks at what ends the wait for more outcomes.
func TestSettler_LingerEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		underWay, pending int
		waits             bool
	}{
		"Alone":  {underWay: 0, pending: 1},
		"Nobody": {underWay: 100, pending: 0},
		"Few":    {underWay: 2 * settleShare, pending: 1, waits: true},
		"Enough": {underWay: 2 * settleShare, pending: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newIdleSettler()
			s.out.Add(int64(test.underWay))
			for range test.pending {
				s.add(&ticket{})
			}
			if got := s.lingers(); got != test.waits {
				t.Errorf("%d outcomes wait beside %d under way: %v", test.pending, test.underWay, got)
			}
			s.linger(t.Context())
		})
	}
}
