package courier

import "time"

// Scope says what a verdict is about: whose fault a failed attempt is.
type Scope string

// The scopes of a verdict. An accepted or withdrawn message has none.
const (
	// ScopeMessage is about this recipient or this text; no other message is concerned.
	ScopeMessage Scope = "message"
	// ScopeGateway is about the account, the credentials, the address or the
	// gateway itself: every message through it meets the same.
	ScopeGateway Scope = "gateway"
	// ScopeMoment is overload or the network: it may pass.
	ScopeMoment Scope = "moment"
	// ScopeAmbiguous is about the message or about the gateway. What happens to
	// other recipients through the same gateway at that time decides it.
	ScopeAmbiguous Scope = "ambiguous"
)

// Verdict is the judgement of an answer, or of its absence.
type Verdict struct {
	Outcome Outcome
	// Class is empty for an accepted message.
	Class Class
	Scope Scope
	// Known is true when a rule made for this gateway gave the class. A verdict by
	// the HTTP status alone is a guess, which the answers of others may correct.
	Known bool
	// Unsent is true when it is certain that the gateway processed nothing.
	Unsent bool
	// Code is the gateway's own error code, as text, empty when it gave none.
	Code string
	// GatewayMessageID is the gateway's own name for an accepted message, when it gave one.
	GatewayMessageID string
	// GatewayMessageIDs are the names of all parts, GatewayMessageID among them, when
	// the gateway gave more than one.
	GatewayMessageIDs []string
	// Warning tells of what went wrong though the message was accepted, such as a part
	// that was not.
	Warning string
	// RetryAfter is the delay the gateway asked for, 0 when it asked for none.
	RetryAfter time.Duration
}

// Verdict returns the outcome and the scope that a class implies. It is the one
// table for rules that know a class; the empty class is an accepted message.
func (c Class) Verdict() (Outcome, Scope) {
	switch c {
	case "":
		return OutcomeAccepted, ""
	case ClassInvalidDestination, ClassNotSMSCapable, ClassOptedOut, ClassBarred, ClassBlockedContent,
		ClassMessageTooLong, ClassUnroutable, ClassDuplicate, ClassTemplateError:
		return OutcomeRejected, ScopeMessage
	case ClassUnauthorized, ClassAccountSuspended, ClassInsufficientCredit, ClassInvalidSender,
		ClassDestinationNotPermitted, ClassTemplateMismatch, ClassBadRequest:
		return OutcomeGatewayDown, ScopeGateway
	case ClassThrottled, ClassQueueFull, ClassGatewayError, ClassNetworkError, ClassTimeout,
		ClassAbsentSubscriber, ClassRecipientRateLimited:
		return OutcomeRetry, ScopeMoment
	case ClassOutcomeUnknown:
		return OutcomeUnknown, ScopeMoment
	case ClassSuperseded, ClassTooLate:
		return OutcomeCanceled, ScopeMessage
	}
	return OutcomeUnknown, ScopeMoment
}

// OfMessage returns the class of an ambiguous answer that turned out to be about
// the message: an account that takes everybody else is authorized and has credit.
// Other classes stay as they are.
func (c Class) OfMessage() Class {
	switch c { //nolint:exhaustive // the classes that an ambiguous answer can have
	case ClassUnauthorized, ClassInsufficientCredit, ClassAccountSuspended, ClassDestinationNotPermitted:
		return ClassBarred
	case ClassBadRequest:
		return ClassUnroutable
	}
	return c
}
