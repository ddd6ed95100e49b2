package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
)

// content is what the caller gave and no query asks for. A row keeps it as one
// JSON document, so a new field is a line here, and two lines in the functions below.
type content struct {
	Subject        string           `json:"subject,omitempty"`
	TemplateType   string           `json:"template_type,omitempty"`
	TemplateData   jsontext.Value   `json:"template_data,omitzero"`
	RequestHeaders jsontext.Value   `json:"request_headers,omitzero"`
	Metadata       jsontext.Value   `json:"metadata,omitzero"`
	Encoding       courier.Encoding `json:"encoding,omitempty"`
	Segments       int              `json:"segments,omitzero"`
	TraceParent    string           `json:"trace_parent,omitempty"`
	Country        string           `json:"country,omitempty"`
	CallbackURL    string           `json:"callback_url,omitempty"`
	OnlyGateway    bool             `json:"only_gateway,omitzero"`
	SendAt         time.Time        `json:"send_at,omitzero"`
	// ExactBody is the body where the text of a database cannot hold it: it has the
	// character NUL, or bytes that are no UTF-8.
	ExactBody []byte `json:"exact_body,omitempty"`
}

// Row is a message with the columns that hold its content.
type Row struct {
	*courier.Message
	// BodyText is the body as the text of any database can hold it.
	BodyText string
	// Content is the document of everything else that the caller gave.
	Content string
	// HeldDueAt is when a message that waits for an older one would be due without it.
	HeldDueAt time.Time
	// holdUntil is HoldUntil of the message that was given.
	holdUntil time.Time
}

// newRow makes the columns of a message. A document in it that is no JSON is ErrInvalid.
func newRow(m *courier.Message) (Row, error) {
	document, err := encodeContent(m)
	if err != nil {
		return Row{}, fmt.Errorf("%w: template data, request headers or metadata are no JSON", ErrInvalid)
	}
	return Row{Message: m, BodyText: CleanText(m.Body), Content: document}, nil
}

func encodeContent(m *courier.Message) (string, error) {
	c := content{
		Subject: m.Subject, TemplateType: m.TemplateType, TemplateData: given(m.TemplateData), RequestHeaders: given(m.RequestHeaders),
		Metadata: given(m.Metadata), Encoding: m.Encoding, Segments: m.Segments, TraceParent: m.TraceParent,
		Country: m.Country, CallbackURL: m.CallbackURL, OnlyGateway: m.OnlyGateway, SendAt: m.SendAt,
	}
	if !isText(m.Body) {
		c.ExactBody = []byte(m.Body)
	}
	// The documents of callers are left as they are, whatever is in them.
	document, err := jsonv2.Marshal(&c,
		jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true))
	return string(document), err
}

func given(document json.RawMessage) jsontext.Value {
	if len(document) == 0 {
		return nil
	}
	return jsontext.Value(document)
}

// DecodeContent completes a message, whose other columns were read, by its document.
// One that cannot be read, as somebody wrote it by hand, becomes the template data:
// no template takes it, so that this message fails and no other.
func DecodeContent(m *courier.Message, document string) {
	decodeContent(m, document)
	if m.Encoding == "" && m.Segments == 0 && m.ScrubbedAt.IsZero() {
		// SQL stored it, which does not know the alphabets.
		m.Encoding, m.Segments = courier.CountSegments(m.Body)
	}
}

func decodeContent(m *courier.Message, document string) {
	var c content
	if err := jsonv2.Unmarshal([]byte(document), &c, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
		c = content{TemplateData: jsontext.Value(document)}
	}
	m.Subject, m.TemplateType, m.TemplateData = c.Subject, c.TemplateType, json.RawMessage(c.TemplateData)
	m.RequestHeaders, m.Metadata = json.RawMessage(c.RequestHeaders), json.RawMessage(c.Metadata)
	m.Encoding, m.Segments, m.TraceParent = c.Encoding, c.Segments, c.TraceParent
	m.Country, m.CallbackURL, m.OnlyGateway, m.SendAt = c.Country, c.CallbackURL, c.OnlyGateway, c.SendAt
	if c.ExactBody != nil {
		m.Body = string(c.ExactBody)
	}
}

// Scrub takes the content out of a message and leaves its history.
func Scrub(m *courier.Message, now time.Time) {
	m.Body, m.Subject, m.TemplateData, m.RequestHeaders = "", "", nil, nil
	m.ScrubbedAt = Floor(now)
}

// ScrubContent returns the document of a message that is scrubbed.
func ScrubContent(document string) string {
	var m courier.Message
	decodeContent(&m, document)
	Scrub(&m, time.Time{})
	// What was decoded can be encoded, and what could not be is gone.
	scrubbed, _ := encodeContent(&m)
	return scrubbed
}

func isText(text string) bool {
	return strings.IndexByte(text, 0) < 0 && utf8.ValidString(text)
}

// CleanText returns what the text of any database can hold of a text.
func CleanText(text string) string {
	if isText(text) {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}
