package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"courier"
)

// Answer is what came of a request: an answer of the gateway, as far as it could
// be read, or what kept it from being read.
type Answer struct {
	// Status is 0 when no status line was read.
	Status int
	Header http.Header
	// Body is the body as UTF-8, its beginning when it is Cut: too long, or not to be read to its end.
	Body []byte
	Cut  bool
	// value is the body as JSON, once isParsed.
	value    any
	isParsed bool
	// Detail says where a redirect led to.
	Detail string
	// Proxy is the proxy that an http url was asked through, whose faults and answers
	// cannot be told from the gateway's; empty for none, and where Err names it.
	Proxy string
	// Err is why Status is 0.
	Err error
	// Delivery is how much of the request the gateway may have, where Status is 0.
	Delivery Delivery
}

// Delivery is how much of a request a gateway that did not answer may have read.
type Delivery int

const (
	// DeliveryNone is nothing: it certainly processed no part of it.
	DeliveryNone Delivery = iota
	// DeliveryPartial is a part that cannot be the whole.
	DeliveryPartial
	// DeliveryWhole is all of it, perhaps.
	DeliveryWhole
)

// Rule says what answers with some statuses come to.
type Rule struct {
	// From and To are the first and the last status of the rule.
	From, To int
	Outcome  courier.Outcome
	Class    courier.Class
	Scope    courier.Scope
	// Advice says what it means and what to do next.
	Advice string
}

// judgement is a verdict and its sentence: what the gateway did, which is empty where it
// answered, and what to do next.
type judgement struct {
	courier.Verdict
	what, advice string
}

// judge gives the verdict on an answer: that of the first rule that fits.
func (a *Answer) judge(rules []Rule) judgement {
	if a.Status == 0 {
		return a.judgeSilence()
	}
	for i := range rules {
		if rule := &rules[i]; rule.From <= a.Status && a.Status <= rule.To {
			verdict := courier.Verdict{Outcome: rule.Outcome, Class: rule.Class, Scope: rule.Scope}
			return judgement{Verdict: verdict, advice: rule.Advice}
		}
	}
	return judgement{Verdict: verdictOf(courier.ClassOutcomeUnknown), advice: lookThere}
}

func verdictOf(class courier.Class) courier.Verdict {
	outcome, scope := class.Verdict()
	return courier.Verdict{Outcome: outcome, Class: class, Scope: scope}
}

// sentence says what came of an attempt and what to do next. The name is the gateway's.
func (a *Answer) sentence(name, what, advice string) string {
	if a.Proxy != "" {
		name += ", through the proxy " + a.Proxy + ","
		if a.Status == 0 || a.Status >= http.StatusInternalServerError {
			advice += "; it may be the proxy's doing: look in its log, and check HTTP_PROXY and NO_PROXY"
		}
	}
	return "gateway " + name + " " + what + ": " + advice
}

func (a *Answer) describe() string {
	return "answered " + statusName(a.Status) + a.Detail
}

func statusName(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

const (
	lookThere  = "look in the gateway's own log whether it took the message"
	mayPass    = "the fault is the gateway's and may pass; see its status page if it goes on"
	ifOneAlone = "; if it takes other messages, ask it about this recipient"
)

// defaultRules judge by the status alone (RFC 9110, 15). The few 4xx that are about the
// message end it; those that could be about the message as well as about the
// account or the configuration are ambiguous. Where no rule fits, the outcome is unknown.
func defaultRules() []Rule {
	const (
		accepted, retry, rejected = courier.OutcomeAccepted, courier.OutcomeRetry, courier.OutcomeRejected
		down, unknown             = courier.OutcomeGatewayDown, courier.OutcomeUnknown
		message, account          = courier.ScopeMessage, courier.ScopeGateway
		moment, ambiguous         = courier.ScopeMoment, courier.ScopeAmbiguous
	)
	return []Rule{
		{200, 299, accepted, "", "", ""},
		{307, 308, down, courier.ClassBadRequest, account, "set url to the gateway's present address"},
		{300, 399, unknown, courier.ClassOutcomeUnknown, moment, lookThere + ", and set url to the address that takes messages"},
		{400, 400, rejected, courier.ClassBadRequest, message, "it refused this message: read the excerpt, then check the recipient and the template"},
		{401, 401, down, courier.ClassUnauthorized, account, "check auth in its request_config, or the credentials in its params"},
		{402, 402, down, courier.ClassInsufficientCredit, ambiguous, "top up the account" + ifOneAlone},
		{403, 403, down, courier.ClassUnauthorized, ambiguous, "check what the account and its key are allowed to do" + ifOneAlone},
		{404, 404, down, courier.ClassBadRequest, ambiguous, "check url in its request_config, or its params" + ifOneAlone},
		{405, 405, down, courier.ClassBadRequest, ambiguous, "check method in its request_config" + ifOneAlone},
		{406, 406, down, courier.ClassBadRequest, ambiguous, "check the Accept header in its request_config" + ifOneAlone},
		{407, 407, down, courier.ClassUnauthorized, account, "the proxy before it wants a user and a password: write HTTP_PROXY as http://user:password@host:port"},
		{408, 408, retry, courier.ClassTimeout, moment, mayPass},
		{409, 409, rejected, courier.ClassDuplicate, message, "it refused this message as a repeat or a conflict: read the excerpt"},
		{410, 410, down, courier.ClassBadRequest, ambiguous, "check url in its request_config, or its params" + ifOneAlone},
		{413, 413, rejected, courier.ClassMessageTooLong, message, "it refused this message for its size: shorten the text or what the template adds"},
		{415, 415, down, courier.ClassBadRequest, ambiguous, "check the Content-Type header in its request_config" + ifOneAlone},
		{422, 422, rejected, courier.ClassBadRequest, message, "it refused this message: read the excerpt, then check the recipient and the template"},
		{425, 425, retry, courier.ClassGatewayError, moment, mayPass},
		{429, 429, retry, courier.ClassThrottled, moment, "it takes no more for now; ask it for a higher rate if that goes on"},
		{451, 451, rejected, courier.ClassBlockedContent, message, "it refused this message for legal reasons: read the excerpt"},
		{400, 499, down, courier.ClassBadRequest, ambiguous, "check its request_config against the gateway's documentation" + ifOneAlone},
		{500, 599, retry, courier.ClassGatewayError, moment, mayPass},
	}
}

// maxRetryAfter bounds the delay that a gateway can ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the Retry-After header: seconds or a date (RFC 9110, 10.2.3),
// which is compared with the gateway's own Date, as clocks differ. What is
// neither, or is past, is 0.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
