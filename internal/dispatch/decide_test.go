package dispatch

import (
	"slices"
	"testing"
	"time"

	"courier"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	resume := now.Add(7 * time.Second)
	tests := map[string]struct {
		outcome    courier.Outcome
		retryCount int
		retryAfter time.Duration
		expiresIn  time.Duration
		hold       bool
		notOpen    bool

		status    courier.Status
		count     int
		nextAfter time.Duration
	}{
		"Accepted":               {outcome: courier.OutcomeAccepted, retryCount: 2, status: courier.StatusSent, count: 2},
		"Rejected":               {outcome: courier.OutcomeRejected, retryCount: 2, status: courier.StatusRejected, count: 2},
		"Canceled":               {outcome: courier.OutcomeCanceled, retryCount: 2, status: courier.StatusCanceled, count: 2},
		"RetryFirst":             {outcome: courier.OutcomeRetry, status: courier.StatusQueued, count: 1, nextAfter: 500 * time.Millisecond},
		"RetryThird":             {outcome: courier.OutcomeRetry, retryCount: 2, status: courier.StatusQueued, count: 3, nextAfter: 4500 * time.Millisecond},
		"RetryLast":              {outcome: courier.OutcomeRetry, retryCount: 4, status: courier.StatusQueued, count: 5, nextAfter: 30 * time.Second},
		"RetriesUsedUp":          {outcome: courier.OutcomeRetry, retryCount: 5, status: courier.StatusAbandoned, count: 6},
		"RetryAfterIsMinimum":    {outcome: courier.OutcomeRetry, retryAfter: time.Minute, status: courier.StatusQueued, count: 1, nextAfter: time.Minute},
		"RetryAfterIsNoMaximum":  {outcome: courier.OutcomeRetry, retryAfter: time.Millisecond, status: courier.StatusQueued, count: 1, nextAfter: 500 * time.Millisecond},
		"RetryAfterIsBounded":    {outcome: courier.OutcomeRetry, retryAfter: 48 * time.Hour, status: courier.StatusQueued, count: 1, nextAfter: time.Hour},
		"RetryAfterExpiry":       {outcome: courier.OutcomeRetry, retryAfter: time.Minute, expiresIn: 5 * time.Second, status: courier.StatusQueued, count: 1, nextAfter: 5 * time.Second},
		"RetryBeforeExpiry":      {outcome: courier.OutcomeRetry, expiresIn: 5 * time.Second, status: courier.StatusQueued, count: 1, nextAfter: 500 * time.Millisecond},
		"GatewayDown":            {outcome: courier.OutcomeGatewayDown, retryCount: 5, status: courier.StatusQueued, count: 5, nextAfter: 7 * time.Second},
		"GatewayDownAfterExpiry": {outcome: courier.OutcomeGatewayDown, expiresIn: 2 * time.Second, status: courier.StatusQueued, nextAfter: 2 * time.Second},
		"GatewayDownBreakerShut": {outcome: courier.OutcomeGatewayDown, notOpen: true, status: courier.StatusQueued, nextAfter: 500 * time.Millisecond},
		"UnknownResend":          {outcome: courier.OutcomeUnknown, retryCount: 1, status: courier.StatusQueued, count: 2, nextAfter: 1500 * time.Millisecond},
		"UnknownResendUsedUp":    {outcome: courier.OutcomeUnknown, retryCount: 5, status: courier.StatusAbandoned, count: 6},
		"UnknownHold":            {outcome: courier.OutcomeUnknown, retryCount: 1, hold: true, status: courier.StatusUnknown, count: 1},
		"NoOutcome":              {outcome: "", hold: true, status: courier.StatusUnknown},
		"NoOutcomeResend":        {outcome: "surprise", status: courier.StatusQueued, count: 1, nextAfter: 500 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &courier.Message{RetryCount: test.retryCount}
			if test.expiresIn > 0 {
				m.ExpiresAt = now.Add(test.expiresIn)
			}
			p := policy{
				retries: 5, retry: Retry{Initial: 500 * time.Millisecond, Max: 30 * time.Second},
				onUnknown: ResendUnknown, now: now, resumeAt: resume,
			}
			if test.hold {
				p.onUnknown = HoldUnknown
			}
			if test.notOpen {
				p.resumeAt = time.Time{}
			}
			got := decide(m, &courier.Attempt{Outcome: test.outcome, RetryAfter: test.retryAfter}, p)
			want := decision{status: test.status, retryCount: test.count}
			if test.nextAfter > 0 {
				want.nextAttemptAt = now.Add(test.nextAfter)
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if !courier.StatusProcessing.CanBecome(got.status) {
				t.Errorf("a processing message cannot become %s", got.status)
			}
		})
	}
}

