package dispatch

import (
	"testing"
	"time"
)

// newSlots returns four slots whose first claim found nothing.
func newSlots(t *testing.T) *slots {
	t.Helper()
	const count = 4
	s := &slots{}
	s.configure(count, at(0))
	p := s.plan(at(0))
	if p.count != count {
		t.Fatalf("the first claim is for %d, want all %d", p.count, count)
	}
	s.claimed(p, 0, at(0))
	return s
}

func TestSlots_NewMessagesWaitForTheFirstClaim(t *testing.T) {
	t.Parallel()
	s := &slots{}
	s.configure(4, at(0))
	if _, ok := s.takeForNew(at(0)); ok {
		t.Error("a new message overtook what the store may hold")
	}
	s.claimed(s.plan(at(0)), 0, at(0))
	if _, ok := s.takeForNew(at(0)); !ok {
		t.Error("a new message waits though nothing is queued")
	}
}

func TestSlots_ClaimLeavesRoomForNewMessages(t *testing.T) {
	t.Parallel()
	s := newSlots(t)
	s.note(at(0), false)
	p := s.plan(at(0))
	if p.count != 2 {
		t.Fatalf("claim is for %d, want half of 4", p.count)
	}
	if _, ok := s.takeForNew(at(0)); !ok {
		t.Error("a new message waits for the claim of a retry")
	}
	s.claimed(p, 2, at(0))
	if _, ok := s.takeForNew(at(0)); ok {
		t.Error("a new message overtook a backlog")
	}
	if p := s.plan(at(0)); p.count != 1 {
		t.Errorf("the next claim is for %d, want the 1 slot that is left", p.count)
	}
}

func TestSlots_WaitsForWhatIsDue(t *testing.T) {
	t.Parallel()
	s := newSlots(t)
	if p := s.plan(at(0)); p != (plan{}) {
		t.Errorf("plan is %+v with nothing queued, want none", p)
	}
	s.note(at(time.Minute), false)
	s.note(at(time.Hour), false)
	if p := s.plan(at(time.Second)); p.count != 0 || p.wait != 59*time.Second {
		t.Errorf("plan is %+v, want to wait 59 s", p)
	}
	if p := s.plan(at(time.Minute)); p.count == 0 {
		t.Error("nothing is claimed when a message is due")
	}
}

func TestSlots_FailedClaimIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newSlots(t)
	s.note(at(0), false)
	p := s.plan(at(0))
	s.claimFailed(p, at(0))
	if again := s.plan(at(0)); again.count != p.count {
		t.Errorf("claim is for %d, want %d again", again.count, p.count)
	}
}

func TestSlots_OneProbeAtATime(t *testing.T) {
	t.Parallel()
	s := newSlots(t)
	epoch, _ := s.takeForNew(at(0))
	resume, changed := s.report(epoch, report{verdict: verdictDown}, at(0), middle)
	if !changed.opened || changed.openFor != time.Second || resume != at(time.Second) {
		t.Errorf("change is %+v, resume at %s, want opened for 1 s", changed, resume)
	}
	if s.mayAttempt(epoch) {
		t.Error("a message leased before the breaker opened may be attempted")
	}
	if p := s.plan(at(0)); p.count != 0 || p.wait != time.Second {
		t.Errorf("plan is %+v while open, want to wait 1 s", p)
	}
	probe := s.plan(at(time.Second))
	if probe.count != 1 || !s.mayAttempt(probe.epoch) {
		t.Fatalf("plan is %+v when half open, want one probe that may be attempted", probe)
	}
	s.note(at(time.Second), false)
	if p := s.plan(at(time.Second)); p.count != 0 {
		t.Error("a second probe was let through")
	}
	s.claimed(probe, 0, at(time.Second))
	second, ok := s.takeForNew(at(time.Second))
	if !ok {
		t.Fatal("no probe follows one that told nothing")
	}
	if _, changed := s.report(second, report{verdict: verdictAlive}, at(time.Second), middle); !changed.closed {
		t.Error("a good probe did not close the breaker")
	}
}

func TestSlots_RetiredTakesNothing(t *testing.T) {
	t.Parallel()
	s := newSlots(t)
	epoch, _ := s.takeForNew(at(0))
	s.retire()
	if _, ok := s.takeForNew(at(0)); ok || s.mayAttempt(epoch) || s.note(at(0), true) || s.plan(at(0)).count > 0 {
		t.Error("slots of a retired lane are in use")
	}
}
