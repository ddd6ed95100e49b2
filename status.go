package courier

import "slices"

// Status is where a message stands. The strings are the same in Go, SQL, JSON,
// metrics and documents.
type Status string

// The statuses of a message. docs/state-machine.md draws them.
const (
	// StatusQueued is durably accepted and due at NextAttemptAt.
	StatusQueued Status = "queued"
	// StatusProcessing is leased by a node, which is attempting it.
	StatusProcessing Status = "processing"
	// StatusSent was accepted by a gateway; a receipt may say more.
	StatusSent Status = "sent"
	// StatusDelivered is the gateway's final word that the handset has it.
	StatusDelivered Status = "delivered"
	// StatusUndelivered is the gateway's final word that the handset will not get it.
	StatusUndelivered Status = "undelivered"
	// StatusRejected was refused for good: a bad number, a block, a template error.
	StatusRejected Status = "rejected"
	// StatusExpired passed its ExpiresAt before a gateway took it, or the gateway says so.
	StatusExpired Status = "expired"
	// StatusAbandoned used up its retries.
	StatusAbandoned Status = "abandoned"
	// StatusCanceled was withdrawn by the caller, by its template, by a newer message or
	// at the gateway.
	StatusCanceled Status = "canceled"
	// StatusUnknown has an attempt whose outcome nobody knows, and the policy is to hold
	// it, or the gateway reports that it does not know. A receipt may say more.
	StatusUnknown Status = "unknown"
)

// legalTransitions is the one table of what may follow what. A transition from
// a final status to queued is a retry by hand; nothing else leaves a final status. A
// receipt alone leads from queued to sent or delivered, and from sent to any other.
func legalTransitions(from Status) []Status {
	switch from {
	case StatusQueued:
		return []Status{StatusProcessing, StatusSent, StatusDelivered, StatusExpired, StatusCanceled}
	case StatusProcessing:
		return []Status{
			StatusQueued, StatusSent, StatusRejected, StatusExpired,
			StatusAbandoned, StatusCanceled, StatusUnknown,
		}
	case StatusSent:
		return []Status{
			StatusDelivered, StatusUndelivered, StatusRejected, StatusExpired, StatusCanceled, StatusUnknown,
		}
	case StatusUnknown:
		return []Status{
			StatusQueued, StatusSent, StatusDelivered, StatusUndelivered,
			StatusRejected, StatusExpired, StatusCanceled,
		}
	case StatusUndelivered, StatusRejected, StatusExpired, StatusAbandoned:
		return []Status{StatusQueued}
	case StatusDelivered, StatusCanceled:
		return nil
	}
	return nil
}

// Statuses returns every status, in the order of a message's life.
func Statuses() []Status {
	return []Status{
		StatusQueued, StatusProcessing, StatusSent, StatusDelivered, StatusUndelivered,
		StatusRejected, StatusExpired, StatusAbandoned, StatusCanceled, StatusUnknown,
	}
}

// Valid reports whether s is one of Statuses.
func (s Status) Valid() bool { return slices.Contains(Statuses(), s) }

// CanBecome reports whether a message in status s may move to next.
func (s Status) CanBecome(next Status) bool { return slices.Contains(legalTransitions(s), next) }

// Before returns the statuses from which s may be reached, in the order of
// Statuses. Stores guard their updates with it.
func (s Status) Before() []Status {
	var before []Status
	for _, from := range Statuses() {
		if from.CanBecome(s) {
			before = append(before, from)
		}
	}
	return before
}

// Final reports whether neither the courier nor a receipt moves the message on.
// Sent is not final, as a receipt may follow; unknown waits for an operator.
func (s Status) Final() bool {
	switch s {
	case StatusDelivered, StatusUndelivered, StatusRejected, StatusExpired, StatusAbandoned, StatusCanceled:
		return true
	case StatusQueued, StatusProcessing, StatusSent, StatusUnknown:
		return false
	}
	return false
}
