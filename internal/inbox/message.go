package inbox

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"courier/internal/gateway/gatewaytest"
	"courier/internal/mask"
)

// Message is one request that the inbox caught.
type Message struct {
	// ID is the id that the answer gave.
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
	// To and Text are the recipient and the text, empty when they could not be read.
	To   string `json:"to"`
	Text string `json:"text"`
}

func newMessage(request *gatewaytest.Request) Message {
	to, text := readMessage(request)
	message := Message{
		ID:         request.ID,
		Method:     request.Method,
		Target:     request.Target,
		Headers:    headers(request),
		Body:       string(request.Body),
		Truncated:  request.Truncated,
		ReceivedAt: request.ReceivedAt.Truncate(time.Microsecond),
		Status:     request.Status,
		To:         validText(to),
		Text:       validText(text),
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
