package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"courier"
)

// verdict is the judgement of an answer or of its absence.
type verdict struct {
	outcome courier.Outcome
	class   courier.Class
	// advice says what it means and what to do next.
	advice string
}

// judgeStatus judges an answer by its status alone. 4xx are split: the few that
// are about this message end it, all others are about the account or the
// configuration, so the message waits for the operator.
func judgeStatus(status int) verdict {
	switch {
	case status >= 200 && status <= 299:
		return verdict{outcome: courier.OutcomeAccepted}
	case status >= 300 && status <= 399:
		return verdict{
			courier.OutcomeGatewayDown, courier.ClassBadRequest,
			"set url to the gateway's present address",
		}
	case status >= 400 && status <= 499:
		return judgeClientError(status)
	case status >= 500 && status <= 599:
		return verdict{
			courier.OutcomeRetry, courier.ClassGatewayError,
			"the fault is the gateway's and may pass; see its status page if it goes on",
		}
	}
	return verdict{
		courier.OutcomeUnknown, courier.ClassOutcomeUnknown,
		"that is no final answer: look in the gateway's own log whether it took the message",
	}
}

func judgeClientError(status int) verdict {
	switch status {
	case http.StatusRequestTimeout:
		return verdict{courier.OutcomeRetry, courier.ClassTimeout, "that may pass; see its status page if it goes on"}
	case http.StatusTooEarly:
		return verdict{courier.OutcomeRetry, courier.ClassGatewayError, "that may pass; see its status page if it goes on"}
	case http.StatusTooManyRequests:
		return verdict{
			courier.OutcomeRetry, courier.ClassThrottled,
			"it takes no more for now; lower the number in flight or ask it for a higher rate",
		}
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return verdict{
			courier.OutcomeRejected, courier.ClassBadRequest,
			"it refused this message: read the excerpt, then check the recipient and the template",
		}
	case http.StatusConflict:
		return verdict{
			courier.OutcomeRejected, courier.ClassDuplicate,
			"it refused this message as a repeat or a conflict: read the excerpt",
		}
	case http.StatusRequestEntityTooLarge:
		return verdict{
			courier.OutcomeRejected, courier.ClassMessageTooLong,
			"it refused this message for its size: shorten the text or what the template adds",
		}
	case http.StatusUnavailableForLegalReasons:
		return verdict{
			courier.OutcomeRejected, courier.ClassBlockedContent,
			"it refused this message for legal reasons: read the excerpt",
		}
	}
	return judgeAccountError(status)
}

func judgeAccountError(status int) verdict {
	down := verdict{outcome: courier.OutcomeGatewayDown}
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		down.class, down.advice = courier.ClassUnauthorized, "check auth in its request_config"
	case http.StatusPaymentRequired:
		down.class, down.advice = courier.ClassInsufficientCredit, "top up the account"
	case http.StatusForbidden:
		down.class, down.advice = courier.ClassUnauthorized, "check what the account and its key are allowed to do"
	case http.StatusNotFound, http.StatusGone:
		down.class, down.advice = courier.ClassBadRequest, "check url in its request_config"
	case http.StatusMethodNotAllowed:
		down.class, down.advice = courier.ClassBadRequest, "check method in its request_config"
	case http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
		down.class, down.advice = courier.ClassBadRequest, "check the Content-Type and Accept headers in its request_config"
	default:
		down.class, down.advice = courier.ClassBadRequest, "check its request_config against the gateway's documentation"
	}
	return down
}

// maxRetryAfter bounds the delay that a gateway can ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3).
// What is neither, or is past, is 0.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if seconds, ok := parseSeconds(value); ok {
		return min(seconds, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

func parseSeconds(value string) (time.Duration, bool) {
	if strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds > int64(maxRetryAfter/time.Second) {
		return maxRetryAfter, true
	}
	return time.Duration(seconds) * time.Second, true
}
