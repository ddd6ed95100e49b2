package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"courier"
)

// Request is the request of one message, ready to be sent.
type Request struct {
	gateway *Gateway
	// message is what is masked in what the gateway answers.
	message *courier.Message
	hop
}

// Render builds the request of a message; nothing is sent. The error is
// courier.ErrTemplateCanceled or a *courier.RenderError, and quotes neither body nor secret.
func (g *Gateway) Render(ctx context.Context, m *courier.Message) (*Request, error) {
	if m == nil {
		return nil, &courier.RenderError{Err: errors.New("no message was given")}
	}
	request := &Request{gateway: g, message: m, hop: hop{method: g.method, target: g.target, header: g.header}}
	if g.response != nil && g.response.template.evaluator() == nil {
		return nil, g.renderError(m, ErrNoTemplate) // the answer could not be judged
	}
	var err error
	if g.requestFunc != nil {
		if err = g.make(ctx, m, &request.hop); err != nil {
			return nil, g.renderError(m, err)
		}
	}
	if g.template != nil && g.method != http.MethodTrace {
		if request.body, err = g.bodyWith(ctx, g.template.evaluator(), m); err != nil {
			return nil, g.renderError(m, err)
		}
	}
	if g.query != nil {
		query, err := g.queryWith(ctx, g.query.evaluator(), m)
		if err != nil {
			return nil, g.renderError(m, err)
		}
		request.target = withQuery(g.target, query)
	}
	if err = g.sign(ctx, &request.hop); err != nil {
		return nil, g.renderError(m, err)
	}
	return request, nil
}

// sign adds the signature to a hop that is complete but for it.
func (g *Gateway) sign(ctx context.Context, h *hop) error {
	if g.signer == nil {
		return nil
	}
	request := newRequest(ctx, h.method, h.target, h.header.Clone(), h.body)
	if err := g.signer.Sign(request, h.body, g.nowFunc()); err != nil {
		return &signError{err}
	}
	h.header = request.Header
	return nil
}

// signError reports a request that could not be signed, which no other message would be.
type signError struct{ err error }

// Error implements error.
func (e *signError) Error() string { return "sign request: " + e.err.Error() }

// Unwrap returns the cause.
func (e *signError) Unwrap() error { return e.err }

// withQuery returns an address with more query parameters, which are encoded already.
func withQuery(target *url.URL, query []byte) *url.URL {
	if len(query) == 0 {
		return target
	}
	more := *target
	if more.RawQuery != "" && !strings.HasSuffix(more.RawQuery, "&") {
		more.RawQuery += "&"
	}
	more.RawQuery += string(query)
	return &more
}

// HTTP returns the request as it will be sent. The caller may change it, and read its body once.
func (r *Request) HTTP(ctx context.Context) *http.Request {
	return newRequest(ctx, r.method, r.target, r.header.Clone(), r.body)
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
