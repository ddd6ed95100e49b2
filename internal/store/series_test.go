package store_test

import (
	"testing"
	"time"

	"courier/internal/store"
)

func TestWaits_Quantile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		waits     store.Waits
		p50, p99  time.Duration
		wantCount int64
	}{
		"None":     {},
		"One":      {waits: store.Waits{4: 1}, p50: 750 * time.Millisecond, p99: 995 * time.Millisecond, wantCount: 1},
		"Two":      {waits: store.Waits{0: 50, 8: 50}, p50: 50 * time.Millisecond, p99: 29600 * time.Millisecond, wantCount: 100},
		"VeryLong": {waits: store.Waits{11: 3}, p50: 5 * time.Minute, p99: 5 * time.Minute, wantCount: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.waits.Quantile(0.5); got != test.p50 {
				t.Errorf("p50 is %s, want %s", got, test.p50)
			}
			if got := test.waits.Quantile(0.99); got != test.p99 {
				t.Errorf("p99 is %s, want %s", got, test.p99)
			}
			if got := test.waits.Count(); got != test.wantCount {
				t.Errorf("count is %d, want %d", got, test.wantCount)
			}
		})
	}
}

// TestTraffic_Numbers keeps the order in which rows have them.
func TestTraffic_Numbers(t *testing.T) {
	t.Parallel()
	want := store.Traffic{Taken: 1, Due: 2, Timely: 3, Sent: 4, Delivered: 5, Failed: 6, ToGateway: store.Waits{7, 11: 8}, ToReceipt: store.Waits{9, 11: 10}}
	numbers := want.Numbers()
	if got := store.TrafficOf(numbers); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if numbers[3] != 4 || numbers[6] != 7 || numbers[29] != 10 {
		t.Errorf("the order changed: %v", numbers)
	}
	if got := store.TrafficOf(nil); got != (store.Traffic{}) {
		t.Errorf("of nothing: %+v", got)
	}
}
