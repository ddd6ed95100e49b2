package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"courier"
)

// Request is the request of one message, ready to be sent.
type Request struct {
	gateway *Gateway
	// message is what is masked in what the gateway answers.
	message *courier.Message
	body    []byte
}

// Render builds the request of a message; nothing is sent. The error is
// courier.ErrTemplateCanceled or a *courier.RenderError, and quotes neither body nor secret.
func (g *Gateway) Render(ctx context.Context, m *courier.Message) (*Request, error) {
	if m == nil {
		return nil, &courier.RenderError{Err: errors.New("no message was given")}
	}
	request := &Request{gateway: g, message: m}
	if g.template != nil && g.method != http.MethodTrace {
		body, err := g.bodyWith(ctx, g.template.evaluator(), m)
		if err != nil {
			return nil, g.renderError(m, err)
		}
		request.body = body
	}
	return request, nil
}

// HTTP returns the request as it will be sent. The caller may change it, and read its body once.
func (r *Request) HTTP(ctx context.Context) *http.Request {
	return newRequest(ctx, r.gateway.method, r.gateway.target, r.gateway.header.Clone(), r.body)
}

// newRequest returns a request that net/http sends once. GetBody is left out: net/http
// repeats a request that it takes for harmless (GET, TRACE, one with an
// Idempotency-Key) on a new connection when the old one broke, and a text
// message would go out twice. A body that cannot be read anew prevents that, so
// an empty one is given too. The header is shared and not changed.
func newRequest(ctx context.Context, method string, target *url.URL, header http.Header, body []byte) *http.Request {
	request := &http.Request{
		Method: method, URL: target, Host: target.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	if len(body) == 0 {
		switch method {
		case http.MethodPost, http.MethodPut, http.MethodPatch:
			// These say Content-Length: 0, and are not repeated for their method.
			request.Body = http.NoBody
			request.Header = hideIdempotencyKey(header)
		default:
			// Neither Content-Length nor chunks.
			request.TransferEncoding = []string{"identity"}
		}
	}
	return request.WithContext(ctx)
}

// hideIdempotencyKey spells the headers by which net/http decides to repeat a
// request without a body in another case; to the gateway they mean the same.
func hideIdempotencyKey(header http.Header) http.Header {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := header[name]; ok {
			header = header.Clone()
			delete(header, name)
			header[lowerASCII(name)] = values
		}
	}
	return header
}
