package store_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"courier/internal/store"
)

func start() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

// TestReservation_Take is the table of what an empty bucket and a full one grant.
func TestReservation_Take(t *testing.T) {
	t.Parallel()
	const cell = 100 * time.Millisecond // of the rate 10
	for name, test := range map[string]struct {
		rate  float64
		want  int
		paid  time.Duration // how far ahead of now
		grant store.Grant
		after time.Duration
	}{
		"First":             {rate: 10, want: 5, paid: -time.Hour, grant: store.Grant{Count: 1}, after: cell},
		"NothingPaidAhead":  {rate: 10, want: 5, grant: store.Grant{Count: 1}, after: cell},
		"Full":              {rate: 10, want: 5, paid: cell, grant: store.Grant{Wait: cell}, after: cell},
		"HalfFull":          {rate: 10, want: 5, paid: cell / 2, grant: store.Grant{Wait: cell / 2}, after: cell / 2},
		"Burst":             {rate: 100, want: 50, grant: store.Grant{Count: 10}, after: store.RateBurst},
		"NoMoreThanWanted":  {rate: 100, want: 3, grant: store.Grant{Count: 3}, after: 30 * time.Millisecond},
		"RestOfABurst":      {rate: 100, want: 50, paid: 75 * time.Millisecond, grant: store.Grant{Count: 2}, after: 95 * time.Millisecond},
		"SlowerThanABurst":  {rate: 0.1, want: 5, grant: store.Grant{Count: 1}, after: 10 * time.Second},
		"SlowAndPaid":       {rate: 0.1, want: 5, paid: 4 * time.Second, grant: store.Grant{Wait: 4 * time.Second}, after: 4 * time.Second},
		"FasterThanAClock":  {rate: 1e12, want: 70, grant: store.Grant{Count: 70}, after: 70},
		"NothingWanted":     {rate: 10, grant: store.Grant{}},
		"NothingWantedFull": {rate: 10, paid: cell, grant: store.Grant{}, after: cell},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := store.Reservation{Gateway: "sms", Now: start(), Rate: test.rate, Want: test.want}
			grant, after := r.Take(start().Add(test.paid))
			if grant != test.grant || !after.Equal(start().Add(test.after)) {
				t.Errorf("granted %+v, paid for %v, want %+v and %v", grant, after.Sub(start()), test.grant, test.after)
			}
		})
	}
}

// TestReservation_TakeOfABucketThatIsNew takes the zero time for never used.
func TestReservation_TakeOfABucketThatIsNew(t *testing.T) {
	t.Parallel()
	grant, after := store.Reservation{Now: start(), Rate: 4, Want: 9}.Take(time.Time{})
	if grant != (store.Grant{Count: 1}) || !after.Equal(start().Add(250*time.Millisecond)) {
		t.Errorf("granted %+v, paid until %v", grant, after)
	}
}

// TestReservation_TakeKeepsTheRate makes random requests of any rate: every
// stretch of time is within the rate, the wait is enough, and not too long.
func TestReservation_TakeKeepsTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.01, 1e6).Draw(t, "rate")
		now, paidUntil := start(), time.Time{}
		var times []time.Time
		var counts []int
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			r := store.Reservation{Now: now, Rate: rate, Want: rapid.IntRange(1, 1000).Draw(t, "want")}
			var grant store.Grant
			if grant, paidUntil = r.Take(paidUntil); grant.Count == 0 {
				hasToWait(t, r, paidUntil, grant.Wait)
				now = now.Add(grant.Wait)
				continue
			}
			times, counts = append(times, now), append(counts, grant.Count)
			now = now.Add(time.Duration(rapid.Int64Range(0, 3e9/int64(rate+1)).Draw(t, "pause")))
		}
		for i := range times {
			total := 0
			for j := i; j < len(times); j++ {
				total += counts[j]
				most := rate*times[j].Sub(times[i]).Seconds() + max(1, rate*store.RateBurst.Seconds())
				if float64(total) > most+1e-6 {
					t.Fatalf("%d attempts within %v at a rate of %v, want at most %v", total, times[j].Sub(times[i]), rate, most)
				}
			}
		}
	})
}

// hasToWait checks that an attempt is granted after the wait and not before it.
func hasToWait(t *rapid.T, r store.Reservation, paidUntil time.Time, wait time.Duration) {
	t.Helper()
	now := r.Now
	r.Now = now.Add(wait)
	if grant, _ := r.Take(paidUntil); grant.Count < 1 {
		t.Fatalf("nothing is granted after a wait of %v: %+v", wait, grant)
	}
	r.Now = now.Add(wait - 1)
	if grant, _ := r.Take(paidUntil); grant.Count > 0 {
		t.Fatalf("the wait of %v is too long", wait)
	}
}
