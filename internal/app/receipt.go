package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"

	"courier"
	"courier/internal/gateway"
	"courier/internal/httpapi"
	"courier/internal/signature"
)

// receivers read the receipts of the gateways of one configuration, by their names.
type receivers map[string]receiver

// receiver reads the receipts of one gateway.
type receiver struct {
	*gateway.Receiver
	// secret is the last part of its address, empty for none.
	secret string
	// public is the address of the public listener as gateways know it.
	public string
}

// receipts takes what gateways report, by the configuration in force.
type receipts struct {
	current atomic.Pointer[receivers]
	// storeFunc returns once the receipts are stored for good.
	storeFunc func(context.Context, []courier.Receipt) error
}

// Receive implements httpapi.Receipts.
func (r *receipts) Receive(ctx context.Context, request *httpapi.ReceiptRequest) (httpapi.ReceiptReply, error) {
	from, known := (*r.current.Load())[request.Gateway]
	if right := subtle.ConstantTimeCompare([]byte(from.secret), []byte(request.Secret)) == 1; !known || !right {
		return httpapi.ReceiptReply{}, &courier.Error{
			Code: courier.CodeNotFound, Message: "no gateway takes receipts at this address; compare it with that of: courier gateways show",
		}
	}
	result, err := from.Receive(ctx, requestAs(request.Method, request.Target, request.Header, from.public, request.Body))
	if err != nil {
		return httpapi.ReceiptReply{}, receiptFault(err)
	}
	if len(result.Receipts) > 0 {
		if err := r.storeFunc(ctx, result.Receipts); err != nil {
			return httpapi.ReceiptReply{}, err
		}
	}
	return httpapi.ReceiptReply(result.Reply), nil
}

// requestAs is a request as its sender made it to a public address.
func requestAs(method, at string, header http.Header, public string, body []byte) *signature.Request {
	target, err := url.ParseRequestURI(at)
	if err != nil {
		target = &url.URL{}
	}
	return signature.NewRequest(&http.Request{Method: method, URL: target, RequestURI: at, Header: header}, public, body)
}

// receiptFault says what is wrong with a request, and no more of it than its kind.
func receiptFault(err error) error {
	switch {
	case errors.Is(err, gateway.ErrUnauthentic):
		return &courier.Error{Code: courier.CodeUnauthorized, Message: gateway.ErrUnauthentic.Error(), Err: err}
	case errors.Is(err, gateway.ErrMalformed):
		return &courier.Error{Code: courier.CodeInvalidRequest, Message: gateway.ErrMalformed.Error(), Err: err}
	}
	return err
}
