package store

import (
	"math/rand/v2"
	"testing"
	"time"

	"courier"
)

func testLimits() []courier.Limit {
	return []courier.Limit{
		{By: courier.LimitByRecipient, Subject: Subject{1}, Count: 3, Per: 10 * time.Minute},
		{By: courier.LimitByRecipient, Subject: Subject{1}, Count: 5, Per: 24 * time.Hour},
	}
}

// TestUsages_Take slides the spans of two limits of one recipient.
func TestUsages_Take(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var stored []byte
	for i, step := range []struct {
		after, wait time.Duration
		per         time.Duration
	}{
		{0, 0, 0},
		{time.Minute, 0, 0},
		{2 * time.Minute, 0, 0},
		{3 * time.Minute, 7 * time.Minute, 10 * time.Minute},
		{10*time.Minute - time.Microsecond, time.Second, 10 * time.Minute},
		{10 * time.Minute, 0, 0},
		{10*time.Minute + 1500*time.Millisecond, 59 * time.Second, 10 * time.Minute},
		{11 * time.Minute, 0, 0},
		{2 * time.Hour, 22 * time.Hour, 24 * time.Hour},
		{24 * time.Hour, 0, 0},
		{23 * time.Hour, time.Hour + time.Minute, 24 * time.Hour}, // the clock of another node
		{24*time.Hour + time.Minute, 0, 0},
	} {
		u := &Usages{}
		if err := u.Set(Subject{1}, stored); err != nil {
			t.Fatal(err)
		}
		err := u.Take(&courier.Message{Limits: testLimits()}, began.Add(step.after))
		refused, _ := err.(*courier.LimitError) //nolint:errorlint // it is itself
		switch {
		case step.wait == 0 && err != nil, step.wait > 0 && refused == nil:
			t.Errorf("%d: got %v, want a wait of %s", i, err, step.wait)
		case refused != nil && (refused.RetryAfter != step.wait || refused.Per != step.per):
			t.Errorf("%d: got %+v, want a wait of %s", i, refused, step.wait)
		}
		_ = u.Changed(func(_ Subject, until time.Time, times []byte) error {
			if want := began.Add(step.after).Add(24 * time.Hour); until.Before(want) {
				t.Errorf("%d: it may go at %s, want %s", i, until, want)
			}
			stored = times
			return nil
		})
	}
}

// TestUsage_Bounded takes as many messages as large limits allow: never more in any span,
// and what is kept stays small.
func TestUsage_Bounded(t *testing.T) {
	t.Parallel()
	limits := []courier.Limit{{Count: 40, Per: time.Second}, {Count: 5000, Per: time.Hour}}
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var u usage
	var taken []time.Time
	most := 0
	for range 60_000 {
		now = now.Add(time.Duration(random.IntN(300)) * time.Millisecond)
		if u.judge(limits[0], now) == nil && u.judge(limits[1], now) == nil {
			u = u.add(limits, now)
			taken = append(taken, now)
		}
		most = max(most, len(u.encode()))
	}
	for _, l := range limits {
		for i := l.Count; i < len(taken); i++ {
			if span := taken[i].Sub(taken[i-l.Count]); span < l.Per {
				t.Fatalf("%d messages were taken in %s", l.Count+1, span)
			}
		}
	}
	if perHour := float64(len(taken)) / now.Sub(taken[0]).Hours(); perHour < 4500 {
		t.Errorf("%.0f messages were taken an hour, want nearly 5000", perHour)
	}
	if most > 4096 {
		t.Errorf("%d bytes are kept", most)
	}
}

func TestDecodeUsage_Refuses(t *testing.T) {
	t.Parallel()
	for _, text := range [][]byte{{0x80}, {2}, {2, 0x80}} {
		if _, err := decodeUsage(text); err == nil {
			t.Errorf("%x was read", text)
		}
	}
}
