package courier

import (
	"errors"
	"time"
)

// Outcome is what an attempt came to.
type Outcome string

// The outcomes of an attempt.
const (
	// OutcomeAccepted means that the gateway took the message.
	OutcomeAccepted Outcome = "accepted"
	// OutcomeRetry means that a later attempt may succeed.
	OutcomeRetry Outcome = "retry"
	// OutcomeRejected means that no attempt of this message can succeed.
	OutcomeRejected Outcome = "rejected"
	// OutcomeGatewayDown means that the gateway or its configuration is at fault:
	// the attempt is not counted against the message.
	OutcomeGatewayDown Outcome = "gateway_down"
	// OutcomeUnknown means that the request was written and no answer was read.
	OutcomeUnknown Outcome = "unknown"
	// OutcomeCanceled means that the template withdrew the message with error "cancel".
	OutcomeCanceled Outcome = "canceled"
)

// Outcomes returns every outcome.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeAccepted, OutcomeRetry, OutcomeRejected, OutcomeGatewayDown, OutcomeUnknown, OutcomeCanceled,
	}
}

// Class says what kind of fault an attempt met, in the same words for every gateway.
type Class string

// The error classes: about the message, about the account or configuration,
// about the moment, and the rest.
const (
	ClassInvalidDestination Class = "invalid_destination"
	ClassNotSMSCapable      Class = "not_sms_capable"
	ClassOptedOut           Class = "opted_out"
	ClassBarred             Class = "barred"
	ClassBlockedContent     Class = "blocked_content"
	ClassMessageTooLong     Class = "message_too_long"
	ClassUnroutable         Class = "unroutable"
	ClassDuplicate          Class = "duplicate"

	ClassUnauthorized            Class = "unauthorized"
	ClassAccountSuspended        Class = "account_suspended"
	ClassInsufficientCredit      Class = "insufficient_credit"
	ClassInvalidSender           Class = "invalid_sender"
	ClassDestinationNotPermitted Class = "destination_not_permitted"
	ClassTemplateMismatch        Class = "template_mismatch"
	ClassBadRequest              Class = "bad_request"

	ClassThrottled            Class = "throttled"
	ClassQueueFull            Class = "queue_full"
	ClassGatewayError         Class = "gateway_error"
	ClassNetworkError         Class = "network_error"
	ClassTimeout              Class = "timeout"
	ClassAbsentSubscriber     Class = "absent_subscriber"
	ClassRecipientRateLimited Class = "recipient_rate_limited"

	ClassOutcomeUnknown Class = "outcome_unknown"
	ClassTemplateError  Class = "template_error"
	// ClassSuperseded is that of a message whose place a newer one took.
	ClassSuperseded Class = "superseded"
	// ClassTooLate is that of a one-time code of which too little life was left to send it.
	ClassTooLate Class = "too_late"
)

// Classes returns every error class.
func Classes() []Class {
	return []Class{
		ClassInvalidDestination, ClassNotSMSCapable, ClassOptedOut, ClassBarred, ClassBlockedContent,
		ClassMessageTooLong, ClassUnroutable, ClassDuplicate,
		ClassUnauthorized, ClassAccountSuspended, ClassInsufficientCredit, ClassInvalidSender,
		ClassDestinationNotPermitted, ClassTemplateMismatch, ClassBadRequest,
		ClassThrottled, ClassQueueFull, ClassGatewayError, ClassNetworkError, ClassTimeout,
		ClassAbsentSubscriber, ClassRecipientRateLimited,
		ClassOutcomeUnknown, ClassTemplateError, ClassSuperseded, ClassTooLate,
	}
}

// Attempt is one try at handing a message to a gateway.
type Attempt struct {
	// Number counts the attempts of a message from 1.
	Number int
	// Gateway is the name of the gateway that was tried.
	Gateway string
	Outcome Outcome
	// Class is empty for an accepted attempt.
	Class Class
	// Scope, Known and Unsent are those of the Verdict. They serve the decision what
	// becomes of the message, and are not stored.
	Scope  Scope
	Known  bool
	Unsent bool
	// Code is the gateway's own error code, empty when it gave none.
	Code string
	// Message tells an operator what happened and what to do next. It holds no
	// secret, no body and no full recipient.
	Message string
	// HTTPStatus is 0 when no answer was read.
	HTTPStatus int
	// Excerpt is the redacted beginning of an answer that was not a success.
	Excerpt string
	// GatewayMessageID is the gateway's own name for an accepted message, when it gave one.
	GatewayMessageID string
	// GatewayMessageIDs are the names of all parts, GatewayMessageID among them, when
	// the gateway gave more than one.
	GatewayMessageIDs []string
	// Warning tells of what went wrong though the message was accepted.
	Warning string
	// RetryAfter is the delay the gateway asked for, 0 when it asked for none.
	RetryAfter time.Duration
	StartedAt  time.Time
	Duration   time.Duration
}

// ErrTemplateCanceled reports that the template withdrew the message with error "cancel".
var ErrTemplateCanceled = errors.New("template canceled the message")

// RenderError reports that the request of a message could not be built, so
// nothing was sent.
type RenderError struct {
	// Temporary is true when another evaluation may succeed: the template ran
	// out of time on a busy machine, or its process died.
	Temporary bool
	// Scope says what the fault is about. ScopeGateway is the configuration's,
	// whatever the message: its template names a field that does not exist, or was
	// not fetched yet. ScopeMoment may pass. For ScopeAmbiguous only other messages
	// tell whether the message or the template is at fault.
	Scope Scope
	// Err tells what went wrong without quoting the body or a secret.
	Err error
}

// Error implements error.
func (e *RenderError) Error() string { return "render request: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *RenderError) Unwrap() error { return e.Err }
