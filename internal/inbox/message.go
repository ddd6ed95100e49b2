package inbox

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"courier/internal/gateway/gatewaytest"
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

func (i *Inbox) message(request *gatewaytest.Request) Message {
	read := readMessage(request)
	message := Message{
		ID:         request.ID,
		Method:     request.Method,
		Target:     request.Target,
		Headers:    i.headers(request),
		Body:       string(request.Body),
		Truncated:  request.Truncated,
		ReceivedAt: request.ReceivedAt.Truncate(time.Microsecond),
		Status:     request.Status,
		To:         validText(read.to),
		Text:       validText(read.text),
	}
	if !utf8.Valid(request.Body) {
		message.Body = validText(message.Body)
		message.BodyBase64 = base64.StdEncoding.EncodeToString(request.Body)
	}
	return message
}

func validText(text string) string { return strings.ToValidUTF8(text, "\ufffd") }

const hidden = "•••"

// headers copies the headers, with the secrets of the usual credentials hidden.
func (i *Inbox) headers(request *gatewaytest.Request) http.Header {
	headers := request.Header.Clone()
	if headers == nil {
		headers = http.Header{}
	}
	headers.Set("Host", request.Host)
	if i.showCredentials {
		return headers
	}
	for _, name := range [...]string{"Authorization", "Proxy-Authorization"} {
		for n, value := range headers[name] {
			headers[name][n] = hideToken(value)
		}
	}
	for n, value := range headers["Cookie"] {
		headers["Cookie"][n] = hideCookies(value)
	}
	return headers
}

// hideToken keeps the scheme: "Basic •••".
func hideToken(value string) string {
	scheme, _, found := strings.Cut(value, " ")
	if !found {
		return hidden
	}
	return scheme + " " + hidden
}

// hideCookies keeps the names: "sid=•••; lang=•••".
func hideCookies(value string) string {
	cookies := strings.Split(value, ";")
	for n, cookie := range cookies {
		name, _, found := strings.Cut(cookie, "=")
		if !found {
			cookies[n] = hidden
			continue
		}
		cookies[n] = name + "=" + hidden
	}
	return strings.Join(cookies, ";")
}
