package dispatch

import (
	"time"

	"courier"
)

// policy is what a decision depends on beside the message and its attempt.
type policy struct {
	retries   int
	retry     Retry
	onUnknown UnknownPolicy
	now       time.Time
	// random is a number in [0, 1) for the jitter of the backoff.
	random float64
	// resumeAt is when the gateway is tried again, if it is down.
	resumeAt time.Time
}

// decision is what becomes of a message after an attempt.
type decision struct {
	status        courier.Status
	retryCount    int
	nextAttemptAt time.Time
}

// decide is the one table of what an outcome does to a message.
func decide(m *courier.Message, attempt *courier.Attempt, p policy) decision {
	switch attempt.Outcome {
	case courier.OutcomeAccepted:
		return decision{status: courier.StatusSent, retryCount: m.RetryCount}
	case courier.OutcomeRejected:
		return decision{status: courier.StatusRejected, retryCount: m.RetryCount}
	case courier.OutcomeCanceled:
		return decision{status: courier.StatusCanceled, retryCount: m.RetryCount}
	case courier.OutcomeGatewayDown:
		return waitForGateway(m, p)
	case courier.OutcomeRetry:
		return retryOrAbandon(m, attempt, p)
	case courier.OutcomeUnknown:
		return decideUnknown(m, attempt, p)
	}
	// A gateway that answers with no outcome it knows has left the outcome unknown.
	return decideUnknown(m, attempt, p)
}

func decideUnknown(m *courier.Message, attempt *courier.Attempt, p policy) decision {
	if p.onUnknown == HoldUnknown {
		return decision{status: courier.StatusUnknown, retryCount: m.RetryCount}
	}
	return retryOrAbandon(m, attempt, p)
}

// waitForGateway queues the message until the gateway is tried again. The
// attempt is not held against it.
func waitForGateway(m *courier.Message, p policy) decision {
	next := p.resumeAt
	if !next.After(p.now) {
		next = p.now.Add(p.retry.Initial)
	}
	return decision{status: courier.StatusQueued, retryCount: m.RetryCount, nextAttemptAt: notAfterExpiry(m, next)}
}

// retryOrAbandon queues the message again, after the longer of its backoff and
// what the gateway asked for, or gives up on it when its retries are used up.
func retryOrAbandon(m *courier.Message, attempt *courier.Attempt, p policy) decision {
	count := m.RetryCount + 1
	if count > p.retries {
		return decision{status: courier.StatusAbandoned, retryCount: count}
	}
	delay := max(p.retry.delay(count, p.random), min(attempt.RetryAfter, maxRetryAfter))
	next := notAfterExpiry(m, p.now.Add(delay))
	return decision{status: courier.StatusQueued, retryCount: count, nextAttemptAt: next}
}

// notAfterExpiry bounds the time of the next attempt. A message that cannot be
// attempted before it expires stays queued until then, as its expiry has not
// passed and an operator can still act on it; at its time it is expired.
func notAfterExpiry(m *courier.Message, next time.Time) time.Time {
	if !m.ExpiresAt.IsZero() && next.After(m.ExpiresAt) {
		return m.ExpiresAt
	}
	return next
}
