package inbox

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"courier/internal/gateway/gatewaytest"
	"courier/internal/mask"
)

// Message is one request that the inbox caught.
type Message struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	Target string `json:"target"`
	// Headers hold the request's headers and Host.
	Headers http.Header `json:"headers"`
	// Body is the body as text; what is no UTF-8 is replaced, and BodyBase64 holds it all.
	Body       string    `json:"body"`
	BodyBase64 string    `json:"body_base64,omitempty"`
	Truncated  bool      `json:"truncated,omitempty"`
	ReceivedAt time.Time `json:"received_at"`
	// Status is the status that was answered, 0 for none.
	Status int `json:"status"`
	// To, From and Text are the recipient, the sender and the text, empty when they could
	// not be read, and Code is the one-time code in the text.
	To   string `json:"to"`
	From string `json:"from,omitempty"`
	Text string `json:"text"`
	Code string `json:"code,omitempty"`
	// Receipts are those that were sent for it.
	Receipts []Receipt `json:"receipts,omitempty"`
}

// Arrived reports whether a phone got the message: the gateway took it.
func (m *Message) Arrived() bool {
	return m.Status >= http.StatusOK && m.Status < http.StatusMultipleChoices
}

// note is what the inbox keeps with a request.
type note struct {
	reading

	// The mutex of the inbox guards the others. waited is true once a wait was given the code.
	waited   bool
	receipts []Receipt
}

// noteOf returns what is kept with a request.
func noteOf(request *gatewaytest.Request) *note {
	kept, _ := request.Note.(*note)
	return kept
}

// message is a request as it is shown.
func (i *Inbox) message(request *gatewaytest.Request) Message {
	kept := noteOf(request)
	i.mu.Lock()
	receipts := slices.Clone(kept.receipts)
	i.mu.Unlock()
	message := Message{
		ID:         request.ID,
		Method:     request.Method,
		Target:     request.Target,
		Headers:    headers(request),
		Body:       string(request.Body),
		Truncated:  request.Truncated,
		ReceivedAt: request.ReceivedAt.Truncate(time.Microsecond),
		Status:     request.Status,
		To:         kept.to,
		From:       kept.from,
		Text:       kept.text,
		Code:       kept.code,
		Receipts:   receipts,
	}
	if !utf8.Valid(request.Body) {
		message.Body = validText(message.Body)
		message.BodyBase64 = base64.StdEncoding.EncodeToString(request.Body)
	}
	return message
}

func validText(text string) string { return strings.ToValidUTF8(text, "\ufffd") }

// headers copies the headers, with the secrets of the usual credentials hidden.
func headers(request *gatewaytest.Request) http.Header {
	headers := request.Header.Clone()
	headers.Set("Host", request.Host)
	for _, name := range [...]string{"Authorization", "Proxy-Authorization", "Cookie"} {
		for n, value := range headers[name] {
			headers[name][n] = mask.Header(name, value)
		}
	}
	return headers
}
