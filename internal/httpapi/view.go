package httpapi

import (
	"encoding/json"
	"time"

	"courier"
)

// redacted stands for a text that the caller may not read.
const redacted = "<redacted>"

// Message is a message in an answer. Every field is always there; null says
// that it does not apply.
type Message struct {
	ID      courier.ID `json:"id" format:"uuid" doc:"The message's id, a UUID version 7."`
	Status  status     `json:"status"`
	Channel string     `json:"channel" example:"sms" doc:"The kind of message."`
	To      string     `json:"to" example:"+12065550199" doc:"The recipient."`
	From    string     `json:"from" example:"+12065550110" doc:"The sender."`
	Content
	Gateway          *string    `json:"gateway" doc:"The gateway that the message waits for or was last attempted through."`
	GatewayMessageID *string    `json:"gateway_message_id" doc:"The gateway's own name for the message."`
	SendCount        int        `json:"send_count" doc:"How many attempts were made."`
	LastError        maybeFault `json:"last_error" doc:"Why the last attempt that failed did; null when none failed."`
	Timeline
}

// messageDetail is a message with its attempts.
type messageDetail struct {
	Message
	Attempts []attemptView `json:"attempts" nullable:"false" doc:"Every attempt, in order."`
}

// Content is what a message says.
type Content struct {
	Body         string     `json:"body" doc:"The text; <redacted> for a key without the scope read_body, empty once it was scrubbed."`
	Subject      *string    `json:"subject" doc:"The subject; <redacted> as the body is."`
	TemplateType *string    `json:"template_type" example:"login_code_valid"`
	TemplateData jsonObject `json:"template_data" doc:"What the gateway's template was given; null for a key without the scope read_body."`
	Metadata     jsonObject `json:"metadata" doc:"The caller's own."`
	Segments     int        `json:"segments" doc:"How many segments the text takes."`
	Encoding     encoding   `json:"encoding"`
}

// Timeline is when things happened to a message, or will.
type Timeline struct {
	CreatedAt     moment      `json:"created_at" doc:"When the message was taken."`
	UpdatedAt     moment      `json:"updated_at" doc:"When it last changed."`
	SentAt        maybeMoment `json:"sent_at" doc:"When a gateway accepted it."`
	ExpiresAt     maybeMoment `json:"expires_at" doc:"When it loses its use; null for never."`
	NextAttemptAt maybeMoment `json:"next_attempt_at" doc:"When a queued message is due; null for any other."`
	ScrubbedAt    maybeMoment `json:"scrubbed_at" doc:"When its content was deleted, as retention.scrub_after says: body, subject and template data; null for not yet."`
}

// Fault is why an attempt failed.
type Fault struct {
	Class      *string `json:"class" example:"throttled" doc:"The kind of fault, the same for every gateway."`
	Code       *string `json:"code" doc:"The gateway's own error code."`
	Message    *string `json:"message" doc:"What happened and what to do next."`
	HTTPStatus *int    `json:"http_status" example:"429" doc:"The gateway's HTTP status; null when no answer was read."`
}

// attemptView is one try at handing a message to a gateway.
type attemptView struct {
	Number  int     `json:"number" doc:"Counts the attempts of a message from 1."`
	Gateway string  `json:"gateway" doc:"The gateway that was tried."`
	Outcome outcome `json:"outcome"`
	Fault
	Excerpt          *string `json:"excerpt" doc:"The redacted beginning of an answer that was no success."`
	GatewayMessageID *string `json:"gateway_message_id" doc:"The gateway's own name for the message."`
	StartedAt        moment  `json:"started_at"`
	Duration         string  `json:"duration" example:"12.3ms" doc:"How long the attempt took."`
}

// newMessage shows a message to a caller, its text only to one who may read it.
func newMessage(m *courier.Message, by caller) Message {
	view := Message{
		ID: m.ID, Status: status(m.Status), Channel: m.Channel, To: m.To, From: m.From,
		Content: newContent(m, by.may(ScopeReadBody)),
		Gateway: textOrNull(m.Gateway), GatewayMessageID: textOrNull(m.GatewayMessageID), SendCount: m.SendCount,
		Timeline: newTimeline(m),
	}
	if m.LastError != nil {
		fault := newFault(m.LastError)
		view.LastError.Fault = &fault
	}
	return view
}

func newContent(m *courier.Message, readable bool) Content {
	view := Content{
		Body: m.Body, Subject: textOrNull(m.Subject), TemplateType: textOrNull(m.TemplateType),
		TemplateData: jsonObject(m.TemplateData), Metadata: jsonObject(m.Metadata),
		Segments: m.Segments, Encoding: encoding(m.Encoding),
	}
	if readable || !m.ScrubbedAt.IsZero() {
		return view
	}
	view.Body, view.TemplateData = redacted, nil
	if view.Subject != nil {
		view.Subject = textOrNull(redacted)
	}
	return view
}

func newTimeline(m *courier.Message) Timeline {
	view := Timeline{
		CreatedAt: moment(m.CreatedAt), UpdatedAt: moment(m.UpdatedAt),
		SentAt: maybeMoment(m.SentAt), ExpiresAt: maybeMoment(m.ExpiresAt), ScrubbedAt: maybeMoment(m.ScrubbedAt),
	}
	if m.Status == courier.StatusQueued {
		view.NextAttemptAt = maybeMoment(m.NextAttemptAt)
	}
	return view
}

func newFault(a *courier.Attempt) Fault {
	view := Fault{Class: textOrNull(string(a.Class)), Code: textOrNull(a.Code), Message: textOrNull(a.Message)}
	if a.HTTPStatus != 0 {
		view.HTTPStatus = &a.HTTPStatus
	}
	return view
}

func newMessageDetail(m *courier.Message, attempts []courier.Attempt, by caller) messageDetail {
	detail := messageDetail{Message: newMessage(m, by), Attempts: make([]attemptView, len(attempts))}
	for i := range attempts {
		a := &attempts[i]
		detail.Attempts[i] = attemptView{
			Number: a.Number, Gateway: a.Gateway, Outcome: outcome(a.Outcome), Fault: newFault(a),
			Excerpt: textOrNull(a.Excerpt), GatewayMessageID: textOrNull(a.GatewayMessageID),
			StartedAt: moment(a.StartedAt), Duration: a.Duration.Round(time.Microsecond).String(),
		}
	}
	return detail
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// jsonObject is a JSON object as it was given, or null.
type jsonObject json.RawMessage

// MarshalJSON implements json.Marshaler.
func (o jsonObject) MarshalJSON() ([]byte, error) { return json.RawMessage(o).MarshalJSON() }
