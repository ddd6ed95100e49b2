package courier

import "encoding/json"

// Draft is a message as a caller asks for it, before it is judged and
// completed. Empty fields were not given.
type Draft struct {
	// To is the recipient as it was written; it is normalised at accept.
	To   string
	Body string
	// From is the sender; the channel's own when empty.
	From string
	// Channel is DefaultChannel when empty.
	Channel      string
	Subject      string
	TemplateType string
	// TemplateData, RequestHeaders and Metadata are JSON objects.
	TemplateData   json.RawMessage
	RequestHeaders json.RawMessage
	Metadata       json.RawMessage
	// Gateway is the only one that may take the message; empty leaves the choice.
	Gateway string
	// CallbackURL is where changes of status are reported.
	CallbackURL string
	// Lane is LaneOTP for a one-time code when empty, and else LaneNormal.
	Lane Lane
	// IsCode says that the text is a one-time code, whatever its template type.
	IsCode bool
	// SupersedeKey is what a newer message has in common with those whose place it
	// takes. Nil leaves it to the courier; the empty key is for none.
	SupersedeKey *string
	Lifetime

	// Caller is the name of the API key that brought the draft, empty for none.
	Caller         string
	IdempotencyKey string
	// TraceParent is the W3C trace context of the request.
	TraceParent string
}

// Lifetime is when a message becomes due and when it loses its use, as a caller
// writes it. At most one of ExpiresAt and TTL may be given.
type Lifetime struct {
	// SendAt and ExpiresAt are times in RFC 3339.
	SendAt, ExpiresAt string
	// TTL is a duration such as "5m", counted from SendAt, or from now without one.
	TTL string
}
