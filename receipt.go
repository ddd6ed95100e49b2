package courier

import "time"

// Receipt is what a gateway reports of a message that it took (a DLR). It names the
// message by the gateway's id of it or, where the gateway repeats it, by ours.
type Receipt struct {
	// Gateway is the name of the gateway that reports.
	Gateway string
	// GatewayMessageID is the gateway's own name for the message, or for one of its parts.
	GatewayMessageID string
	// MessageID is ours, the zero ID when the gateway does not repeat it.
	MessageID ID
	// Status is one of ReceiptStatuses.
	Status Status
	// Class and Code say why a message was not delivered; Code is the gateway's own.
	Class   Class
	Code    string
	Message string
	// At is the gateway's own time, zero when it gave none.
	At         time.Time
	ReceivedAt time.Time
}

// ReceiptStatuses returns the statuses that a receipt can report.
func ReceiptStatuses() []Status {
	return []Status{StatusSent, StatusDelivered, StatusUndelivered, StatusRejected, StatusExpired, StatusCanceled, StatusUnknown}
}
