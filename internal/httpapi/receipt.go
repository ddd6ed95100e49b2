package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"courier"
)

// maxReceipt bounds the body of a request that brings receipts, in bytes.
const maxReceipt = 256 << 10

// Receipts takes what gateways report of the messages that they took.
type Receipts interface {
	// Receive checks a request and stores what it reports. Without an error, what it
	// reports is stored for good. Errors are *courier.Error or those of a store:
	//   - CodeNotFound when there is no such gateway, it takes no receipts, or the secret
	//     is another: a caller cannot tell which;
	//   - CodeUnauthorized when it does not come from the gateway;
	//   - CodeInvalidRequest when it cannot be read.
	// Their text and cause hold nothing of the secret, and of the request no more than
	// its kind. After any error but these three the gateway is to report again.
	Receive(ctx context.Context, request *ReceiptRequest) (ReceiptReply, error)
}

// ReceiptRequest is a request that brings receipts, as it arrived.
type ReceiptRequest struct {
	// Gateway and Secret are the parts of the path; Secret is empty for an address
	// without one.
	Gateway, Secret string
	// Method is GET or POST.
	Method string
	// Target is the path and the query as they were written. The address that the
	// gateway knows is that of public.url with this at its end.
	Target string
	Header http.Header
	// Body has at most 256 KiB.
	Body []byte
}

// ReceiptReply is the answer that a gateway expects.
type ReceiptReply struct {
	// Status is 200 when 0.
	Status int
	// ContentType is that of plain text when empty.
	ContentType string
	Body        []byte
}

// receiptEndpoints are those that gateways report to. What they are told of what is
// wrong is what they show to their customers, so it is as clear as elsewhere.
func (a *API) receiptEndpoints() []endpoint {
	if a.options.Receipts == nil {
		return nil
	}
	var endpoints []endpoint
	for _, path := range []string{"/receipts/{gateway}", "/receipts/{gateway}/{secret}"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			endpoints = append(endpoints, endpoint{method: method, path: path, handle: a.receive})
		}
	}
	return endpoints
}

func (a *API) receive(c *call) (any, error) {
	if c.r.Method == http.MethodHead { // it reports nothing, and a mux takes it for a GET
		c.w.Header().Set("Allow", "GET, POST")
		return nil, &courier.Error{Code: courier.CodeMethodNotAllowed, Message: "receipts are reported by GET or POST"}
	}
	body, err := readBody(c, maxReceipt, "report less at once")
	if err != nil {
		return nil, err
	}
	reply, err := a.options.Receipts.Receive(c.r.Context(), &ReceiptRequest{
		Gateway: c.r.PathValue("gateway"), Secret: c.r.PathValue("secret"), Method: c.r.Method,
		Target: c.r.URL.RequestURI(), Header: c.r.Header, Body: body,
	})
	if err != nil {
		a.logReceipt(c, err)
		return nil, err
	}
	writeContent(c.w, cmp.Or(reply.Status, http.StatusOK), cmp.Or(reply.ContentType, "text/plain; charset=utf-8"), reply.Body)
	return nil, nil
}

// logReceipt says that receipts are refused: an operator waits for them in vain. One
// line in a while is enough. A gateway that is not known is not named, as anybody may
// have written it.
func (a *API) logReceipt(c *call, err error) {
	fault := FaultOf(err)
	if fault.Code.HTTPStatus() >= http.StatusInternalServerError {
		return // logRefusal has it
	}
	attributes := []slog.Attr{slog.String("code", string(fault.Code)), slog.String("detail", fault.Message), errorAttr(errors.Unwrap(fault))}
	kind := string(fault.Code)
	if fault.Code == courier.CodeNotFound {
		peer, _, _ := net.SplitHostPort(c.r.RemoteAddr)
		attributes = append(attributes, slog.String("peer", peer))
	} else {
		gateway := c.r.PathValue("gateway")
		kind, attributes = kind+" "+gateway, append(attributes, slog.String("gateway", gateway))
	}
	left, due := a.receipts.next(kind)
	if !due {
		return
	}
	a.options.Logger.LogAttrs(c.r.Context(), slog.LevelWarn, "receipt refused; compare the address and the secrets that the gateway has with receipt_secret and the params of the gateway",
		append(attributes, slog.Int("more_before", left))...)
}
