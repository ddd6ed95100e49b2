package dispatch

import (
	"testing"
	"time"

	"courier"
)

// at is a time of the tests.
func at(d time.Duration) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(d)
}

// middle is the random number that leaves an open duration as it is.
const middle = 0.5

func failure(id byte) report {
	return report{id: courier.ID{id}, verdict: verdictFailing}
}

func connectFailure() report {
	return report{id: courier.ID{1}, verdict: verdictFailing, connect: true}
}

// feed gives a breaker reports of its current epoch.
func feed(b *breaker, now time.Time, reports ...report) {
	for _, r := range reports {
		b.report(b.epoch, r, now, middle)
	}
}

func TestBreaker_Opens(t *testing.T) {
	t.Parallel()
	alive, gone := report{verdict: verdictAlive}, report{verdict: verdictDown}
	tests := map[string]struct {
		reports []report
		want    breakerState
	}{
		"GatewayDownAtOnce":       {[]report{gone}, breakerOpen},
		"FiveFailuresOfThree":     {[]report{failure(1), failure(2), failure(3), failure(1), failure(2)}, breakerOpen},
		"FourFailures":            {[]report{failure(1), failure(2), failure(3), failure(4)}, breakerClosed},
		"FiveFailuresOfTwo":       {[]report{failure(1), failure(2), failure(1), failure(2), failure(1), failure(2)}, breakerClosed},
		"PoisonAlone":             {[]report{failure(1), failure(1), failure(1), failure(1), failure(1), failure(1), failure(1)}, breakerClosed},
		"ThreeConnectsOfOne":      {[]report{connectFailure(), connectFailure(), connectFailure()}, breakerOpen},
		"ConnectsInterrupted":     {[]report{connectFailure(), connectFailure(), failure(1), connectFailure()}, breakerClosed},
		"SuccessResets":           {[]report{failure(1), failure(2), failure(3), failure(4), alive, failure(5)}, breakerClosed},
		"SuccessResetsConnects":   {[]report{connectFailure(), connectFailure(), alive, connectFailure()}, breakerClosed},
		"NothingSaidDoesNotReset": {[]report{connectFailure(), connectFailure(), {}, connectFailure()}, breakerOpen},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b breaker
			feed(&b, at(0), test.reports...)
			if b.state != test.want {
				t.Errorf("breaker is %s, want %s", b.state, test.want)
			}
		})
	}
}

func TestBreaker_OneMessageFindsItDownOnce(t *testing.T) {
	t.Parallel()
	poison := report{id: courier.ID{15: 1}, verdict: verdictDown}
	other := report{id: courier.ID{15: 2}, verdict: verdictDown}
	accepted := report{id: courier.ID{15: 3}, verdict: verdictAlive, accepted: true}
	var b breaker
	feed(&b, at(0), poison)
	if b.state != breakerOpen {
		t.Fatalf("breaker is %s after the first gateway_down, want open", b.state)
	}
	b.advance(at(time.Hour))
	feed(&b, at(time.Hour), accepted, poison, poison)
	if b.state != breakerClosed {
		t.Errorf("breaker is %s after the same message, want closed: others got through", b.state)
	}
	feed(&b, at(time.Hour), other)
	if b.state != breakerOpen {
		t.Errorf("breaker is %s after another message, want open", b.state)
	}
}

func TestBreaker_OpenDurationDoubles(t *testing.T) {
	t.Parallel()
	var b breaker
	now := at(0)
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
		feed(&b, now, report{verdict: verdictDown})
		if got := b.openUntil.Sub(now); got != want*time.Second {
			t.Errorf("opening %d lasts %s, want %s", i, got, want*time.Second)
		}
		b.advance(b.openUntil.Add(-1))
		if b.state != breakerOpen {
			t.Fatalf("breaker is %s before its time", b.state)
		}
		now = b.openUntil
		b.advance(now)
		if b.state != breakerHalfOpen {
			t.Fatalf("breaker is %s after its time, want half open", b.state)
		}
	}
	feed(&b, now, report{verdict: verdictAlive})
	if b.state != breakerClosed {
		t.Fatalf("breaker is %s after a good probe, want closed", b.state)
	}
	feed(&b, now, report{id: courier.ID{15: 9}, verdict: verdictDown})
	if got := b.openUntil.Sub(now); got != time.Second {
		t.Errorf("opening after a success lasts %s, want 1s", got)
	}
}

func TestBreaker_Jitter(t *testing.T) {
	t.Parallel()
	for random, want := range map[float64]time.Duration{0: 800 * time.Millisecond, 0.5: time.Second, 0.75: 1100 * time.Millisecond} {
		var b breaker
		b.report(0, report{verdict: verdictDown}, at(0), random)
		if got := b.openUntil.Sub(at(0)).Round(time.Microsecond); got != want {
			t.Errorf("random %v opens for %s, want %s", random, got, want)
		}
	}
}

func TestBreaker_RetryAfterIsTheLeast(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ asked, want time.Duration }{
		{0, time.Second}, {20 * time.Second, 20 * time.Second}, {time.Hour, 5 * time.Minute},
	} {
		asked, want := test.asked, test.want
		var b breaker
		last := connectFailure()
		last.retryAfter = asked
		feed(&b, at(0), connectFailure(), connectFailure(), last)
		if got := b.openUntil.Sub(at(0)); got != want {
			t.Errorf("asked for %s it opens for %s, want %s", asked, got, want)
		}
	}
	var b breaker
	feed(&b, at(0), report{verdict: verdictDown, retryAfter: time.Minute})
	if got := b.openUntil.Sub(at(0)); got != time.Second {
		t.Errorf("a gateway that is down opens it for %s, want 1s", got)
	}
}

func TestBreaker_FailedProbeOpensAgain(t *testing.T) {
	t.Parallel()
	var b breaker
	feed(&b, at(0), report{verdict: verdictDown})
	b.advance(at(time.Second))
	feed(&b, at(time.Second), failure(1))
	if b.state != breakerOpen || b.openUntil != at(3*time.Second) {
		t.Errorf("breaker is %s until %s, want open for 2 s more", b.state, b.openUntil)
	}
}

func TestBreaker_IgnoresEarlierEpochs(t *testing.T) {
	t.Parallel()
	var b breaker
	before := b.epoch
	feed(&b, at(0), report{verdict: verdictDown})
	b.report(before, report{verdict: verdictAlive}, at(0), middle)
	if b.state != breakerOpen {
		t.Error("a success of before closed the breaker")
	}
	b.report(before, report{verdict: verdictDown}, at(time.Second/2), middle)
	if b.openUntil != at(time.Second) {
		t.Error("a failure of before opened the breaker for longer")
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	var l limit
	l.configure(16)
	throttled, took := report{throttled: true}, report{accepted: true}
	l.report(throttled, at(0))
	l.report(throttled, at(50*time.Millisecond))
	if l.current != 8 {
		t.Errorf("limit is %d after one burst of refusals, want 8", l.current)
	}
	for i := range 10 {
		l.report(throttled, at(time.Duration(i+1)*100*time.Millisecond))
	}
	if l.current != 1 {
		t.Errorf("limit is %d after many refusals, want 1", l.current)
	}
	for range 1 + 2 + 3 {
		l.report(took, at(time.Minute))
	}
	if l.current != 4 {
		t.Errorf("limit is %d after 6 successes, want 4", l.current)
	}
	for range 1000 {
		l.report(took, at(time.Minute))
	}
	if l.current != 16 {
		t.Errorf("limit is %d after many successes, want 16", l.current)
	}
}
