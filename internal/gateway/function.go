package gateway

import (
	"context"
	"fmt"
	"net/http"

	"courier"
)

// RequestFunc makes the request of a message in Go, in the place of templates. It is
// called concurrently, and may not change the message. courier.ErrTemplateCanceled
// withdraws the message; any other error means that there is no request for it.
type RequestFunc func(ctx context.Context, m *courier.Message) (Made, error)

// Made is what a RequestFunc makes of a message.
type Made struct {
	// Method and URL are the gateway's own when empty.
	Method, URL string
	// Header is added to the gateway's own, which go to no other host, and replaces those
	// of the same name.
	Header http.Header
	Body   []byte
}

// make calls the function of a gateway that has one.
func (g *Gateway) make(ctx context.Context, m *courier.Message, into *hop) (err error) {
	defer func() {
		if fault := recover(); fault != nil { // what it says may hold the message
			err = fmt.Errorf("the request function panicked with a %T: correct it", fault)
		}
	}()
	given := *m
	made, err := g.requestFunc(ctx, &given)
	if err != nil {
		return err
	}
	if made.Method != "" {
		if err := checkMethod(made.Method); err != nil {
			return fmt.Errorf("the request function gave a method: %w", err)
		}
		into.method = made.Method
	}
	if made.URL != "" {
		target, err := parseTarget(made.URL)
		if err != nil {
			return fmt.Errorf("the request function gave a URL that %w", err)
		}
		if into.target = withoutUser(target); originOf(target) != originOf(g.target) {
			into.header = http.Header{"Content-Type": into.header["Content-Type"]}
		}
	}
	into.body = made.Body
	return into.addHeader(made.Header)
}

func (h *hop) addHeader(more http.Header) error {
	h.header = h.header.Clone()
	for name, values := range more {
		for _, value := range values {
			if err := checkHeader("header", name, value); err != nil {
				return fmt.Errorf("the request function gave a wrong %w", err)
			}
		}
		h.header[http.CanonicalHeaderKey(name)] = values
	}
	dropConnectionHeaders(h.header)
	return nil
}