func TestDecide_NoRetriesIsOneAttempt(t *testing.T) {
	t.Parallel()
	for _, outcome := range []courier.Outcome{courier.OutcomeRetry, courier.OutcomeUnknown} {
		got := decide(&courier.Message{}, &courier.Attempt{Outcome: outcome}, policy{onUnknown: ResendUnknown})
		if got.status != courier.StatusAbandoned {
			t.Errorf("%s: got %s, want abandoned", outcome, got.status)
		}
	}
}

func TestRetry_Delay(t *testing.T) {
	t.Parallel()
	retry := Retry{Initial: 500 * time.Millisecond, Max: 30 * time.Second}
	tests := []struct{ above, upTo time.Duration }{
		{0, 500 * time.Millisecond},
		{500 * time.Millisecond, 1500 * time.Millisecond},
		{1500 * time.Millisecond, 4500 * time.Millisecond},
		{4500 * time.Millisecond, 13500 * time.Millisecond},
		{13500 * time.Millisecond, 30 * time.Second},
		{10 * time.Second, 30 * time.Second},
		{10 * time.Second, 30 * time.Second},
	}
	var shortest time.Duration
	for i, test := range tests {
		longest, least := retry.delay(i+1, 0), retry.delay(i+1, 0.999999)
		if longest != test.upTo {
			t.Errorf("retry %d waits up to %s, want %s", i+1, longest, test.upTo)
		}
		if least <= test.above || least > test.above+time.Millisecond {
			t.Errorf("retry %d waits at least %s, want just above %s", i+1, least, test.above)
		}
		if i < 5 {
			shortest += least
		}
	}
	if shortest < 20*time.Second {
		t.Errorf("five retries last %s at least, want 20s", shortest)
	}
	if got := retry.delay(1<<30, 0); got != retry.Max {
		t.Errorf("a very late retry waits %s, want %s", got, retry.Max)
	}
}

func TestReportOf(t *testing.T) {
	t.Parallel()
	troubles := []courier.Class{
		courier.ClassNetworkError, courier.ClassTimeout, courier.ClassGatewayError, courier.ClassThrottled, courier.ClassQueueFull,
	}
	for _, class := range courier.Classes() {
		want := verdictAlive
		if slices.Contains(troubles, class) {
			want = verdictFailing
		}
		if got := verdictOf(&courier.Attempt{Outcome: courier.OutcomeRetry, Class: class}, true); got != want {
			t.Errorf("retry with class %s says %d, want %d", class, got, want)
		}
	}
	outcomes := map[courier.Outcome]verdict{
		courier.OutcomeAccepted: verdictAlive, courier.OutcomeRejected: verdictAlive, courier.OutcomeGatewayDown: verdictDown,
		courier.OutcomeUnknown: verdictFailing, courier.OutcomeCanceled: verdictNone, courier.OutcomeRetry: verdictAlive,
	}
	for _, outcome := range courier.Outcomes() {
		if got := verdictOf(&courier.Attempt{Outcome: outcome}, true); got != outcomes[outcome] {
			t.Errorf("%s says %d, want %d", outcome, got, outcomes[outcome])
		}
		if got := verdictOf(&courier.Attempt{Outcome: outcome}, false); got != verdictNone {
			t.Errorf("%s without a request says %d, want nothing", outcome, got)
		}
	}
	if !isThrottled(&courier.Attempt{Outcome: courier.OutcomeRetry, Class: courier.ClassGatewayError, HTTPStatus: 429}) {
		t.Error("a 429 does not throttle")
	}
	if isThrottled(&courier.Attempt{Outcome: courier.OutcomeRetry, Class: courier.ClassRecipientRateLimited, HTTPStatus: 429}) {
		t.Error("a limit of one recipient throttles all")
	}
}
