package client

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"courier"
)

// SendRequest is one message to send. To and Body are mandatory.
type SendRequest struct {
	// To is the recipient, best in E.164: "+12065550199".
	To   string `json:"to"`
	Body string `json:"body"`
	// From is the sender, the configured one when empty.
	From string `json:"from,omitempty"`
	// Channel is courier.DefaultChannel when empty.
	Channel string `json:"channel,omitempty"`
	Subject string `json:"subject,omitempty"`
	// TemplateType and TemplateData are passed to the gateway's template as they
	// are; TemplateData is a JSON object.
	TemplateType string          `json:"template_type,omitempty"`
	TemplateData json.RawMessage `json:"template_data,omitempty"`
	// RequestHeaders are passed to the gateway's template.
	RequestHeaders map[string][]string `json:"request_headers,omitempty"`
	// Metadata is the caller's own; the courier keeps and returns it.
	Metadata map[string]any `json:"metadata,omitempty"`
	// Gateway is the only one that may take the message; empty leaves the choice to the routes.
	Gateway string `json:"gateway,omitempty"`
	// CallbackURL is where changes of status are reported, an absolute https or http URL.
	CallbackURL string `json:"callback_url,omitempty"`
	// Lane is how urgent the message is; empty leaves it to the courier: courier.LaneOTP
	// for a one-time code, and else courier.LaneNormal.
	Lane courier.Lane `json:"lane,omitempty"`
	// SupersedeKey: a newer message with the same key takes the place of those that no
	// gateway has taken yet. Nil leaves it to the courier, which gives one to one-time
	// codes; the empty key is for none.
	SupersedeKey *string `json:"supersede_key,omitempty"`
	// SendAt is when the message becomes due: now when zero.
	SendAt time.Time `json:"send_at,omitzero"`
	// ExpiresAt is when the message loses its use; TTL says the same as a time
	// from now. At most one of the two may be given.
	ExpiresAt time.Time     `json:"expires_at,omitzero"`
	TTL       time.Duration `json:"-"`
	// IdempotencyKey makes it safe to send the same message again: the courier
	// then answers with the first one.
	IdempotencyKey string `json:"-"`
}

// wireRequest is a SendRequest as the API reads it. The key travels here in a batch
// only, and as a header otherwise.
type wireRequest struct {
	SendRequest
	TTL            string `json:"ttl,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

func newWireRequest(request SendRequest) wireRequest {
	wire := wireRequest{SendRequest: request}
	if request.TTL != 0 {
		wire.TTL = request.TTL.String()
	}
	return wire
}

// Resolution is what an operator says of an unknown message.
type Resolution string

// The resolutions of an unknown message.
const (
	// ResolveSent means that the gateway took the message: it becomes sent.
	ResolveSent Resolution = "sent"
	// ResolveFailed means that it did not arrive, and is not to: it becomes undelivered.
	ResolveFailed Resolution = "failed"
	// ResolveResend has it sent again.
	ResolveResend Resolution = "resend"
)

// Resolutions returns every resolution.
func Resolutions() []Resolution { return []Resolution{ResolveSent, ResolveFailed, ResolveResend} }

// ListQuery selects messages. Empty fields do not restrict.
type ListQuery struct {
	Status       courier.Status
	To           string
	Gateway      string
	TemplateType string
	// Country is the recipient's, as ISO 3166-1 has it, such as DE.
	Country string
	// Class is that of the last attempt that failed.
	Class courier.Class
	// Since and Until bound when a message was taken, to the millisecond; one that
	// was taken at Until is not among them.
	Since, Until time.Time
	// PageSize is the most messages a page holds; the server's default when 0.
	PageSize int
	// PageToken is the NextPageToken of the page before.
	PageToken string
}

func (q ListQuery) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"status": string(q.Status), "to": q.To, "gateway": q.Gateway, "class": string(q.Class), "page_token": q.PageToken,
		"template_type": q.TemplateType, "country": q.Country,
		"since": timeText(q.Since), "until": timeText(q.Until),
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.PageSize != 0 {
		values.Set("page_size", strconv.Itoa(q.PageSize))
	}
	return values
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}
