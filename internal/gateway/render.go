package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"

	"courier"
)

// rendered is what Send needs beside the request: the body for a second hop and
// the message whose texts are masked in what the gateway answers.
type rendered struct {
	message *courier.Message
	body    []byte
}

// Render builds the request of a message; nothing is sent. The error is
// courier.ErrTemplateCanceled or a *courier.RenderError, and quotes neither body nor secret.
func (g *Gateway) Render(ctx context.Context, m *courier.Message) (*http.Request, error) {
	if m == nil {
		return nil, &courier.RenderError{Err: errors.New("no message was given")}
	}
	built := &rendered{message: m}
	if g.template != nil && g.method != http.MethodTrace {
		body, err := g.renderBody(ctx, m)
		if err != nil {
			return nil, g.renderError(m, err)
		}
		built.body = body
	}
	request := (&http.Request{
		Method:     g.method,
		URL:        g.target,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     maps.Clone(g.header),
		Host:       g.target.Host,
	}).WithContext(context.WithValue(ctx, renderedKey{}, built))
	setBody(request, built.body)
	return request, nil
}

// setBody gives a request its body without GetBody: net/http repeats a request
// that it takes for harmless (GET, TRACE, one with an Idempotency-Key) on a new
// connection when the old one broke, and a text message would go out twice.
// A body that cannot be read anew prevents that, so an empty one is given too.
func setBody(request *http.Request, body []byte) {
	request.GetBody = nil
	request.ContentLength = int64(len(body))
	request.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) > 0 {
		return
	}
	switch request.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		// These say Content-Length: 0, and are not repeated for their method.
		request.Body = http.NoBody
		hideIdempotencyKey(request.Header)
	default:
		// Neither Content-Length nor chunks.
		request.TransferEncoding = []string{"identity"}
	}
}

// hideIdempotencyKey spells the headers by which net/http decides to repeat a
// request without a body in another case; to the gateway they mean the same.
func hideIdempotencyKey(header http.Header) {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := header[name]; ok {
			delete(header, name)
			header[lowerASCII(name)] = values
		}
	}
}
