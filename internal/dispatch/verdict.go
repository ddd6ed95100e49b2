package dispatch

import (
	"net/http"
	"slices"
	"time"

	"courier"
)

// verdict is what an attempt says about its gateway, whatever it says about the message.
type verdict int

const (
	// verdictNone: the gateway was not reached for a reason of the message's own.
	verdictNone verdict = iota
	// verdictAlive: the gateway took or judged the message.
	verdictAlive
	// verdictFailing: the gateway may be in trouble.
	verdictFailing
	// verdictDown: the gateway or its configuration is at fault.
	verdictDown
)

// report is what the breaker and the limit learn from an attempt.
type report struct {
	id      courier.ID
	verdict verdict
	// connect is true when no connection could be made.
	connect bool
	// throttled is true when the gateway asked for less.
	throttled  bool
	accepted   bool
	retryAfter time.Duration
}

// reportOf reads an attempt. reached is false when its request could not be built.
func reportOf(id courier.ID, attempt *courier.Attempt, reached bool) report {
	return report{
		id:         id,
		verdict:    verdictOf(attempt, reached),
		connect:    attempt.Outcome == courier.OutcomeRetry && attempt.Class == courier.ClassNetworkError,
		throttled:  isThrottled(attempt),
		accepted:   attempt.Outcome == courier.OutcomeAccepted,
		retryAfter: attempt.RetryAfter,
	}
}

func verdictOf(attempt *courier.Attempt, reached bool) verdict {
	if !reached {
		return verdictNone
	}
	switch attempt.Outcome {
	case courier.OutcomeAccepted, courier.OutcomeRejected:
		return verdictAlive
	case courier.OutcomeGatewayDown:
		return verdictDown
	case courier.OutcomeUnknown:
		return verdictFailing
	case courier.OutcomeCanceled:
		return verdictNone
	case courier.OutcomeRetry:
		return verdictOfRetry(attempt)
	}
	return verdictFailing
}

// verdictOfRetry tells a gateway in trouble from one that is well and asks to
// try this recipient later.
func verdictOfRetry(attempt *courier.Attempt) verdict {
	if isThrottled(attempt) {
		return verdictFailing
	}
	gatewayFaults := []courier.Class{courier.ClassNetworkError, courier.ClassTimeout, courier.ClassGatewayError}
	if slices.Contains(gatewayFaults, attempt.Class) {
		return verdictFailing
	}
	return verdictAlive
}

func isThrottled(attempt *courier.Attempt) bool {
	if attempt.Outcome != courier.OutcomeRetry || attempt.Class == courier.ClassRecipientRateLimited {
		return false
	}
	return attempt.HTTPStatus == http.StatusTooManyRequests ||
		attempt.Class == courier.ClassThrottled || attempt.Class == courier.ClassQueueFull
}
