package httpapi

// The types below document what requests may hold; draftFields, batchFields and
// retryFields decode it. A test holds the two together.

// MessageRequest documents a message to send.
type MessageRequest struct {
	To             string         `json:"to,omitempty" minLength:"1" maxLength:"128" example:"+12065550199" doc:"The recipient, best in E.164. A national number needs recipients.default_region. Mandatory, here or as recipient."`
	Recipient      string         `json:"recipient,omitempty" minLength:"1" maxLength:"128" doc:"Another name of to."`
	Body           string         `json:"body,omitempty" example:"Your code is 123456" doc:"The text. It may be left out when template_type or template_data is given, for the gateway's template to make one from."`
	From           string         `json:"from,omitempty" example:"+12065550110" doc:"The sender: a number, a short code or a name of up to 11 characters. The configured one when absent."`
	Channel        string         `json:"channel,omitempty" default:"sms" doc:"The kind of message."`
	Subject        string         `json:"subject,omitempty" doc:"Passed to the gateway's template."`
	TemplateType   string         `json:"template_type,omitempty" maxLength:"128" example:"login_code_valid" doc:"Passed to the gateway's template."`
	TemplateData   map[string]any `json:"template_data,omitempty" doc:"Any object, passed to the gateway's template untouched."`
	RequestHeaders map[string]any `json:"request_headers,omitempty" doc:"Headers of the request that led to the message, each a list of strings or a string; passed to the gateway's template."`
	Metadata       map[string]any `json:"metadata,omitempty" doc:"The caller's own, kept and shown."`
	LifetimeRequest
	Type any `json:"type,omitempty" doc:"Kratos's kind of message. Only 2, a text message, is taken."`
}

// LifetimeRequest documents when a message is sent and when it expires.
type LifetimeRequest struct {
	SendAt string `json:"send_at,omitempty" format:"date-time" doc:"When the message becomes due, at most a year ahead. Now when absent."`
	RetryRequest
}

// RetryRequest documents a retry by hand.
type RetryRequest struct {
	ExpiresAt string `json:"expires_at,omitempty" format:"date-time" doc:"When the message loses its use: it is not attempted after it. At most 31 days after it is due."`
	TTL       string `json:"ttl,omitempty" example:"5m" doc:"The same as a duration such as 5m or 1h30m, counted from send_at, or from now without one. At most one of the two may be given."`
}

type batchPart struct {
	MessageRequest
	IdempotencyKey string `json:"idempotency_key,omitempty" maxLength:"255" doc:"As the header Idempotency-Key of a single message."`
}

type batchRequest struct {
	Messages []batchPart `json:"messages" minItems:"1" maxItems:"1000" nullable:"false"`
}
