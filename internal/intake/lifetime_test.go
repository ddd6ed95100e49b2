package intake_test

import (
	"testing"
	"time"

	"courier"
	"courier/internal/intake"
)

func TestIntake_AcceptLifetime(t *testing.T) {
	t.Parallel()
	hour := now().Add(time.Hour)
	for _, test := range []struct {
		name         string
		lifetime     courier.Lifetime
		due, expires time.Time
	}{
		{"None", courier.Lifetime{}, now(), time.Time{}},
		{"TTL", courier.Lifetime{TTL: "5m"}, now(), now().Add(5 * time.Minute)},
		{"ExpiresAt", courier.Lifetime{ExpiresAt: "2026-05-06T08:08:09.1234567+01:00"}, now(), hour},
		{"SendAt", courier.Lifetime{SendAt: "2026-05-06T07:08:09.123456Z"}, hour, time.Time{}},
		{"SendAtPast", courier.Lifetime{SendAt: "2020-01-01T00:00:00Z", TTL: "1s"}, now(), now().Add(time.Second)},
		{"TTLCountsFromSendAt", courier.Lifetime{SendAt: "2026-05-06T07:08:09.123456Z", TTL: "1m30s"}, hour, hour.Add(90 * time.Second)},
		{"Longest", courier.Lifetime{TTL: "744h"}, now(), now().Add(744 * time.Hour)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, err := newIntake(nil).Accept(courier.Draft{To: "+12065550199", Body: "a", Lifetime: test.lifetime})
			if err != nil {
				t.Fatal(err)
			}
			if !m.NextAttemptAt.Equal(test.due) || !m.ExpiresAt.Equal(test.expires) {
				t.Errorf("due %v, expires %v; want %v, %v", m.NextAttemptAt, m.ExpiresAt, test.due, test.expires)
			}
		})
	}
}

func TestIntake_AcceptLifetimeRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		lifetime courier.Lifetime
		field    string
		text     string
	}{
		{"Both", courier.Lifetime{TTL: "5m", ExpiresAt: "2026-05-06T08:08:09Z"}, "ttl", "one of them"},
		{"TTLNumber", courier.Lifetime{TTL: "300"}, "ttl", "a number and a unit"},
		{"TTLNegative", courier.Lifetime{TTL: "-5m"}, "ttl", "shorter than a second"},
		{"TTLTooShort", courier.Lifetime{TTL: "999ms"}, "ttl", "shorter than a second"},
		{"TTLTooLong", courier.Lifetime{TTL: "745h"}, "ttl", "31 days"},
		{"TTLOverflow", courier.Lifetime{TTL: "9999999999h"}, "ttl", "not a duration"},
		{"ExpiresAtWord", courier.Lifetime{ExpiresAt: "tomorrow"}, "expires_at", "RFC 3339"},
		{"ExpiresAtPast", courier.Lifetime{ExpiresAt: "2026-05-06T06:08:09Z"}, "expires_at", "before it is due"},
		{"ExpiresBeforeSend", courier.Lifetime{SendAt: "2026-05-06T09:00:00Z", ExpiresAt: "2026-05-06T08:00:00Z"}, "expires_at", "before it is due"},
		{"ExpiresTooLate", courier.Lifetime{ExpiresAt: "2026-07-01T00:00:00Z"}, "expires_at", "31 days"},
		{"SendAtWord", courier.Lifetime{SendAt: "2026-05-06"}, "send_at", "RFC 3339"},
		{"SendAtTooFar", courier.Lifetime{SendAt: "2027-06-01T00:00:00Z"}, "send_at", "a year"},
		{"SendAtFarFuture", courier.Lifetime{SendAt: "9999-01-01T00:00:00Z"}, "send_at", "a year"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := newIntake(nil).Accept(courier.Draft{To: "+12065550199", Body: "a", Lifetime: test.lifetime})
			wantFault(t, err, courier.CodeInvalidRequest, test.field, test.text)
		})
	}
}

// TestIntake_AcceptRepeatAfterExpiry takes a request again that was good when it
// was made first: only the store knows whether it is a repeat.
func TestIntake_AcceptRepeatAfterExpiry(t *testing.T) {
	t.Parallel()
	draft := courier.Draft{To: "+12065550199", Body: "a", IdempotencyKey: "k", Lifetime: courier.Lifetime{ExpiresAt: "2026-05-06T07:08:09Z"}}
	first, err := newIntake(nil).Accept(draft)
	if err != nil {
		t.Fatal(err)
	}
	late := intake.New(intake.Options{Policy: policy(), NowFunc: func() time.Time { return now().Add(24 * time.Hour) }})
	again, err := late.Accept(draft)
	if err != nil {
		t.Fatal(err)
	}
	if again.Fingerprint != first.Fingerprint || !again.ExpiresAt.Equal(first.ExpiresAt) || !again.Expired(now().Add(24*time.Hour)) {
		t.Errorf("the repeat expires %v with another fingerprint: %v", again.ExpiresAt, again.Fingerprint != first.Fingerprint)
	}
	draft.SendAt = "2026-05-06T07:30:00Z"
	_, err = late.Accept(draft)
	wantFault(t, err, courier.CodeInvalidRequest, "expires_at", "before it is due")
	draft.SendAt, draft.IdempotencyKey = "", ""
	_, err = late.Accept(draft)
	wantFault(t, err, courier.CodeInvalidRequest, "expires_at", "before it is due")
}

func TestIntake_Expiry(t *testing.T) {
	t.Parallel()
	in := newIntake(nil)
	if at, err := in.Expiry(courier.Lifetime{}); err != nil || !at.IsZero() {
		t.Errorf("no lifetime: %v, %v", at, err)
	}
	if at, err := in.Expiry(courier.Lifetime{TTL: "2m"}); err != nil || !at.Equal(now().Add(2*time.Minute)) {
		t.Errorf("two minutes: %v, %v", at, err)
	}
	_, err := in.Expiry(courier.Lifetime{ExpiresAt: "2020-01-01T00:00:00Z"})
	wantFault(t, err, courier.CodeInvalidRequest, "expires_at", "before it is due")
}
