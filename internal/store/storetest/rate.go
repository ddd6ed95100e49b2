package storetest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"courier/internal/store"
)

func rateTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"RateIsKept":                testRateIsKept,
		"RateIsReached":             testRateIsReached,
		"FirstIsGranted":            testFirstIsGranted,
		"GatewaysHaveTheirOwnRates": testRatesAreApart,
		"RateCanChange":             testRateChanges,
		"RateCanBeRaised":           testRateRaised,
		"ClockCanBeSetBack":         testRateClockSetBack,
		"NothingWantedTakesNothing": testNothingWanted,
	}
}

// testRateRaised raises a rate at which the next attempt is far away: what was
// paid at the old one does not hold up the new one.
func testRateRaised(t *testing.T, k *kit) {
	k.reserve(t, gatewayA, 0.001, 1)
	if grant := k.reserve(t, gatewayA, 0.001, 1); grant.Count != 0 {
		t.Fatalf("%d more attempts were granted at once", grant.Count)
	}
	k.now = k.now.Add(store.RateBurst)
	if grant := k.reserve(t, gatewayA, 100, 1); grant.Count == 0 && grant.Wait > store.RateBurst {
		t.Errorf("the raised rate waits %v", grant.Wait)
	}
}

// testRateClockSetBack sets the clock back by ten minutes.
func testRateClockSetBack(t *testing.T, k *kit) {
	k.reserve(t, gatewayA, 10, 1)
	k.now = k.now.Add(-10 * time.Minute)
	if grant := k.reserve(t, gatewayA, 10, 1); grant.Count == 0 && grant.Wait > store.RateBurst {
		t.Errorf("a gateway waits %v after the clock was set back", grant.Wait)
	}
}

// reserve asks for attempts at a gateway now, and checks the form of the answer.
func (k *kit) reserve(t caller, gateway string, rate float64, want int) store.Grant {
	t.Helper()
	return reserveOn(t, k.store, store.Reservation{Gateway: gateway, Now: k.now, Rate: rate, Want: want})
}

func reserveOn(t caller, s store.Store, r store.Reservation) store.Grant {
	t.Helper()
	grant, err := s.Reserve(t.Context(), r)
	if err != nil {
		t.Fatalf("Reserve: %v", err)
	}
	if grant.Count < 0 || grant.Count > r.Want {
		t.Fatalf("%d attempts were granted, %d were wanted", grant.Count, r.Want)
	}
	if (grant.Wait > 0) != (grant.Count == 0 && r.Want > 0) {
		t.Fatalf("grant is %+v for %d wanted", grant, r.Want)
	}
	return grant
}

// allowance is the most attempts that a rate allows over a time.
func allowance(rate float64, over time.Duration) float64 {
	return rate*over.Seconds() + max(1, rate*store.RateBurst.Seconds())
}

func drawRate(t *rapid.T) float64 {
	return rapid.SampledFrom([]float64{0.5, 1, 3, 7.5, 10, 70, 333, 1000, 20_000}).Draw(t, "rate")
}

// granted are attempts that a gateway was granted at a time.
type granted struct {
	at    time.Time
	count int
}

// isWithin checks every stretch of time between two grants.
func isWithin(t reporter, grants []granted, rate float64) {
	t.Helper()
	for i := range grants {
		total := 0
		for _, last := range grants[i:] {
			total += last.count
			over := last.at.Sub(grants[i].at)
			if most := allowance(rate, over); float64(total) > most+1e-6 {
				t.Errorf("%d attempts were granted within %v at a rate of %v, want at most %v", total, over, rate, most)
			}
		}
	}
}

// testRateIsKept makes random requests, and takes the store at its word about
// how long to wait.
func testRateIsKept(t *testing.T, k *kit) {
	serial := 0
	rapid.Check(t, func(rt *rapid.T) {
		serial++
		gateway, rate := fmt.Sprintf("gateway-%d", serial), drawRate(rt)
		cell := time.Duration(float64(time.Second) / rate)
		var grants []granted
		patient := false
		for range rapid.IntRange(1, 12).Draw(rt, "requests") {
			grant := k.reserve(rt, gateway, rate, rapid.SampledFrom([]int{1, 1, 2, 5, 100, 5000}).Draw(rt, "want"))
			if patient && grant.Count == 0 {
				rt.Fatalf("nothing is granted after the wait; another is %v", grant.Wait)
			}
			if grant.Count > 0 {
				grants = append(grants, granted{k.now, grant.Count})
			}
			patient = grant.Count == 0 && rapid.Bool().Draw(rt, "patient")
			if patient {
				k.now = k.now.Add(grant.Wait)
				continue
			}
			k.now = k.now.Add(time.Duration(rapid.Int64Range(0, 2*int64(cell)).Draw(rt, "pause")))
		}
		isWithin(rt, grants, rate)
	})
}

// testRateIsReached takes all that it can get, and waits as told in between.
func testRateIsReached(t *testing.T, k *kit) {
	for _, rate := range []float64{0.5, 7.5, 333, 20_000} {
		gateway, start, total := fmt.Sprint(rate), k.now, 0
		for range 40 {
			grant := k.reserve(t, gateway, rate, 100_000)
			total += grant.Count
			k.now = k.now.Add(grant.Wait)
		}
		if least := 0.9 * rate * k.now.Sub(start).Seconds(); float64(total) < least || total < 2 {
			t.Errorf("%d attempts were granted within %v at a rate of %v, want at least %v", total, k.now.Sub(start), rate, least)
		}
	}
}

func testFirstIsGranted(t *testing.T, k *kit) {
	for _, test := range []struct {
		rate       float64
		want, most int
	}{{0.1, 1, 1}, {0.1, 5, 1}, {10, 5, 1}, {20, 5, 2}, {1000, 70, 70}, {1000, 1000, 100}} {
		gateway := fmt.Sprint(test)
		if got := k.reserve(t, gateway, test.rate, test.want).Count; got != test.most {
			t.Errorf("%d of %d attempts were granted at first at a rate of %v, want %d", got, test.want, test.rate, test.most)
		}
	}
}

func testRatesAreApart(t *testing.T, k *kit) {
	for _, gateway := range []string{gatewayA, gatewayB, ""} {
		if grant := k.reserve(t, gateway, 2, 9); grant.Count != 1 {
			t.Errorf("gateway %q: %+v, want one granted", gateway, grant)
		}
		if grant := k.reserve(t, gateway, 2, 1); grant.Count != 0 {
			t.Errorf("gateway %q: %+v, want none granted", gateway, grant)
		}
	}
}

// testRateChanges makes a rate faster: the attempts made so far are paid for at the old one.
func testRateChanges(t *testing.T, k *kit) {
	k.reserve(t, gatewayA, 1, 1)
	k.now = k.now.Add(time.Second)
	if grant := k.reserve(t, gatewayA, 1000, 500); grant.Count != 100 {
		t.Errorf("grant is %+v, want the burst of the new rate", grant)
	}
}

func testNothingWanted(t *testing.T, k *kit) {
	for range 5 {
		k.reserve(t, gatewayA, 1, 0)
	}
	if grant := k.reserve(t, gatewayA, 1, 1); grant.Count != 1 {
		t.Errorf("grant is %+v, want one", grant)
	}
}
