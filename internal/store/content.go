package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"courier"
)

// content is what the caller gave and no query asks for. A row keeps it as one
// JSON document, so a new field is a line here, and two lines in the functions below.
type content struct {
	Subject        string           `json:"subject,omitempty"`
	TemplateType   string           `json:"template_type,omitempty"`
	TemplateData   json.RawMessage  `json:"template_data,omitempty"`
	RequestHeaders json.RawMessage  `json:"request_headers,omitempty"`
	Metadata       json.RawMessage  `json:"metadata,omitempty"`
	Encoding       courier.Encoding `json:"encoding,omitempty"`
	Segments       int              `json:"segments,omitempty"`
	TraceParent    string           `json:"trace_parent,omitempty"`
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
		Subject: m.Subject, TemplateType: m.TemplateType, TemplateData: m.TemplateData, RequestHeaders: m.RequestHeaders,
		Metadata: m.Metadata, Encoding: m.Encoding, Segments: m.Segments, TraceParent: m.TraceParent,
	}
	if !isText(m.Body) {
		c.ExactBody = []byte(m.Body)
	}
	var document bytes.Buffer
	encoder := json.NewEncoder(&document)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(&c)
	return strings.TrimSuffix(document.String(), "\n"), err
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
	if err := json.Unmarshal([]byte(document), &c); err != nil {
		c = content{TemplateData: json.RawMessage(document)}
	}
	m.Subject, m.TemplateType, m.TemplateData, m.RequestHeaders = c.Subject, c.TemplateType, c.TemplateData, c.RequestHeaders
	m.Metadata, m.Encoding, m.Segments, m.TraceParent = c.Metadata, c.Encoding, c.Segments, c.TraceParent
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
