package courier_test

import (
	"testing"
	"time"

	"courier"
)

func TestMessage_Expired(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 7, 29, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		name           string
		expiresAt, now time.Time
		want           bool
	}{
		{"NoExpiry", time.Time{}, at, false},
		{"Before", at, at.Add(-time.Microsecond), false},
		{"AtTheMoment", at, at, true},
		{"After", at, at.Add(time.Microsecond), true},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			message := courier.Message{ExpiresAt: test.expiresAt}
			if got := message.Expired(test.now); got != test.want {
				t.Errorf("Expired = %t", got)
			}
		})
	}
}
